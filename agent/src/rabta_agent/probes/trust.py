"""Whether a chain of certificates vouches for a name, by the roots of an `ssl.SSLContext` (RFC 5280, RFC 9525).

For a protocol whose TLS is not OpenSSL's (QUIC): what is wrong is raised as `ssl` raises it, with OpenSSL's number, and
in OpenSSL's order: that a chain leads to no root comes before a wrong name, and a wrong name before wrong dates.
pyOpenSSL and service_identity come with the extra `[quic]`: nothing is imported before it is used, and the roots are
loaded once for each context.
"""

import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from rabta_agent.addresses import is_address
from rabta_agent.failure import classify
from rabta_proto.vocabulary import Failure

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store

# X509_V_ERR_... of OpenSSL's x509_vfy.h
_INVALID_PURPOSE = 26
_HOSTNAME_MISMATCH = 62
_IP_ADDRESS_MISMATCH = 64
_CONTEXTS = 4  # a program has one; tests have a few


def verify(
    context: ssl.SSLContext, certificate: x509.Certificate, chain: list[x509.Certificate], server_name: str
) -> None:
    """Raises `ssl.SSLCertVerificationError` unless the chain leads to a root and the certificate is this name's."""
    trouble = _check_chain(load_roots(context), certificate, chain)
    if trouble is not None and classify(trouble).failure == Failure.SSL_UNKNOWN_AUTHORITY:
        raise trouble
    _check_name(certificate, server_name)
    if trouble is not None:
        raise trouble
    _check_purpose(certificate)


@lru_cache(maxsize=_CONTEXTS)
def load_roots(context: ssl.SSLContext) -> "X509Store":
    """The roots that this context goes by; where it has none at all, those of certifi.

    A context tells what it has read from a file, from the system's store or from a test, and not what it would look up
    in a folder (`SSL_CERT_DIR`, or the one that OpenSSL was built with): so the folder is given as well.
    """
    from OpenSSL.crypto import FILETYPE_ASN1, X509Store, X509StoreFlags, load_certificate

    store = X509Store()
    if context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN:
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
    found = context.get_ca_certs(binary_form=True)
    for der in found:
        store.add_cert(load_certificate(FILETYPE_ASN1, der))
    folder = ssl.get_default_verify_paths().capath
    if folder is not None and _holds_anything(Path(folder)):
        store.load_locations(None, folder)
    elif not found:
        import certifi

        store.load_locations(certifi.where())
    return store


def _holds_anything(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _check_chain(
    store: "X509Store", certificate: x509.Certificate, chain: list[x509.Certificate]
) -> ssl.SSLCertVerificationError | None:
    from OpenSSL.crypto import X509, X509StoreContext, X509StoreContextError

    checking = X509StoreContext(store, X509.from_cryptography(certificate), list(map(X509.from_cryptography, chain)))
    try:
        checking.verify_certificate()
    except X509StoreContextError as error:
        code, _depth, message = error.errors
        return _make_error(code, message)
    return None


def _check_name(certificate: x509.Certificate, server_name: str) -> None:
    import service_identity
    from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

    by_address = is_address(server_name)
    check = verify_certificate_ip_address if by_address else verify_certificate_hostname
    try:
        check(certificate, server_name)
    except (service_identity.CertificateError, service_identity.VerificationError, ValueError) as error:
        raise _make_error(_IP_ADDRESS_MISMATCH if by_address else _HOSTNAME_MISMATCH) from error


def _check_purpose(certificate: x509.Certificate) -> None:
    """That it is one for servers, which a store alone does not ask. Like OpenSSL, not content with "any purpose"."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise _make_error(_INVALID_PURPOSE, "unsuitable certificate purpose")


def _make_error(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code, error.verify_message = code, message
    return error
