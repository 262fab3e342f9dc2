"""Reads a sealed file of measurements; the agent's sealed.py has the format. It is checked before any of it is taken.

Invariant: memory holds one piece, bounded by MAX_PIECE_BYTES, whatever a file says of itself.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"RABTASF1"
CONTEXT = b"rabta.v1.SealedFile"
MAX_PIECE_BYTES = 1024 * 1024
_TAG_BYTES = 16
_ID_BYTES = 64


class InvalidSealedFileError(ValueError):
    """A file of which nothing is taken; the message is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """`digest`: SHA-256 of the file before this piece."""

    plain: bytes
    last: bool
    digest: bytes


def public_key_of(secret: bytes) -> bytes:
    """The import key that agents seal to, of the collector's secret."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def check(stream: BinaryIO, secret: bytes, key_of: Callable[[str], bytes]) -> str:
    """Reads the whole file: the agent that wrote and signed it. `key_of`: its public key. Raises what is wrong."""
    agent, signed = None, None
    for piece in _pieces(stream, secret):
        if agent is None:
            agent = _name(piece)
            key = key_of(agent)
        if piece.last:
            signed = piece
    if agent is None or signed is None:
        raise InvalidSealedFileError("holds nothing")
    try:
        message = CONTEXT + b"\0" + public_key_of(secret) + signed.digest
        Ed25519PublicKey.from_public_bytes(key).verify(signed.plain, message)
    except (InvalidSignature, ValueError):
        raise InvalidSealedFileError(f"is not signed by the agent {agent}, whose name is in it") from None
    return agent


def batches(stream: BinaryIO, secret: bytes) -> Iterator[bytes]:
    """Every `MeasurementBatch` of a file that was checked, as bytes."""
    pieces = _pieces(stream, secret)
    next(pieces)
    for piece in pieces:
        if not piece.last:
            yield piece.plain


def _name(piece: _Piece) -> str:
    if piece.last or len(piece.plain) > _ID_BYTES or not piece.plain.isalnum():
        raise InvalidSealedFileError("names no agent")
    return piece.plain.decode("ascii")


def _pieces(stream: BinaryIO, secret: bytes) -> Iterator[_Piece]:
    stream.seek(0)
    digest = hashlib.sha256()
    head = stream.read(len(MAGIC) + 32)
    if head[: len(MAGIC)] != MAGIC:
        raise InvalidSealedFileError("is no file that rabta-agent export wrote")
    if len(head) != len(MAGIC) + 32:
        raise InvalidSealedFileError("is cut off at its beginning")
    digest.update(head)
    cipher = _cipher(head[len(MAGIC) :], secret)
    number = 0
    last = False
    while not last:
        at = stream.tell()
        before = digest.digest()
        sealed = _read_piece(stream, digest)
        plain, last = _open(cipher, number, sealed, at)
        yield _Piece(plain=plain, last=last, digest=before)
        number += 1
    if stream.read(1):
        raise InvalidSealedFileError("goes on behind its end")


def _cipher(public: bytes, secret: bytes) -> ChaCha20Poly1305:
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a key of low order
        raise InvalidSealedFileError("is damaged at its beginning") from None
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=public + own.public_key().public_bytes_raw(), info=CONTEXT)
    return ChaCha20Poly1305(kdf.derive(shared))


def _read_piece(stream: BinaryIO, digest: "hashlib._Hash") -> bytes:
    at = stream.tell()
    prefix = stream.read(4)
    length = int.from_bytes(prefix, "big")
    if len(prefix) == 4 and not _TAG_BYTES <= length <= MAX_PIECE_BYTES:
        raise InvalidSealedFileError(f"is damaged at byte {at}")
    sealed = stream.read(length)
    if len(prefix) != 4 or len(sealed) != length:
        raise InvalidSealedFileError(f"is cut off at byte {stream.tell()}")
    digest.update(prefix)
    digest.update(sealed)
    return sealed


def _open(cipher: ChaCha20Poly1305, number: int, sealed: bytes, at: int) -> tuple[bytes, bool]:
    for last in (False, True):
        nonce = number.to_bytes(8, "big") + bytes(3) + bytes([last])
        try:
            return cipher.decrypt(nonce, sealed, MAGIC), last
        except InvalidTag:
            continue
    if number == 0:
        raise InvalidSealedFileError("is sealed to another collector, or damaged at its beginning")
    raise InvalidSealedFileError(f"is damaged at byte {at}")
