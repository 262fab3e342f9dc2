"""Writes a sealed file of measurements, carried by hand where no network leads to the collector.

    magic       8 bytes, `RABTASF1`
    key         32 bytes: an X25519 public key made for this file (RFC 7748)
    pieces      each a length (4 bytes, big-endian) and so many bytes of ChaCha20-Poly1305 (RFC 8439)

The pieces' key is HKDF-SHA256 (RFC 5869) of the shared secret of that key and the collector's import key; salt: both
public keys; info: `rabta.v1.SealedFile`. A piece's nonce is its number (8 bytes, big-endian), three zero bytes, and 1
for the last piece, 0 for the others: pieces cannot be left out, put in another order, or cut off. What is associated is
the magic. Within: first the agent's pseudonym; then any number of `rabta.v1.MeasurementBatch`, each of one epoch; last
64 bytes, the agent's Ed25519 signature (RFC 8032) of `rabta.v1.SealedFile`, a zero byte, the collector's import key and
the SHA-256 of the file before the last piece. Only the collector can tell who wrote it, and only that agent can have.

Invariant: memory holds one piece, however long the file.
"""

import hashlib
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"RABTASF1"
CONTEXT = b"rabta.v1.SealedFile"


class Sealer:
    """One file, from its beginning to `close`."""

    def __init__(self, file: BinaryIO, *, recipient: bytes, agent_id: str, signer: Ed25519PrivateKey) -> None:
        """`recipient`: the collector's import key, 32 bytes. Raises `ValueError` for one that is none."""
        self._file, self._recipient, self._signer = file, recipient, signer
        own = X25519PrivateKey.generate()
        public = own.public_key().public_bytes_raw()
        shared = own.exchange(X25519PublicKey.from_public_bytes(recipient))
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=public + recipient, info=CONTEXT)
        self._cipher = ChaCha20Poly1305(kdf.derive(shared))
        self._number = 0
        self._digest = hashlib.sha256()
        self._write(MAGIC + public)
        self.add(agent_id.encode())

    def add(self, piece: bytes) -> None:
        self._seal(piece, last=False)

    def close(self) -> None:
        """Signs what was added."""
        signature = self._signer.sign(CONTEXT + b"\0" + self._recipient + self._digest.digest())
        self._seal(signature, last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        nonce = self._number.to_bytes(8, "big") + bytes(3) + bytes([last])
        self._number += 1
        sealed = self._cipher.encrypt(nonce, piece, MAGIC)
        self._write(len(sealed).to_bytes(4, "big") + sealed)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
