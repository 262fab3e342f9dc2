"""The pin of the key of the agents' side, which an invitation may carry: SHA-256 of its public key (RFC 7469). Pure.

It is of the key, not of the certificate: a certificate renewed with the same key keeps it.
"""

import base64
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def pin_of(pem: bytes) -> str:
    """`sha256-BASE64URL` of the first certificate of a chain. Raises `ValueError`."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"sha256-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
