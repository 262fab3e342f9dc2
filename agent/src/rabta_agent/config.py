"""The agent's configuration: flags over `RABTA_*` environment over `agent.toml` in the home over defaults.

Every key is a row of `KEYS`; a key of the file that is none of them is an error that names it. The lab switch is taken
from the environment alone: a file that lifts the rules made for the volunteer's safety could be left behind unnoticed.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from ipaddress import ip_address
from pathlib import Path

from rabta_agent.categories import find_left_out, parse_categories
from rabta_agent.ceilings import BACKLOG_MOST_BYTES_PER_S
from rabta_agent.holds import Wishes
from rabta_agent.proxy import parse_proxy
from rabta_agent.strangers import in_words
from rabta_agent.words import LANGUAGES, tr

LEVELS = ("debug", "info", "warning", "error")
LAB_VARIABLE = "RABTA_LAB"
BACKLOG_LEAST_BYTES_PER_S = 1000
_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3}


class InvalidConfigError(ValueError):
    """A configuration that cannot be used; the message is one line for the volunteer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a command runs with. `None` is the default that the meaning of the key states."""

    lab: bool = False
    source_address: str | None = None
    resolver: tuple[str, ...] | None = None
    bytes_per_day: int | None = None
    proxy: str | None = None
    spool_bytes: int = 64 * 1024**2
    spool_days: int = 14
    backlog_bytes_per_s: int | None = None
    log_level: str = "info"
    lang: str | None = None
    leave_out: tuple[str, ...] | None = None
    take_in: tuple[str, ...] | None = None
    quiet_hours: str | None = None
    least_charge: int = 20
    through_vpn: bool = False
    when_metered: bool = True
    trace_path: bool = False

    @property
    def wishes(self) -> Wishes:
        """When nothing is to be measured."""
        return Wishes(
            quiet=parse_span(self.quiet_hours) if self.quiet_hours else None,
            least_charge=self.least_charge,
            through_vpn=self.through_vpn,
            when_metered=self.when_metered,
        )

    @property
    def left_out(self) -> frozenset[str]:
        """Categories that are not measured."""
        return find_left_out(self.leave_out, self.take_in)

    @property
    def day_allowance(self) -> int:
        """Bytes a day. In the lab they are loopback's and cost nobody anything."""
        return self.bytes_per_day or (10 * 1000**3 if self.lab else 15 * 1000**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: how its text is read, and what it means."""

    parse: Callable[[str], object]
    meaning: str


def parse_bytes(text: str) -> int:
    """A number of bytes, such as 15000000, 15MB or 1.5 GB; units are decimal. Raises `ValueError`."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]{0,2})", text.strip().lower())
    if match is None or match[2] not in _UNITS:
        raise ValueError(tr('"{text}" is no number of bytes (such as 15000000 or "15MB")', text=text))
    return int(float(match[1]) * _UNITS[match[2]])


def parse_span(text: str) -> tuple[time, time]:
    """Hours of the day, FROM-TO, over midnight where TO is the earlier. Raises `ValueError`."""
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(tr('"{text}" are no hours (such as 23:00-07:00)', text=text))
    begins, ends = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if begins == ends:
        raise ValueError(tr('"{text}" is either no time or all of it; `rabta-agent pause` stops everything', text=text))
    return begins, ends


def _span(text: str) -> str:
    return "-".join(f"{moment:%H:%M}" for moment in parse_span(text))


def _percent(text: str) -> int:
    digits = text.strip().removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit() and int(digits) <= 100):
        raise ValueError(tr('"{text}" is no percentage from 0 to 100', text=text))
    return int(digits)


def _lang(text: str) -> str:
    if text.lower() not in LANGUAGES:
        raise ValueError(tr('"{text}" is none of {known}', text=text, known=", ".join(LANGUAGES)))
    return text.lower()


def parse_switch(text: str) -> bool:
    """A switch as environments write it. Raises `ValueError`."""
    if text.strip().lower() in ("1", "true", "yes", "on"):
        return True
    if text.strip().lower() in ("", "0", "false", "no", "off"):
        return False
    raise ValueError(tr('"{text}" is neither 1 nor 0', text=text))


def parse_resolver(text: str) -> str:
    """ADDRESS, ADDRESS:PORT or [IPV6]:PORT. Raises `ValueError`."""
    host, port = _split_port(text)
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(tr('"{text}" is no address of a resolver (ADDRESS or ADDRESS:PORT)', text=text)) from None
    if port is not None and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(tr('"{text}" has no valid port', text=text))
    return text


def _split_port(text: str) -> tuple[str, str | None]:
    if bracketed := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text):
        return bracketed[1], bracketed[2]
    host, colon, port = text.partition(":")
    return (text, None) if ":" in port else (host, port if colon else None)  # two colons or more: IPv6 without a port


