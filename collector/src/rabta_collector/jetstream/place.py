"""Where a journal on JetStream is, as its URL says. Pure.

    nats://HOST[:PORT][,HOST[:PORT]...][/STREAM][?replicas=3&bytes=N&user=NAME&password_file=F&ca=F&cert=F&key=F]

`tls://` speaks TLS, and so does `nats://` with `ca`. A URL holds no secret: it stands in process lists and in what
`rabta-collector config` prints.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

PORT = 4222
SCHEMES = ("nats", "tls")
STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
KEYS = ("replicas", "bytes", "user", "password_file", "ca", "cert", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stream, and how to come to it. `bytes`: what it may hold, 0 for what the server gives."""

    url: str
    servers: tuple[str, ...]
    stream: str = "rabta"
    replicas: int = 1
    bytes: int = 0
    tls: bool = False
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def subjects(self) -> str:
        """Of all rows."""
        return f"{self.stream}.journal.>"

    @property
    def marks(self) -> str:
        """The stream that knows of each agent what the journal gave up: one message each."""
        return f"{self.stream}_MARKS"

    @property
    def events(self) -> str:
        """The stream of what was decided."""
        return f"{self.stream}_EVENTS"

    def event_of(self, isp: str) -> str:
        """Of an ISP's events."""
        return f"{self.stream}.event.{isp}"

    @property
    def needs(self) -> str:
        """The stream that knows of each process which rows it needs no more."""
        return f"{self.stream}_NEEDS"

    def need_of(self, part: str, number: int | str, count: int | str, name: str) -> str:
        """Of one that has or wants a share of so many; its data directory's name."""
        return f"{self.stream}.need.{part}.{number}.{count}.{name}"

    def subject_of(self, isp: str, agent: str) -> str:
        """Of a row: by ISP, so that whoever decides on some of them reads no others."""
        return f"{self.stream}.journal.{isp or '_'}.{agent or '_'}"

    def subject_of_presence(self, agent: str) -> str:
        """Of when agents came and went, where many processes write: whoever decides on any ISP reads them all."""
        return f"{self.stream}.journal._.{agent}.here"

    def rows_of(self, agent: str) -> str:
        """Of all measurements of an agent, whichever ISP it was at."""
        return f"{self.stream}.journal.*.{agent}"

    def heard(self, *words: str) -> str:
        """Of what processes tell one another at the moment and no stream keeps."""
        return ".".join((self.stream, "now", *words))

    def bucket(self, name: str) -> str:
        """A bucket of keys and values."""
        return f"{self.stream}_{name}"

    def marks_of(self, agent: str) -> str:
        return f"{self.stream}.marks.{agent}"


def parse_place(text: str) -> Place:
    """Raises `ValueError`, one line."""
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        raise ValueError(f'"{text}" is no journal; expected sqlite or nats://HOST:PORT/STREAM')
    if "@" in parts.netloc:
        raise ValueError("a journal's URL holds no password; expected ?user=NAME&password_file=FILE")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(query.keys() - set(KEYS)):
        raise ValueError(f'"{unknown[0]}" is no part of a journal\'s URL; expected one of {", ".join(KEYS)}')
    stream = parts.path.strip("/") or "rabta"
    if not STREAM.fullmatch(stream):
        raise ValueError(f'"{stream}" is no name of a stream: letters, digits, "-" and "_", at most 32')
    files = {name: Path(query[name]).expanduser() for name in ("password_file", "ca", "cert", "key") if query.get(name)}
    if ("cert" in files) != ("key" in files):
        raise ValueError("cert and key of a journal's URL go together; one of them is missing")
    return Place(
        url=text,
        servers=tuple(_server(host) for host in parts.netloc.split(",")),
        stream=stream,
        replicas=_number(query, "replicas", 1, (1, 3, 5)),
        bytes=_number(query, "bytes", 0, None),
        tls=parts.scheme == "tls" or "ca" in files,
        user=query.get("user", ""),
        **files,
    )


def _server(text: str) -> str:
    """As the client wants it. Raises `ValueError`."""
    found = urlsplit(f"nats://{text}")
    host, port = found.hostname, found.port  # raises where the port is no number
    if not host:
        raise ValueError(f'"{text}" is no HOST:PORT')
    return f"nats://[{host}]:{port or PORT}" if ":" in host else f"nats://{host}:{port or PORT}"


def _number(query: dict[str, str], name: str, default: int, choices: tuple[int, ...] | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or (choices is not None and int(text) not in choices):
        expected = "a number" if choices is None else " or ".join(map(str, choices))
        raise ValueError(f'{name} of a journal\'s URL is "{text}"; expected {expected}')
    return int(text)
