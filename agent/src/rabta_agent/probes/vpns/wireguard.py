"""WireGuard's handshake (its white paper, sections 5.4.1 to 5.4.7): initiation and response, Noise_IKpsk2.

A server answers nobody whom it does not know, and nobody whose timestamp is not later than the last one under the same
key. The key is therefore part of the target, lent to everybody who measures it, and each message is timed anew.
"""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from rabta_agent.clock import Clock
from rabta_proto.vpnkeys import WireGuardKeys

_CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
_IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
_MAC1 = b"mac1----"
_INITIATION, _RESPONSE, _COOKIE = 1, 2, 3
_RESPONSE_BYTES, _COOKIE_BYTES = 92, 64
_NONCE = bytes(12)
_TAI64_EPOCH = 2**62 + 10  # TAI was ten seconds ahead when it was defined
_REMEMBERED = 8  # messages whose answer is still known for one


def _hash(data: bytes) -> bytes:
    return hashlib.blake2s(data).digest()


def _derive(key: bytes, data: bytes, count: int) -> list[bytes]:
    """HKDF (RFC 5869) with HMAC-BLAKE2s."""
    secret = hmac.digest(key, data, "blake2s")
    found: list[bytes] = []
    for number in range(1, count + 1):
        found.append(hmac.digest(secret, (found[-1] if found else b"") + bytes([number]), "blake2s"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the answer to one initiation is opened with."""

    ephemeral: X25519PrivateKey
    chain: bytes
    digest: bytes


class WireGuard:
    """One client of a server; every `say` is a handshake of its own."""

    def __init__(self, keys: WireGuardKeys, clock: Clock) -> None:
        self._static = X25519PrivateKey.from_private_bytes(keys.private)
        self._server = X25519PublicKey.from_public_bytes(keys.public)
        self._public, self._shared = keys.public, keys.preshared
        self._clock = clock
        self._said: dict[bytes, _Said] = {}
        self.verified = False

    def say(self) -> bytes:
        ephemeral, sender = X25519PrivateKey.generate(), os.urandom(4)
        named = ephemeral.public_key().public_bytes_raw()
        chain = _hash(_CONSTRUCTION)
        digest = _hash(_hash(_hash(chain + _IDENTIFIER) + self._public) + named)
        (chain,) = _derive(chain, named, 1)
        chain, key = _derive(chain, ephemeral.exchange(self._server), 2)
        static = ChaCha20Poly1305(key).encrypt(_NONCE, self._static.public_key().public_bytes_raw(), digest)
        digest = _hash(digest + static)
        chain, key = _derive(chain, self._static.exchange(self._server), 2)
        moment = ChaCha20Poly1305(key).encrypt(_NONCE, self._timestamp(), digest)
        self._remember(sender, _Said(ephemeral=ephemeral, chain=chain, digest=_hash(digest + moment)))
        message = struct.pack("<I", _INITIATION) + sender + named + static + moment
        mac = hashlib.blake2s(message, key=_hash(_MAC1 + self._public), digest_size=16).digest()
        return message + mac + bytes(16)

    def is_answer(self, data: bytes) -> bool:
        """A response that only the server can have made, or its wish for a cookie, which anybody could invent."""
        kind = int.from_bytes(data[:4], "little") if len(data) > 8 else 0
        if kind == _COOKIE and len(data) == _COOKIE_BYTES:
            return data[4:8] in self._said
        if kind != _RESPONSE or len(data) != _RESPONSE_BYTES:
            return False
        said = self._said.get(data[8:12])
        self.verified = said is not None and self._opens(said, data)
        return self.verified

    def _opens(self, said: _Said, data: bytes) -> bool:
        named, sealed = data[12:44], data[44:60]
        try:
            theirs = X25519PublicKey.from_public_bytes(named)
            (chain,) = _derive(said.chain, named, 1)
            digest = _hash(said.digest + named)
            (chain,) = _derive(chain, said.ephemeral.exchange(theirs), 1)
            (chain,) = _derive(chain, self._static.exchange(theirs), 1)
            _, added, key = _derive(chain, self._shared, 3)
            ChaCha20Poly1305(key).decrypt(_NONCE, sealed, _hash(digest + added))
        except (InvalidTag, ValueError):
            return False
        return True

    def _timestamp(self) -> bytes:
        """TAI64N."""
        now = self._clock.now()
        return struct.pack("!QI", _TAI64_EPOCH + int(now.timestamp()), now.microsecond * 1000)

    def _remember(self, sender: bytes, said: _Said) -> None:
        self._said[sender] = said
        if len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]
