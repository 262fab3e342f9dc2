"""A TOML file (https://toml.io/en/v1.0.0) whose errors name file, line and key.

`tomllib` says where syntax is wrong but not where a value stands, so the lines of headers and keys are found here by a
second, simple reading. It serves messages only: a value's meaning never depends on it.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Place = tuple[str | int, ...]
Value = TypeVar("Value")

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class InvalidFileError(ValueError):
    """A file that cannot be used; the message is one line for the operator."""


class Table:
    """One table of a file, read key by key; `close` refuses whatever was not read."""

    def __init__(self, *, file: str, lines: Mapping[Place, int], place: Place, values: Mapping[str, object]) -> None:
        self._file, self._lines, self._place, self._values = file, lines, place, values
        self._read: set[str] = set()

    def error(self, key: str, problem: str) -> InvalidFileError:
        """An error about a key of this table, or about the table itself where `key` is empty."""
        place = (*self._place, key) if key else self._place
        dotted = ".".join(str(part) for part in place if isinstance(part, str))
        while place not in self._lines:
            place = place[:-1]
        return InvalidFileError(f"{self._file}:{self._lines[place]}: {dotted}: {problem}")

    def has(self, key: str) -> bool:
        self._read.add(key)
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def get(self, key: str, kind: type[Value], what: str, default: Value | None = None) -> Value:
        """The value of a key, of exactly this type; the default where the key is missing and has one."""
        self._read.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.error(key, f"missing; expected {what}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
            raise self.error(key, f"expected {what}, not {_shown(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key, str, "a string", default)
        if not value.isprintable():
            raise self.error(key, "holds a character that cannot be printed")
        return value

    def integer(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        value = self.get(key, int, "a whole number", default)
        if not least <= value <= most:
            raise self.error(key, f"expected {least} to {most}, not {value}")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"{_shown(value)} is none of {', '.join(choices)}")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where the key is missing."""
        values = self.get(key, list, "a list of strings", [])
        for value in values:
            if not isinstance(value, str) or not value.isprintable():
                raise self.error(key, f"expected a list of strings, not {_shown(value)} in it")
        return tuple(values)

    def seconds(self, key: str, default: float | None = None, *, least: float, most: float) -> float:
        """A duration such as "60s"; the default is in seconds."""
        self._read.add(key)
        if key not in self._values and default is not None:
            return default
        try:
            value = parse_duration(self.text(key))
        except InvalidFileError:
            raise
        except ValueError as wrong:
            raise self.error(key, str(wrong)) from None
        if not least <= value <= most:
            raise self.error(key, f"{_shown(self._values[key])} is not within {least:g} to {most:g} seconds")
        return value

    def table(self, key: str) -> "Table":
        """A table under this one; an empty one where the key is missing."""
        return self._under((key,), self.get(key, dict, "a table", {}))

    def tables(self, key: str) -> Iterator["Table"]:
        """Each table of an array; none where the key is missing."""
        for index, values in enumerate(self.get(key, list, f"tables, each under [[{key}]]", [])):
            if not isinstance(values, dict):
                raise self.error(key, f"expected tables, each under [[{key}]], not {_shown(values)}")
            yield self._under((key, index), values)

    def _under(self, below: Place, values: Mapping[str, object]) -> "Table":
        return Table(file=self._file, lines=self._lines, place=(*self._place, *below), values=values)

    def close(self) -> None:
        """Refuses keys that nothing asked for, and says which one was meant."""
        for key in self._values:
            if key not in self._read:
                meant = difflib.get_close_matches(key, self._read, 1)
                raise self.error(key, "unknown key" + (f"; did you mean {meant[0]}?" if meant else ""))


def read_toml(file: Path) -> Table:
    """The root table of a file. Raises `InvalidFileError`."""
    return parse_toml(read_text(file), str(file))


def read_text(file: Path) -> str:
    """A whole text file. Raises `InvalidFileError` where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise InvalidFileError(f"{file}: {wrong.strerror or wrong}") from None
    except UnicodeDecodeError as wrong:
        raise InvalidFileError(f"{file}: not UTF-8 text (byte {wrong.start})") from None


def parse_toml(text: str, file: str) -> Table:
    """The root table of a text. Raises `InvalidFileError`, which names `file`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise InvalidFileError(_syntax(str(wrong), text, file)) from None
    except RecursionError:
        raise InvalidFileError(f"{file}:1: nested too deeply") from None
    return Table(file=file, lines=locate(text), place=(), values=values)


def _syntax(message: str, text: str, file: str) -> str:
    """The parser's message in the form of all others, with the key that stands on the line."""
    lines = text.splitlines() or [""]
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message)
    number = int(found[2]) if found else len(lines)
    key = KEY.match(lines[min(number, len(lines)) - 1])
    problem = (found[1] if found else message.removesuffix(" (at end of document)")).replace("\n", " ")
    return f"{file}:{number}: {key[1] + ': ' if key else ''}{problem}"


def locate(text: str) -> dict[Place, int]:
    """The line of every header and key."""
    lines: dict[Place, int] = {(): 1}
    last: dict[Place, int] = {}
    here: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            here = _resolve(_parts(header[2]), last, opens=header[1] == "[[")
            lines.setdefault(here, number)
        elif key := KEY.match(line):
            place = here
            for part in _parts(key[1]):
                place = (*place, part)
                lines.setdefault(place, number)
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _resolve(parts: list[str], last: dict[Place, int], *, opens: bool) -> Place:
    """The place that a header names: each array of tables on the way stands for its last table."""
    place: Place = ()
    for part in parts[:-1]:
        place = (*place, part)
        if place in last:
            place = (*place, last[place])
    place = (*place, parts[-1])
    if opens:
        last[place] = last.get(place, -1) + 1
        place = (*place, last[place])
    return place


def parse_duration(text: str) -> float:
    """Seconds of a duration such as "500ms", "60s", "5m", "1h" or "7d". Raises `ValueError`."""
    if not (match := DURATION.fullmatch(text)):
        raise ValueError(f'{_shown(text)} is no duration such as "60s", "5m" or "1h"')
    return float(match[1]) * UNIT_SECONDS[match[2]]


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
