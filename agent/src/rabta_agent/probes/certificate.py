"""What is kept of a server's certificates (RFC 5280). Total: a certificate that cannot be read is only its digest."""

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from rabta_proto.model import Certificate, Issuer

CHAIN_LIMIT = 4
"""Certificates after a server's own that are kept; an honest chain has one or two."""
REMEMBERED = 128
"""Certificates, of a kilobyte or two each."""
_DER: Final = 2  # ENCODING_DER of `_ssl`
_NAME_LIMIT = 120
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(REMEMBERED)
def summarise(der: bytes) -> Certificate:
    """The summary of a certificate in DER form; where it cannot be read, names are empty and times are 1970.

    A site shows the same one for weeks, and to read it takes as long as to shake hands.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Certificate(
            sha256=sha256(der).digest(),
            spki_sha256=_digest_key(certificate),
            subject=_first(certificate.subject, NameOID.COMMON_NAME),
            issuer=_first(certificate.issuer, NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
    except Exception:  # whatever a stranger's certificate does to the parser
        return Certificate(
            sha256=sha256(der).digest(), spki_sha256=b"", subject="", issuer="", not_before=_NO_TIME, not_after=_NO_TIME
        )


def summarise_issuers(chain: Iterable[bytes]) -> tuple[Issuer, ...]:
    """Certificates in DER form, in their order; the subject of one that cannot be read is empty."""
    return tuple(Issuer(sha256=sha256(der).digest(), subject=_read_subject(der)) for der in chain)


def read_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """What a server sent in DER form, its own certificate and those after it; empty where Python does not tell.

    `ssl` has a public name for it since Python 3.13 and the same under a private one since 3.10; OpenSSL has it as soon
    as the certificates have come, before it judges them.
    """
    try:
        if hasattr(tls, "get_unverified_chain"):
            return tuple(islice(tls.get_unverified_chain() or (), 1 + CHAIN_LIMIT))
        sent = islice(tls._sslobj.get_unverified_chain() or (), 1 + CHAIN_LIMIT)  # type: ignore[attr-defined]
        return tuple(certificate.public_bytes(_DER) for certificate in sent)
    except (AttributeError, ValueError, ssl.SSLError):
        return ()


def _read_subject(der: bytes) -> str:
    try:
        return _first(x509.load_der_x509_certificate(der).subject, NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    except Exception:  # whatever a stranger's certificate does to the parser
        return ""


def _digest_key(certificate: x509.Certificate) -> bytes:
    try:
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # an algorithm that the library does not know
        return b""
    return sha256(key).digest()


def _first(name: x509.Name, *kinds: x509.ObjectIdentifier) -> str:
    """The first attribute of the first kind that a name has."""
    for kind in kinds:
        for attribute in name.get_attributes_for_oid(kind):
            return str(attribute.value)[:_NAME_LIMIT]
    return ""
