"""Certificates of throw-away authorities, in the forms in which plans and targets files have them."""

import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def root_of(ca: trustme.CA) -> bytes:
    """The certificate of an authority, in DER."""
    return ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())


def make_root(*, ends_in: timedelta, issues: bool = True) -> bytes:
    """A certificate that ends so soon, or has ended, in DER; one that `issues` none is no authority's."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rabta tests")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + ends_in - timedelta(days=30)).not_valid_after(now + ends_in)
    builder = builder.add_extension(x509.BasicConstraints(ca=issues, path_length=None), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def written(der: bytes) -> str:
    """As a targets file has it."""
    return b64encode(der).decode()
