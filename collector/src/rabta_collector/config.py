"""The collector's configuration: flags over `RABTA_*` environment over a TOML file over defaults.

Every key is a row of `KEYS`; an unknown key of the file is an error that names it. Raises `InvalidConfigError`.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import platformdirs

from rabta_collector.archive.keeping import Keeping
from rabta_collector.document import InvalidFileError, Table, parse_duration, read_toml
from rabta_collector.isp_share import WHOLE, IspShare, parse_share
from rabta_collector.jetstream.place import parse_place
from rabta_collector.limits import Limits
from rabta_collector.locators import is_address, is_host_name
from rabta_collector.settings import Settings

LEVELS = ("debug", "info", "warning", "error")


class InvalidConfigError(ValueError):
    """A configuration that cannot be used; the message is one line for the operator."""


class InvalidFlagError(InvalidConfigError):
    """A flag's value that cannot be used: wrong usage of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server listens; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return self.host in ("::1", "localhost") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `serve` runs with. `None` is the default that the meaning of the key states."""

    data: Path = field(default_factory=lambda: platformdirs.user_data_path("rabta-collector", appauthor=False))
    grpc: Endpoint = Endpoint(host="127.0.0.1", port=50051)
    http: Endpoint = Endpoint(host="127.0.0.1", port=8080)
    https: Endpoint | None = None
    admin: Endpoint | None = None
    admin_tls: bool = True
    targets: Path | None = None
    isps: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    journal: str = "sqlite"
    asn_db: Path | None = None
    lab: bool = False
    log_level: str = "info"
    endpoints: tuple[str, ...] = ()
    heartbeat: float | None = None
    share_pause: float | None = None
    bytes_per_day: int = 15_000_000
    checkpoint: float | None = None
    share: IspShare = WHOLE
    decide: Mapping[str, float] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    archive: Keeping = field(default_factory=Keeping)

    @property
    def heartbeat_s(self) -> float:
        return self.heartbeat or (1.0 if self.lab else 15.0)

    @property
    def share_pause_s(self) -> float:
        return self.share_pause or (0.5 if self.lab else 30.0)

    @property
    def checkpoint_s(self) -> float:
        return self.checkpoint or 300.0

    @property
    def settings(self) -> Settings:
        """What the decisions run with."""
        return replace(Settings(), **self.decide)  # type: ignore[arg-type] # numbers all, by `_decide`


def parse_endpoint(text: str) -> Endpoint:
    """`HOST:PORT` or `[IPV6]:PORT`. Raises `ValueError`."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if not separator or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f'"{text}" is not HOST:PORT')
    if not is_address(host) and not is_host_name(host):
        raise ValueError(f'"{text}" is not HOST:PORT: "{host}" is neither a name nor an address')
    return Endpoint(host=host, port=int(port))


def parse_switch(text: str) -> bool:
    """A switch as files and environments write it. Raises `ValueError`."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    raise ValueError(f'"{text}" is neither true nor false')


def _path(text: str) -> Path:
    if not text:
        raise ValueError("empty; expected a path")
    return Path(text).expanduser()


def _journal(text: str) -> str:
    if text != "sqlite":
        parse_place(text)
    return text


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise ValueError(f'"{text}" is none of {", ".join(LEVELS)}')
    return text.lower()


def _pause(text: str) -> float:
    if not 0.1 <= (value := parse_duration(text)) <= 3600:
        raise ValueError(f'"{text}" is not within 100ms to 1h')
    return value


