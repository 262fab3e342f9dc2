"""The head of a response (RFC 9112) as browsers read it, where the server or a middlebox was careless in writing it.

h11 refuses a whole response for one bad line, and block pages are written by people who never tried them in anything
but a browser: without this, a page that everybody sees would be no page here. Lines that are no field are left out, and
so are lengths and codings of the transfer that mean nothing. Bytes that do not begin like HTTP stay as they are.
"""

import re
from typing import Protocol

HEAD_LIMIT = 32 * 1024
"""Bytes of a head, past which it is passed on as it is, and refused."""

_BEGINNING = b"HTTP/"
_END = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d(?!\d)")  # after 101 comes another protocol
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*:[ \t]*(.*?)[ \t]*", re.IGNORECASE | re.DOTALL)
_LENGTH = re.compile(rb"\d{1,20}(?:[ \t]*,[ \t]*\d{1,20})*")


class Source(Protocol):
    """Where bytes come from."""

    async def receive(self) -> bytes: ...


class MendedHead:
    """Gives what a source gives, with its heads mended: of interim responses, and of the one that counts."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held = b""
        self._passed = False

    async def receive(self) -> bytes:
        """The next bytes; empty once the source has ended."""
        if self._passed:
            return await self._source.receive()
        found, data = None, b"."
        while data and len(self._held) <= HEAD_LIMIT and _begins_like_http(self._held):
            if (found := _END.search(self._held)) is not None:
                break
            data = await self._source.receive()
            self._held += data
        if found is None:
            self._passed = True
            return self._take(len(self._held))
        head = mend(self._take(found.end()))
        if _INTERIM.match(head):
            return head
        self._passed = True
        return head + self._take(len(self._held))

    def _take(self, size: int) -> bytes:
        taken, self._held = self._held[:size], self._held[size:]
        return taken


def _begins_like_http(data: bytes) -> bool:
    return data[: len(_BEGINNING)] == _BEGINNING[: len(data)]


def mend(head: bytes) -> bytes:
    """A whole head with its empty line, without the lines that are no fields."""
    first, *lines = re.split(rb"\r?\n", head.rstrip(b"\r\n"))
    kept = [first, *filter(None, map(_mend_field, _unfold(lines)))]
    return b"\r\n".join(kept) + b"\r\n\r\n"


def _unfold(lines: list[bytes]) -> list[bytes]:
    """Lines that go on in the next (RFC 9112 section 5.2) in one piece."""
    whole: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and whole:
            whole[-1] += b" " + line.strip()
        else:
            whole.append(line)
    return whole


def _mend_field(line: bytes) -> bytes:
    """A field as it has to be written; empty for one that is none, or means nothing."""
    found = _FIELD.fullmatch(line)
    if found is None:
        return b""
    name, value = found.groups()
    if name.lower() == b"content-length" and not _LENGTH.fullmatch(value):
        return b""
    if name.lower() == b"transfer-encoding":
        value = value.lower().rpartition(b",")[2].strip()  # the last one alone tells where the body ends
        if value != b"chunked":
            return b""
    return name + b": " + value
