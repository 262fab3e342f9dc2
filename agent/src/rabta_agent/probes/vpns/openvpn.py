"""OpenVPN's first message (OpenVPN network protocol, "ssl.h" and "ssl_pkt.h" of its sources): a reset of the session.

    opcode and key (1 byte), session (8), acknowledgements (count in 1 byte, 4 each, their session), packet (4)

Servers that want a key for the first message already (`tls-auth`, `tls-crypt`) are silent to everybody else: they
cannot be measured. Over TCP each message follows its length in two bytes.
"""

import os

_CLIENT_RESET = 7 << 3  # P_CONTROL_HARD_RESET_CLIENT_V2, key 0
_SERVER_RESET = 8  # P_CONTROL_HARD_RESET_SERVER_V2
_SESSION_BYTES = 8
_PACKET_BYTES = 4
_LENGTH_BYTES = 2
_LONGEST = 2048  # bytes of an answer over TCP; an honest one has a few dozen


class OpenVpn:
    """A session that is reset, and no more."""

    verified = False

    def __init__(self) -> None:
        self._session = os.urandom(_SESSION_BYTES)

    def say(self) -> bytes:
        return bytes([_CLIENT_RESET]) + self._session + bytes(1 + _PACKET_BYTES)

    def is_answer(self, data: bytes) -> bool:
        """A server's reset that acknowledges ours."""
        at = 1 + _SESSION_BYTES
        if len(data) <= at or data[0] >> 3 != _SERVER_RESET:
            return False
        acknowledged = data[at]
        named = at + 1 + acknowledged * _PACKET_BYTES
        return acknowledged > 0 and data[named : named + _SESSION_BYTES] == self._session


class OverTcp:
    """The same over a connection, each message after its length."""

    verified = False

    def __init__(self, opening: OpenVpn) -> None:
        self._opening = opening

    def write(self) -> bytes:
        message = self._opening.say()
        return len(message).to_bytes(_LENGTH_BYTES) + message

    def read(self, heard: bytes) -> bool | None:
        end = _LENGTH_BYTES + int.from_bytes(heard[:_LENGTH_BYTES])
        if len(heard) > _LENGTH_BYTES and end > _LONGEST:
            return False
        return self._opening.is_answer(heard[_LENGTH_BYTES:end]) if len(heard) >= max(end, _LENGTH_BYTES + 1) else None
