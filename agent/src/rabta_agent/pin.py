"""A collector's pinned key: the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, section 2.4). Pure.

An invitation may carry it: `TOKEN@sha256-BASE64URL`. With a pin the chain of the certificate is not looked at, the key
is: who has the key is the collector, whoever vouches for somebody else.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rabta_agent.words import tr

_PIN = re.compile("sha256-([A-Za-z0-9_-]{43})")


class InvalidPinError(ValueError):
    """What stands behind the @ of an invitation is no pin; the message is one line."""


class WrongKeyError(Exception):
    """The key of what answers is not the pinned one."""

    def __init__(self) -> None:
        super().__init__(tr("the key there is not the pinned one: somebody is in between, or it was changed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A server's certificate: as PEM, and a name that it is good for."""

    pem: bytes
    names: tuple[str, ...]


def split_invitation(text: str) -> tuple[str, str]:
    """Token and pin (empty where there is none). Raises `InvalidPinError`."""
    token, at, pin = text.partition("@")
    if at:
        parse_pin(pin)
    return token, pin


def parse_pin(text: str) -> bytes:
    """The 32 bytes of `sha256-BASE64URL`. Raises `InvalidPinError`."""
    match = _PIN.fullmatch(text)
    if match is None:
        raise InvalidPinError(tr("the pin of the invitation (behind @) is not sha256- and 43 characters"))
    return base64.urlsafe_b64decode(match[1] + "=")


def check_leaf(der: bytes, pin: str) -> Leaf:
    """The certificate, where its key is the pinned one. Raises `WrongKeyError`."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names = _names(certificate)
    except ValueError:
        raise WrongKeyError from None
    if hashlib.sha256(key).digest() != parse_pin(pin):
        raise WrongKeyError
    return Leaf(pem=certificate.public_bytes(Encoding.PEM), names=names)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Names and addresses of the certificate; a wildcard as a name that it covers; of old ones the common name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(one.value) for one in common)
    names = [name.replace("*", "www", 1) for name in found.get_values_for_type(x509.DNSName)]
    return (*names, *map(str, found.get_values_for_type(x509.IPAddress)))
