"""Signs plans with Ed25519 (RFC 8032), so that an agent takes them from its own collector only.

What is signed is `rabta.v1.Plan` in ASCII, a zero byte, and the bytes of the plan: a signature made for a plan can
never pass for one of anything else. The private key is 32 raw bytes in a file that only its owner reads.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CONTEXT = b"rabta.v1.Plan\x00"
KEY_BYTES = 32


class InvalidKeyError(ValueError):
    """The key file cannot be used; the message is one line for the operator."""


class Signer:
    """Holds the private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> bytes:
        """32 bytes that agents pin when they join."""
        return self._key.public_key().public_bytes_raw()

    @property
    def public_pem(self) -> bytes:
        """The same as other programs read it (RFC 8410)."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign_text(self, text: bytes) -> bytes:
        """A signature of 64 bytes of a text that says in its first words what it is, and so is no plan."""
        if not text.startswith(b"# Rabta "):
            raise ValueError("not a text that says what it is")
        return self._key.sign(text)

    def sign(self, plan: bytes) -> bytes:
        """A signature of 64 bytes."""
        return self._key.sign(CONTEXT + plan)


def verifies(public_key: bytes, plan: bytes, signature: bytes) -> bool:
    """Whether the signature is of this plan by the owner of the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, CONTEXT + plan)
    except (InvalidSignature, ValueError):
        return False
    return True


def load_signer(file: Path) -> Signer:
    """The signer of a data directory; its key is made on first use. Raises `InvalidKeyError`."""
    return Signer(Ed25519PrivateKey.from_private_bytes(load_secret(file)))


def load_secret(file: Path) -> bytes:
    """32 bytes that only their owner reads, drawn on first use: a private key of any of our kinds. Raises as above."""
    try:
        if not file.exists():
            _write(file, os.urandom(KEY_BYTES))
        secret = file.read_bytes()
    except OSError as wrong:
        raise InvalidKeyError(f"{file}: {wrong.strerror or wrong}") from None
    if len(secret) != KEY_BYTES:
        raise InvalidKeyError(
            f"{file}: expected a key of {KEY_BYTES} bytes, not {len(secret)}; restore it from a backup"
        )
    return secret


def _write(file: Path, secret: bytes) -> None:
    """Whole or not at all: agents pin this key, so half of one would lock all of them out."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secret)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
