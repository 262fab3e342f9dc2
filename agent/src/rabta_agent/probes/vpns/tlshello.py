"""A ClientHello written by hand (RFC 8446 section 4.1.2), and the server's answer to it: ServerHello, and no further.

What Python's TLS cannot say is said here: Encrypted Client Hello as GREASE (draft-ietf-tls-esni, section 6.2), which
every server passes over and a filter may not; and a hello to a Tor relay, whose certificate nobody vouches for.
No key is kept, so no handshake could be completed. Any 32 bytes are a public key of X25519 (RFC 7748 section 5).

    record: type (1), version (2), length (2); in it a handshake message: type (1), length (3)
"""

import os

from rabta_agent.addresses import is_address

_HANDSHAKE = 22
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_RECORD_HEADER = 5
_TLS_1_0, _TLS_1_2, _TLS_1_3 = b"\x03\x01", b"\x03\x03", b"\x03\x04"
_CIPHERS = bytes.fromhex("1301 1302 1303 c02b c02f c02c c030 cca9 cca8")
_GROUPS = bytes.fromhex("001d 0017 0018")
_X25519 = b"\x00\x1d"
_SIGNATURES = bytes.fromhex("0403 0804 0401 0503 0805 0501 0806 0601")
_SERVER_NAME, _SUPPORTED_GROUPS, _POINT_FORMATS, _SIGNATURE_ALGORITHMS = 0, 10, 11, 13
_ALPN, _MASTER_SECRET, _VERSIONS, _KEY_MODES, _KEY_SHARE, _ECH = 16, 23, 43, 45, 51, 0xFE0D
_ECH_OUTER = b"\x00"
_ECH_SUITE = bytes.fromhex("0001 0001")  # HKDF-SHA256 and AES-128-GCM (RFC 9180), which most servers publish
_KEY_BYTES, _ECH_PAYLOAD_BYTES = 32, 208


class TlsHello:
    """One hello under a name (none for an address), with GREASE ECH or without."""

    verified = False

    def __init__(self, server_name: str, *, ech: bool = False) -> None:
        self._server_name = "" if is_address(server_name) else server_name
        self._ech = ech

    def write(self) -> bytes:
        """The record to be sent."""
        extensions = b"".join(self._extensions())
        body = _TLS_1_2 + os.urandom(32) + _sized(os.urandom(32), 1) + _sized(_CIPHERS, 2) + b"\x01\x00"
        message = bytes([_CLIENT_HELLO]) + _sized(body + _sized(extensions, 2), 3)
        return bytes([_HANDSHAKE]) + _TLS_1_0 + _sized(message, 2)

    def read(self, heard: bytes) -> bool | None:
        """Whether what has come is a ServerHello's beginning; `None` while that cannot be told."""
        if heard[:1] != bytes([_HANDSHAKE]) and heard:
            return False
        return None if len(heard) <= _RECORD_HEADER else heard[_RECORD_HEADER] == _SERVER_HELLO

    def _extensions(self) -> list[bytes]:
        name = self._server_name.encode("ascii")
        return [
            *([_extension(_SERVER_NAME, _sized(b"\x00" + _sized(name, 2), 2))] if name else []),
            _extension(_MASTER_SECRET, b""),
            _extension(_SUPPORTED_GROUPS, _sized(_GROUPS, 2)),
            _extension(_POINT_FORMATS, b"\x01\x00"),
            _extension(_ALPN, _sized(_sized(b"http/1.1", 1), 2)),
            _extension(_SIGNATURE_ALGORITHMS, _sized(_SIGNATURES, 2)),
            _extension(_KEY_SHARE, _sized(_X25519 + _sized(os.urandom(_KEY_BYTES), 2), 2)),
            _extension(_KEY_MODES, b"\x01\x01"),
            _extension(_VERSIONS, _sized(_TLS_1_3 + _TLS_1_2, 1)),
            *([_extension(_ECH, _grease())] if self._ech else []),
        ]


def _grease() -> bytes:
    """An outer ECH that nobody can open: suite, configuration, encapsulated key, sealed hello."""
    return (
        _ECH_OUTER
        + _ECH_SUITE
        + os.urandom(1)
        + _sized(os.urandom(_KEY_BYTES), 2)
        + _sized(os.urandom(_ECH_PAYLOAD_BYTES), 2)
    )


def _extension(number: int, data: bytes) -> bytes:
    return number.to_bytes(2) + _sized(data, 2)


def _sized(data: bytes, count: int) -> bytes:
    """After its length, in so many bytes."""
    return len(data).to_bytes(count) + data
