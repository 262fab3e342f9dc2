"""The certificate of a handshake that failed because of it, which OONI's probes keep whole (df-006). Pure and total.

Go, in which the probes are written, names the first fault that it finds, and looks at the dates first. So of a
certificate that is out of date nobody knows whether it would have been good; but one of another name, or one that
vouches for itself, is somebody else's, whatever its dates and the probe's clock.
"""

from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from rabta_collector.ooni import fields
from rabta_collector.ooni.failures import CERTIFICATE_FAILURES
from rabta_collector.ooni.fields import Record
from rabta_proto.model import Certificate
from rabta_proto.vocabulary import Failure

_NAME_LIMIT = 120
_DER_LIMIT = 1 << 16


def read_certificate(handshake: Record, failure: str | None) -> x509.Certificate | None:
    """The server's own certificate; `None` where the handshake did not fail because of it, or it cannot be read."""
    sent = handshake.get("peer_certificates")
    if failure not in CERTIFICATE_FAILURES or not isinstance(sent, list) or not sent:
        return None
    data = fields.record(sent[0]).get("data")
    try:
        return x509.load_der_x509_certificate(b64decode(data[:_DER_LIMIT]) if isinstance(data, str) else b"")
    except Exception:  # whatever a stranger's certificate does to the parser
        return None


def refine(failure: str | None, certificate: x509.Certificate | None, host: str) -> str | None:
    """The failure, or a worse one that hides behind it."""
    if failure != Failure.SSL_INVALID_CERTIFICATE or certificate is None:
        return failure
    try:
        if not fields.address(host) and not _names(certificate, host):
            return Failure.SSL_INVALID_HOSTNAME
        return Failure.SSL_UNKNOWN_AUTHORITY if certificate.subject == certificate.issuer else failure
    except Exception:  # as above
        return failure


def summarise(certificate: x509.Certificate | None) -> Certificate | None:
    """What is kept of it."""
    if certificate is None:
        return None
    try:
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Certificate(
            sha256=sha256(certificate.public_bytes(Encoding.DER)).digest(),
            spki_sha256=sha256(key).digest(),
            subject=_first(certificate.subject, NameOID.COMMON_NAME),
            issuer=_first(certificate.issuer, NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME),
            not_before=_utc(certificate.not_valid_before_utc),
            not_after=_utc(certificate.not_valid_after_utc),
        )
    except Exception:  # as above, and keys of an algorithm that the library does not know
        return None


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Whether a certificate is for a name (RFC 6125); one without names is for none, as Go has it."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    told = {name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)}
    return host in told or f"*.{host.partition('.')[2]}" in told


def _first(name: x509.Name, *kinds: x509.ObjectIdentifier) -> str:
    for kind in kinds:
        for attribute in name.get_attributes_for_oid(kind):
            return str(attribute.value)[:_NAME_LIMIT].encode("utf-8", "replace").decode()
    return ""


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
