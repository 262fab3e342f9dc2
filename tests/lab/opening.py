"""What the first bytes of a connection say: TLS with a server name (RFC 8446, RFC 6066) or HTTP with a Host (RFC 9112).

This is all that a censor on the path can read. The bytes may come in any number of pieces: `read_opening` answers
`None` until it can tell, and it can always tell after `ENOUGH` bytes. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum

ENOUGH = 32 * 1024
_HANDSHAKE_RECORD = 22
_CLIENT_HELLO = 1
_SERVER_NAME_EXTENSION = 0
_HOST_NAME = 0
_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ")


class Speech(StrEnum):
    """What a client speaks."""

    TLS = "tls"
    HTTP = "http"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a client said first; `name` is `None` where it named no server."""

    speech: Speech
    name: str | None = None


OTHER = Opening(speech=Speech.OTHER)


class _ShortError(Exception):
    """The bytes end before the field does."""


class _Cursor:
    """Reads big-endian fields, never past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        if self._at + length > len(self._data):
            raise _ShortError
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def vector(self, width: int) -> bytes:
        """A field that carries its own length first."""
        return self.take(self.number(width))

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def read_opening(data: bytes) -> Opening | None:
    """Tells what a connection's first bytes say; `None`: more of them are needed."""
    if not data:
        return None
    opening = _read_tls(data) if data[0] == _HANDSHAKE_RECORD else _read_http(data)
    return OTHER if opening is None and len(data) >= ENOUGH else opening


def _read_tls(data: bytes) -> Opening | None:
    handshake = _Cursor(_handshake_bytes(data))
    try:
        if handshake.number(1) != _CLIENT_HELLO:
            return OTHER
        hello = _Cursor(handshake.vector(3))
    except _ShortError:
        return None
    try:
        return Opening(speech=Speech.TLS, name=_server_name(hello))
    except _ShortError:  # the whole message is there, and says something else than it is long
        return OTHER


def _handshake_bytes(data: bytes) -> bytes:
    """The handshake messages in the records, cut wherever they are; an incomplete record counts as far as it goes."""
    cursor, handshake = _Cursor(data), b""
    try:
        while cursor.number(1) == _HANDSHAKE_RECORD:
            cursor.take(2)
            length = cursor.number(2)
            handshake += cursor.take(min(length, cursor.left))
    except _ShortError:
        pass
    return handshake


def _server_name(hello: _Cursor) -> str | None:
    hello.take(2 + 32)  # version, random
    hello.vector(1)  # session id
    hello.vector(2)  # cipher suites
    hello.vector(1)  # compression methods
    if not hello.left:
        return None
    extensions = _Cursor(hello.vector(2))
    while extensions.left:
        kind, body = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME_EXTENSION:
            names = _Cursor(_Cursor(body).vector(2))
            return names.vector(2).decode("ascii", "replace").lower() if names.number(1) == _HOST_NAME else None
    return None


def _read_http(data: bytes) -> Opening | None:
    if not any(data.startswith(method) or method.startswith(data) for method in _METHODS):
        return OTHER
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return None
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"host":
            host = value.strip().decode("ascii", "replace").lower()
            return Opening(speech=Speech.HTTP, name=host.rpartition(":")[0] or host)
    return Opening(speech=Speech.HTTP)
