"""TLS records (RFC 8446 section 5) in a stream of bytes, seen from outside: did a server speak TLS at all?

OpenSSL does not tell an answer that it could not use from no answer, and it passes over warning alerts in silence.
Pure; nothing is kept of a record but its kind, and of a plaintext alert its number.
"""

_HEADER = 5
_ALERT = 21
_KINDS = range(20, 25)  # change_cipher_spec, alert, handshake, application_data, heartbeat
_LENGTH_LIMIT = 2**14 + 2048  # TLSCiphertext of RFC 5246, the longest of all versions


class RecordWatch:
    """Fed with everything that a server sends. `alert` is the first alert that came in plain text."""

    def __init__(self) -> None:
        self.answered = False
        self.alert: int | None = None
        self._header = b""
        self._body = b""
        self._left = 0
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Reads on; once the bytes are not TLS, nothing after them counts."""
        while data and not self._lost:
            data = self._feed_body(data) if self._left else self._feed_header(data)

    def _feed_header(self, data: bytes) -> bytes:
        wanted = _HEADER - len(self._header)
        self._header += data[:wanted]
        if len(self._header) == _HEADER:
            length = int.from_bytes(self._header[3:])
            if self._header[0] in _KINDS and self._header[1] == 3 and 0 < length <= _LENGTH_LIMIT:
                self.answered, self._left, self._body = True, length, b""
            else:
                self._lost = True
        return data[wanted:]

    def _feed_body(self, data: bytes) -> bytes:
        piece = data[: self._left]
        self._left -= len(piece)
        if self._header[0] == _ALERT:
            self._body += piece
        if not self._left:
            # An encrypted alert is longer than the two bytes of a plain one.
            if self._header[0] == _ALERT and len(self._body) == 2 and self.alert is None:
                self.alert = self._body[1]
            self._header = b""
        return data[len(piece) :]
