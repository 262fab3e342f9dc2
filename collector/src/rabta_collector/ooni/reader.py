"""Finds JSON documents in files: one document, documents one after another, one on each line, a list; plain or gzip.

Invariants: at most one document of at most `LIMIT` bytes is in memory; what cannot be read is a `Trouble` that names
file and line, and costs no document after it.

A document starts on a line of its own. A line that is no document by itself opens one that goes on until a line that
begins with its closing bracket, or until a line that is a document by itself with `test_keys`: then the one before was
cut short.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from rabta_collector.ooni.fields import Record

LIMIT = 1 << 25
ATTEMPTS = 64
"""Closing brackets at which a document is tried; each try costs its length."""

SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".gz")
_GZIP = b"\x1f\x8b"
_NOT_THERE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a document begins; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What could not be read: a document, or a file, or its rest."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON object and where it begins."""

    place: Place
    record: Record


Found = Document | Trouble
Heard = Callable[[int], None]
"""Is told how many bytes of a file were read so far, as they lie on disk."""


def unheard(_: int) -> None:
    """For whoever does not ask."""


def read_path(path: Path, heard: Heard = unheard) -> Iterator[Found]:
    """The documents of a file, or of a directory's files in order of their names, at any depth."""
    if not path.is_dir():
        yield from read_file(path, heard)
        return
    files = sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
    if not files:
        yield Trouble(place=str(path), what=f"no file in it ends in {', '.join(SUFFIXES[:3])} or .gz")
    for file in files:
        yield from read_file(file)


def read_file(path: Path, heard: Heard = unheard) -> Iterator[Found]:
    """The documents of one file."""
    pending, empty = _Pending(str(path)), True
    for number, line in read_lines(path, heard):
        found = (*pending.give_up(), line) if isinstance(line, Trouble) else tuple(pending.take(number, line))
        empty = empty and not found
        yield from found
    rest = tuple(pending.give_up())
    yield from rest
    if empty and not rest:
        yield Trouble(place=str(path), what="nothing in it")


def read_lines(path: Path, heard: Heard = unheard) -> Iterator[tuple[int, bytes | Trouble]]:
    """The lines of a file, plain or gzip, with their numbers; what cannot be read is a trouble, and mostly the last."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == _GZIP
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            for number, line in _lines(str(path), stream):
                heard(raw.tell())
                yield number, line
    except OSError as wrong:
        yield 0, Trouble(place=str(path), what=_words(wrong))


def _lines(file: str, stream: BinaryIO) -> Iterator[tuple[int, bytes | Trouble]]:
    number = 1
    try:
        while line := stream.readline(LIMIT + 1):
            if len(line) > LIMIT:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(LIMIT)
                yield number, Trouble(place=f"{file}:{number}", what=f"a line of more than {LIMIT >> 20} MiB")
            else:
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            number += 1
    except (OSError, EOFError, zlib.error) as wrong:
        yield number, Trouble(place=f"{file}:{number}", what=_words(wrong))


def _words(wrong: Exception) -> str:
    return (wrong.strerror if isinstance(wrong, OSError) else None) or str(wrong) or "cannot be read"


class _Pending:
    """Lines of a document that has begun and is not yet whole."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: list[tuple[int, bytes]] = []
        self._size, self._attempts = 0, 0

    def take(self, number: int, line: bytes) -> Iterator[Found]:
        """Documents that are whole with this line."""
        if not line.strip():
            return
        if not self._lines or (line[:1] == b"{" and b'"test_keys"' in line):
            value = _parse(line)
            if value is not _NOT_THERE:
                yield from self.give_up()
                yield from self._give(number, value)
                return
        self._lines.append((number, line))
        self._size += len(line)
        start = self._lines[0][0]
        if self._size > LIMIT:
            self._clear()
            yield Trouble(place=f"{self._file}:{start}", what=f"a document of more than {LIMIT >> 20} MiB")
        elif line[:1] in b"}]" and self._attempts < ATTEMPTS:
            self._attempts += 1
            value = self._whole()
            if value is not _NOT_THERE:
                self._clear()
                yield from self._give(start, value)

    def give_up(self) -> Iterator[Found]:
        """What stands in the lines so far, be it whole or not."""
        if not self._lines:
            return
        value, start, lines = self._whole(), self._lines[0][0], self._lines
        self._clear()
        if value is not _NOT_THERE:
            yield from self._give(start, value)
            return
        yield Trouble(place=f"{self._file}:{start}", what="not a JSON document")
        for number, line in lines[1:]:  # it was that line alone, or some
            if line[:1] in b"{[" and (value := _parse(line)) is not _NOT_THERE:
                yield from self._give(number, value)

    def _whole(self) -> object:
        return _parse(b"".join(line for _, line in self._lines))

    def _clear(self) -> None:
        self._lines, self._size, self._attempts = [], 0, 0

    def _give(self, number: int, value: object) -> Iterator[Found]:
        place = Place(file=self._file, line=number)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield Document(place=place, record=item)
            else:
                yield Trouble(place=str(place), what="a JSON value, and not a measurement")


def _parse(line: bytes) -> object:
    """The value, or `_NOT_THERE`."""
    try:
        return cast(object, json.loads(line.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return _NOT_THERE
