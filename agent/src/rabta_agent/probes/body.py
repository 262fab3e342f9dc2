"""The body of a response up to a cap, its content coding (RFC 9110 section 8.4.1) undone as it comes. Pure.

Neither the bytes that came nor the bytes that they decode to go past the cap, whatever a stream would grow to. What is
broken is kept as far as it goes. Total over arbitrary bytes.
"""

import zlib

_GZIP = frozenset({"gzip", "x-gzip"})
# Of the IANA registry, those that pages come in. Other words ("utf-8", "none") are mistakes: browsers pass over them.
_CODINGS = _GZIP | {"deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"}
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 31, 15, -15


class Body:
    """Takes the pieces of a body in their order. `coding` is the value of Content-Encoding."""

    def __init__(self, coding: str, cap: int) -> None:
        self._coding = _read_coding(coding)
        self._cap = cap
        self._taken = 0
        self._head = b""
        self._inflater: _Inflater | None = None
        self._plain = not self._is_compressed
        self.truncated = False
        self.decoded = bytearray()

    @property
    def _is_compressed(self) -> bool:
        return self._coding in _GZIP or self._coding == "deflate"

    @property
    def encoded(self) -> bool:
        """Whether a length that was declared is that of something else than what is decoded."""
        return self._coding != ""

    @property
    def legible(self) -> bool:
        """Whether `decoded` is the page, and not the bytes of a coding that is not known here."""
        return self._is_compressed or not self.encoded

    def add(self, data: bytes) -> bool:
        """Takes a piece; whether the cap is reached, after which others are passed over."""
        if self.truncated:
            return True
        data = data[: self._cap - self._taken]
        self._taken += len(data)
        self.decoded += self._decode(data)
        self.truncated = max(self._taken, len(self.decoded)) >= self._cap
        return self.truncated

    def _decode(self, data: bytes) -> bytes:
        if self._plain:
            return data
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            # Servers that declare a coding and do not use it are common enough for browsers to live with them.
            self._plain = self._coding in _GZIP and not data.startswith(_GZIP_MAGIC)
            if self._plain:
                return data
            self._inflater = _Inflater(self._choose_window(data))
        return self._inflater.inflate(data, self._cap - len(self.decoded))

    def _choose_window(self, head: bytes) -> int:
        """What is called deflate is the zlib format (RFC 1950), but some servers send the bare one (RFC 1951)."""
        if self._coding in _GZIP:
            return _GZIP_WINDOW
        is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head[:2]) % 31 == 0
        return _ZLIB_WINDOW if is_zlib else _RAW_WINDOW


def _read_coding(value: str) -> str:
    """What Content-Encoding says that was done to a body; empty for nothing."""
    return ", ".join(word for word in map(str.strip, value.lower().split(",")) if word in _CODINGS)


class _Inflater:
    """One compressed stream. After its end, or where it breaks, there is nothing more in it."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)

    def inflate(self, data: bytes, limit: int) -> bytes:
        """What these bytes decode to, at most `limit` bytes, which is more than none."""
        before = self._stream.copy()
        try:
            return self._stream.decompress(data, limit)
        except zlib.error:
            return _inflate_bytewise(before, data, limit)


def _inflate_bytewise(stream: "zlib._Decompress", data: bytes, limit: int) -> bytes:
    """As much as comes before the break: what a failing call had decoded is lost with it."""
    out = bytearray()
    try:
        for place in range(len(data)):
            out += stream.decompress(data[place : place + 1], limit)
    except zlib.error:
        pass
    return bytes(out[:limit])