def _bytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 10_000 <= int(text) <= 10**12:
        raise ValueError(f'"{text}" is no number of bytes from 10000 up')
    return int(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: how its text is read, and what it means."""

    parse: Callable[[str], object]
    meaning: str


KEYS = {
    "data": Key(parse=_path, meaning="directory of everything that is kept"),
    "grpc": Key(parse=parse_endpoint, meaning="HOST:PORT for agents; RABTA_GRPC_PORT sets the default's port"),
    "http": Key(parse=parse_endpoint, meaning="HOST:PORT for readers; RABTA_HTTP_PORT sets the default's port"),
    "https": Key(parse=parse_endpoint, meaning="HOST:PORT for readers and agents' POST, over TLS; none: no such port"),
    "admin": Key(parse=parse_endpoint, meaning="HOST:PORT for /metrics alone, off the readers' side; none: there"),
    "admin_tls": Key(
        parse=parse_switch, meaning="whether `admin` speaks TLS where there is a certificate; not on loopback"
    ),
    "targets": Key(parse=_path, meaning="what to measure, TOML or Citizen Lab CSV; none: the default catalogue"),
    "isps": Key(parse=_path, meaning="the country's ISPs, TOML; none: Pakistan's"),
    "tls_cert": Key(parse=_path, meaning="certificate chain of the agents' side, PEM; none: plain"),
    "tls_key": Key(parse=_path, meaning="its key, PEM"),
    "journal": Key(parse=_journal, meaning="where measurements are journaled: sqlite, or nats://HOST:PORT/STREAM"),
    "asn_db": Key(parse=_path, meaning="address to AS number, MMDB; none: agents' own word for their ISP"),
    "lab": Key(parse=parse_switch, meaning="takes agents that run with the lab switch, and hurries"),
    "log_level": Key(parse=_level, meaning="debug, info, warning or error"),
    "endpoints": Key(parse=_words, meaning="further addresses of this collector, handed out to agents"),
    "heartbeat": Key(parse=_pause, meaning="between signs of life of an agent; 15s, in the lab 1s"),
    "share_pause": Key(parse=_pause, meaning="from a change of agents to new plans; 30s, in the lab 500ms"),
    "bytes_per_day": Key(parse=_bytes, meaning="what a plan may cost a volunteer a day"),
    "checkpoint": Key(parse=_pause, meaning="between two checkpoints, from which a start goes on, at the most; 5m"),
    "share": Key(parse=parse_share, meaning="which ISPs `decide` decides on: N/M, the N-th of M shares; 1/1: all"),
}


def load_config(*, flags: Mapping[str, str], environment: Mapping[str, str], file: Path | None) -> Config:
    """The effective configuration. `flags` and `environment` hold texts as they were given."""
    if file is None and environment.get("RABTA_CONFIG"):
        file = Path(environment["RABTA_CONFIG"])
    values: dict[str, object] = {"grpc": _default_port(environment, "grpc"), "http": _default_port(environment, "http")}
    if file is not None:
        values |= _from_file(file)
    for key in KEYS:
        name = f"RABTA_{key.upper()}"
        # Not `lab`: a shell left over from lab work must not open a real collector to lab agents.
        if name in environment and key != "lab":
            values[key] = _parse(key, environment[name], name)
        if key in flags:
            values[key] = _of_flag(key, flags[key])
    config = Config(**values)  # type: ignore[arg-type] # each parsed by the key's own parser
    if (config.tls_cert is None) != (config.tls_key is None):
        raise InvalidConfigError("tls_cert and tls_key go together; one of them is missing")
    if config.https is not None and config.tls_cert is None:
        raise InvalidConfigError("https needs tls_cert and tls_key")
    return config


def _default_port(environment: Mapping[str, str], key: str) -> Endpoint:
    default: Endpoint = getattr(Config(), key)
    name = f"RABTA_{key.upper()}_PORT"
    if not (text := environment.get(name)):
        return default
    try:
        return parse_endpoint(f"{default.host}:{text}")
    except ValueError:
        raise InvalidConfigError(f'{name}: "{text}" is no port') from None


def _parse(key: str, text: str, origin: str) -> object:
    try:
        return KEYS[key].parse(text)
    except ValueError as wrong:
        raise InvalidConfigError(f"{origin}: {wrong}") from None


def _of_flag(key: str, text: str) -> object:
    try:
        return _parse(key, text, f"--{key.replace('_', '-')}")
    except InvalidConfigError as wrong:
        raise InvalidFlagError(str(wrong)) from None


def _from_file(file: Path) -> dict[str, object]:
    try:
        root = read_toml(file)
        values: dict[str, object] = {}
        for key in KEYS:
            if root.has(key):
                values[key] = _of_table(root, key)
        values["decide"] = _numbers(root.table("decide"), Settings())
        values["limits"] = replace(Limits(), **_numbers(root.table("limits"), Limits()))  # type: ignore[arg-type] # whole
        values["archive"] = Keeping(**_numbers(root.table("archive"), Keeping()))  # type: ignore[arg-type] # whole
        root.close()
    except InvalidFileError as wrong:
        raise InvalidConfigError(str(wrong)) from None
    return values


def _of_table(root: Table, key: str) -> object:
    value = root.get(key, object, "a value")
    if isinstance(value, list):
        text = ",".join(root.words(key))
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return KEYS[key].parse(text)
    except ValueError as wrong:
        raise root.error(key, str(wrong)) from None


def _numbers(table: Table, defaults: Settings | Limits | Keeping) -> dict[str, float]:
    """Numbers under the names of a dataclass's fields; those that are whole stay whole."""
    values: dict[str, float] = {}
    for name, default in ((entry.name, getattr(defaults, entry.name)) for entry in fields(defaults)):
        if table.has(name) and isinstance(default, int | float):
            value = table.get(name, object, "a number")
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e12:
                raise table.error(name, "expected a number above 0")
            values[name] = int(value) if isinstance(default, int) else float(value)
    table.close()
    return values


def to_toml(config: Config) -> str:
    """The effective configuration as a file that gives the same again; what is `None` stands as a comment."""
    lines = []
    for key, row in KEYS.items():
        value = getattr(config, key)
        shown = "" if value is None else _toml_value(value)
        lines.append(f"{key} = {shown} # {row.meaning}" if shown else f"# {key} = # {row.meaning}")
    lines.append("\n[decide]")
    for entry in fields(Settings):
        value = config.decide.get(entry.name, getattr(Settings(), entry.name))
        if isinstance(value, int | float):
            lines.append(f"{entry.name} = {value}")
    for name, numbers in (("limits", config.limits), ("archive", config.archive)):
        lines += [f"\n[{name}]", *(f"{entry.name} = {getattr(numbers, entry.name)}" for entry in fields(numbers))]
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)  # what we print can be read
    return text


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, float):
        return f'"{value:g}s"'
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