def _resolvers(text: str) -> tuple[str, ...]:
    found = tuple(parse_resolver(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ValueError(tr("empty; expected one address or more"))
    return found


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise ValueError(tr('"{text}" is no address', text=text)) from None


def _at_least(smallest: int, largest: int | None = None) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if (value := parse_bytes(text)) < smallest:
            raise ValueError(tr('"{text}" is less than {least} bytes', text=text, least=smallest))
        if largest is not None and value > largest:
            raise ValueError(tr('"{text}" is more than {most} bytes', text=text, most=largest))
        return value

    return parse


def _proxy(text: str) -> str:
    if text.strip().lower() != "none":
        parse_proxy(text)
    return text.strip()


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3650):
        raise ValueError(tr('"{text}" is no number of days from 1 to 3650', text=text))
    return int(text)


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise ValueError(tr('"{text}" is none of {known}', text=text, known=", ".join(LEVELS)))
    return text.lower()


KEYS = {
    "source_address": Key(parse=_address, meaning="address of this machine to measure from; none: its own choice"),
    "resolver": Key(parse=_resolvers, meaning="resolvers in place of the machine's own, ADDRESS[:PORT]"),
    "bytes_per_day": Key(parse=_at_least(100_000), meaning="most bytes a day, both ways together; 15 MB"),
    "spool_bytes": Key(parse=_at_least(100_000), meaning="most bytes of measurements that wait on disk"),
    "proxy": Key(parse=_proxy, meaning="proxy to the collector; unset: the environment's"),
    "spool_days": Key(parse=_days, meaning="most days that a measurement waits on disk"),
    "backlog_bytes_per_s": Key(
        parse=_at_least(BACKLOG_LEAST_BYTES_PER_S, BACKLOG_MOST_BYTES_PER_S),
        meaning="most bytes a second of measurements that waited; 16 kB",
    ),
    "log_level": Key(parse=_level, meaning="debug, info, warning or error"),
    "lang": Key(parse=_lang, meaning="language of what the agent says, en or ur; unset: the system's"),
    "leave_out": Key(parse=parse_categories, meaning="categories of sites that are never measured"),
    "take_in": Key(parse=parse_categories, meaning="risky categories that are measured all the same; none"),
    "quiet_hours": Key(parse=_span, meaning="hours in which nobody is contacted, local time, such as 23:00-07:00"),
    "least_charge": Key(parse=_percent, meaning="percent of battery below which nothing is measured"),
    "through_vpn": Key(parse=parse_switch, meaning="measure through a VPN, too, marked as such"),
    "when_metered": Key(parse=parse_switch, meaning="measure also where the system says that bytes are paid for"),
    "trace_path": Key(parse=parse_switch, meaning="look where on the path a target is cut; takes CAP_NET_RAW"),
}


def load_config(*, flags: Mapping[str, str], environment: Mapping[str, str], file: Path) -> Config:
    """The effective configuration; a file that does not exist is empty. Raises `InvalidConfigError`."""
    values: dict[str, object] = _from_file(file)
    for key in KEYS:
        if f"RABTA_{key.upper()}" in environment:
            values[key] = _parse(key, environment[f"RABTA_{key.upper()}"], f"RABTA_{key.upper()}")
        if key in flags:
            values[key] = _parse(key, flags[key], f"--{key.replace('_', '-')}")
    try:
        values["lab"] = parse_switch(environment.get(LAB_VARIABLE, ""))
    except ValueError as wrong:
        raise InvalidConfigError(f"{LAB_VARIABLE}: {wrong}") from None
    return Config(**values)  # type: ignore[arg-type] # each parsed by the key's own parser


def _parse(key: str, text: str, origin: str) -> object:
    try:
        return KEYS[key].parse(text)
    except ValueError as wrong:
        raise InvalidConfigError(f"{origin}: {wrong}") from None


def _from_file(file: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as wrong:
        raise InvalidConfigError(tr("{path}: cannot be read: {cause}", path=file, cause=in_words(wrong))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidConfigError(tr("{path}: not TOML: {cause}", path=file, cause=wrong)) from None
    for key in table:
        if key == "lab":
            raise InvalidConfigError(
                tr("{path}: lab: only the environment ({name}=1) switches the lab on", path=file, name=LAB_VARIABLE)
            )
        if key not in KEYS:
            raise InvalidConfigError(
                tr('{path}: unknown key "{key}"; known are {known}', path=file, key=key, known=", ".join(KEYS))
            )
    return {key: _parse(key, _text(key, value, file), f"{file}: {key}") for key, value in table.items()}


def _text(key: str, value: object, file: Path) -> str:
    """A value of the file in the form that the environment has it."""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise InvalidConfigError(tr("{path}: {key}: not a value of this key", path=file, key=key))
    return str(value)


def to_toml(config: Config) -> str:
    """The effective configuration as a file that gives the same again; a key at its default `None` is a comment."""
    lines = [f"# lab = {str(config.lab).lower()} # from {LAB_VARIABLE}"]
    for key, row in KEYS.items():
        value = getattr(config, key)
        lines.append(f"# {key} # {tr(row.meaning)}" if value is None else f"{key} = {_toml(value)} # {tr(row.meaning)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{entry}"' for entry in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


def set_keys(file: Path, values: Mapping[str, object]) -> None:
    """Writes keys into a configuration file, new or in the place of their old lines; all else in it stays as it is.

    Raises `InvalidConfigError`.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        for key, value in values.items():
            line = f"{key} = {_toml(value)}"
            places = [number for number, former in enumerate(lines) if re.match(rf"\s*{key}\s*=", former)]
            at = places[0] if places else len(lines)
            lines[at : at + 1] = [line]
        file.touch(mode=0o600)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidConfigError(tr("{path}: cannot be written: {cause}", path=file, cause=wrong)) from None
