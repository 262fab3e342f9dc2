"""Authorities of single targets: the one certificate that vouches for a server whose authority no system knows. Pure.

Such a certificate ends, and from then on every handshake would look as if somebody had put himself in between. So a
target is left out of plans that would outlive its authority: nothing is measured there, and nothing said.
"""

from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache

from cryptography import x509

from rabta_collector.catalogue import Target

MARGIN_S = 86_400.0
"""Before the end: clocks differ."""


def parse_authority(text: str) -> bytes:
    """The DER form of a certificate in base64. Raises `ValueError` for what is none, or is no authority's."""
    der = b64decode(text, validate=True)
    certificate = x509.load_der_x509_certificate(der)
    try:
        issues = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        issues = False
    if not issues:
        raise ValueError("no authority's certificate")
    return der


@lru_cache(maxsize=64)
def ends_at(authority: bytes) -> float:
    """When a certificate ends, in Unix time."""
    return x509.load_der_x509_certificate(authority).not_valid_after_utc.timestamp()


def standing(targets: Sequence[Target], until: float) -> Sequence[Target]:
    """Those whose authority, if they have one of their own, is good until then and a little longer."""
    if not any(target.authority for target in targets):
        return targets
    return [one for one in targets if not one.authority or ends_at(one.authority) >= until + MARGIN_S]
