"""Whom TLS believes: contexts for the system's roots, for none, and for the one authority of a single target.

Making a context loads every root and costs tens of milliseconds, so there is one of each mode for the whole program.
"""

import os
import ssl

from rabta_agent.words import tr

_PINNED = 8  # contexts of authorities of single targets that are kept
_AUTHORITY_BYTES = 8 * 1024


class RootsError(ValueError):
    """The roots that the environment names cannot be had; the message is one line for a person."""


class TlsContexts:
    """One context that verifies against the system's roots (`SSL_CERT_FILE` goes before them), and one that does not.

    Raises `RootsError` where `SSL_CERT_FILE` is set and holds none: OpenSSL passes over it in silence, and every site
    would look as if somebody had put himself in between.
    """

    def __init__(self) -> None:
        self.verified = _make_verified()
        self.unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.unverified.check_hostname = False
        self.unverified.verify_mode = ssl.CERT_NONE
        self.unverified.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pinned: dict[bytes, ssl.SSLContext] = {}

    def choose(self, *, verify: bool, authority: bytes = b"") -> ssl.SSLContext:
        """`authority`: the certificate (DER) of the only root that is to count."""
        if not verify:
            return self.unverified
        if not authority:
            return self.verified
        if authority not in self._pinned:
            if len(self._pinned) >= _PINNED:
                del self._pinned[next(iter(self._pinned))]
            self._pinned[authority] = _make_pinned(authority)
        return self._pinned[authority]


def is_authority(der: bytes) -> bool:
    """Whether a certificate can be a root."""
    try:
        return len(der) <= _AUTHORITY_BYTES and bool(_make_pinned(der).cert_store_stats()["x509_ca"])
    except (ssl.SSLError, ValueError):
        return False


def _make_pinned(authority: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _make_verified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    named = os.environ.get("SSL_CERT_FILE")
    if named and not context.cert_store_stats()["x509_ca"]:
        raise RootsError(tr("SSL_CERT_FILE names no readable file with certificates: {path}", path=named))
    # Python 3.13 began to refuse certificates that every browser accepts; the answer must not hang on our version.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
