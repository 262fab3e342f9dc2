"""IKEv2's first message (RFC 7296 section 1.2): IKE_SA_INIT, to which a server answers before it knows anybody.

What it answers is no matter: a server that wants other algorithms, another group or a cookie says so, and is there.
"""

import os
import struct

_HEADER = struct.Struct("!8s8sBBBBII")  # both SPIs, next payload, version, exchange, flags, message, length
_PAYLOAD = struct.Struct("!BBH")  # next payload, critical, length
_VERSION = 0x20
_SA_INIT = 34
_INITIATOR, _RESPONSE = 0x08, 0x20
_SA, _KEY_EXCHANGE, _NONCE = 33, 34, 40
_CURVE25519 = 31  # RFC 8031
_SPI_BYTES, _KEY_BYTES, _NONCE_BYTES = 8, 32, 32

# Transforms (RFC 7296 section 3.3.2): type, identifier, bits of the key where the algorithm has several.
_TRANSFORMS = (
    (1, 12, 256),  # AES-CBC
    (1, 12, 128),
    (3, 12, 0),  # HMAC-SHA2-256-128
    (2, 5, 0),  # HMAC-SHA2-256
    (4, _CURVE25519, 0),
    (4, 14, 0),  # MODP of 2048 bits
)


class Ikev2:
    """A request for an association, which nobody follows up."""

    verified = False

    def __init__(self) -> None:
        self._spi = os.urandom(_SPI_BYTES)
        self._message = _write_request(self._spi)

    def say(self) -> bytes:
        return self._message

    def is_answer(self, data: bytes) -> bool:
        """A response to our request, and no echo of it."""
        if len(data) < _HEADER.size:
            return False
        spi, _, _, version, exchange, flags, message, length = _HEADER.unpack_from(data)
        ours = spi == self._spi and exchange == _SA_INIT and message == 0
        theirs = flags & (_RESPONSE | _INITIATOR) == _RESPONSE and data[_HEADER.size :] != self._message[_HEADER.size :]
        return ours and theirs and version >> 4 == 2 and length == len(data)


def _write_request(spi: bytes) -> bytes:
    key = os.urandom(_KEY_BYTES)  # any 32 bytes are a public key of X25519 (RFC 7748 section 5)
    payloads = (
        _payload(_KEY_EXCHANGE, _proposal())
        + _payload(_NONCE, struct.pack("!HH", _CURVE25519, 0) + key)
        + _payload(0, os.urandom(_NONCE_BYTES))
    )
    length = _HEADER.size + len(payloads)
    return _HEADER.pack(spi, bytes(_SPI_BYTES), _SA, _VERSION, _SA_INIT, _INITIATOR, 0, length) + payloads


def _payload(following: int, body: bytes) -> bytes:
    return _PAYLOAD.pack(following, 0, _PAYLOAD.size + len(body)) + body


def _proposal() -> bytes:
    """One proposal, for IKE itself, without an SPI."""
    transforms = b"".join(
        _transform(number, last=number == len(_TRANSFORMS)) for number in range(1, len(_TRANSFORMS) + 1)
    )
    return struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, len(_TRANSFORMS)) + transforms


def _transform(number: int, *, last: bool) -> bytes:
    kind, identifier, bits = _TRANSFORMS[number - 1]
    attribute = struct.pack("!HH", 0x8000 | 14, bits) if bits else b""  # key length, in the short form
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, identifier) + attribute
