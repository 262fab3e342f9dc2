"""What went wrong, in the words of OONI df-007: from an exception's type and errno, never from English text.

Order matters: `ssl.SSLError` and `TimeoutError` are both `OSError`, and the kernel's timeout (ETIMEDOUT) is a
`TimeoutError` with an errno where our own deadline is one without. The detail keeps the raw cause, so that a
better classifier can be applied to old records; it is built from symbols alone and holds no address.
"""

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from rabta_proto.vocabulary import UNKNOWN_FAILURE, Failure


class StepError(Exception):
    """A step's own conclusion that what came over the network is a failure."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(f"{failure}: {detail}" if detail else str(failure))
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure string with the raw cause behind it."""

    failure: str
    detail: str = ""


_BY_ERRNO = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.ETIMEDOUT: Failure.TIMED_OUT,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.EADDRNOTAVAIL: Failure.ADDRESS_NOT_AVAILABLE,
    errno.EACCES: Failure.PERMISSION_DENIED,
    errno.EPERM: Failure.PERMISSION_DENIED,
}
_BY_GETADDRINFO = {
    socket.EAI_NONAME: Failure.DNS_NXDOMAIN,
    socket.EAI_AGAIN: Failure.DNS_SERVFAIL,
    socket.EAI_FAIL: Failure.DNS_SERVFAIL,
}
if hasattr(socket, "EAI_NODATA"):  # not on every platform, and equal to EAI_NONAME on Windows
    _BY_GETADDRINFO.setdefault(socket.EAI_NODATA, Failure.DNS_NO_ANSWER)
_EAI_NAMES = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}

# X509_V_ERR_... of OpenSSL's x509_vfy.h
_OTHER_NAME = {62, 64}  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
_NO_ROOT = {2, 18, 19, 20, 21, 24, 27}  # issuer missing, self-signed, not a CA, not trusted

_ALERTS = {
    # RFC 8446 section 6 and, of what it only reserves, RFC 5246 and RFC 6066, in the words of OpenSSL's reasons
    "CLOSE_NOTIFY": 0,
    "UNEXPECTED_MESSAGE": 10,
    "BAD_RECORD_MAC": 20,
    "DECRYPTION_FAILED": 21,
    "RECORD_OVERFLOW": 22,
    "DECOMPRESSION_FAILURE": 30,
    "HANDSHAKE_FAILURE": 40,
    "NO_CERTIFICATE": 41,
    "BAD_CERTIFICATE": 42,
    "UNSUPPORTED_CERTIFICATE": 43,
    "CERTIFICATE_REVOKED": 44,
    "CERTIFICATE_EXPIRED": 45,
    "CERTIFICATE_UNKNOWN": 46,
    "ILLEGAL_PARAMETER": 47,
    "UNKNOWN_CA": 48,
    "ACCESS_DENIED": 49,
    "DECODE_ERROR": 50,
    "DECRYPT_ERROR": 51,
    "EXPORT_RESTRICTION": 60,
    "PROTOCOL_VERSION": 70,
    "INSUFFICIENT_SECURITY": 71,
    "INTERNAL_ERROR": 80,
    "INAPPROPRIATE_FALLBACK": 86,
    "USER_CANCELLED": 90,
    "NO_RENEGOTIATION": 100,
    "MISSING_EXTENSION": 109,
    "UNSUPPORTED_EXTENSION": 110,
    "CERTIFICATE_UNOBTAINABLE": 111,
    "UNRECOGNIZED_NAME": 112,
    "BAD_CERTIFICATE_STATUS_RESPONSE": 113,
    "BAD_CERTIFICATE_HASH_VALUE": 114,
    "UNKNOWN_PSK_IDENTITY": 115,
    "CERTIFICATE_REQUIRED": 116,
    "NO_APPLICATION_PROTOCOL": 120,
}
_ALERT_NAMES = {number: name.lower() for name, number in _ALERTS.items()}
_ALERT_NAMES[90] = "user_canceled"  # OpenSSL spells it with two l
# An alert that we received; the same words without ALERT are our own complaints, save for those that OpenSSL shortens.
_ALERT_REASON = re.compile(
    r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_(\w+)|(UNRECOGNIZED_NAME|UNSUPPORTED_EXTENSION|CERTIFICATE_UNOBTAINABLE"
    r"|BAD_CERTIFICATE_STATUS_RESPONSE|BAD_CERTIFICATE_HASH_VALUE))"
)


def describe_alert(number: int) -> str:
    """An alert as a detail names it."""
    return f"alert {number} {_ALERT_NAMES.get(number, 'unassigned')}"


def read_alert(error: BaseException) -> int | None:
    """Number of the alert from the peer behind a TLS error; `None` where it was something else."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    found = _ALERT_REASON.fullmatch(reason) if isinstance(reason, str) else None
    return _ALERTS.get(found[1] or found[2]) if found else None


def is_certificate_failure(failure: str | None) -> bool:
    """Whether a handshake failed because of the certificate and nothing else."""
    return failure in (
        Failure.SSL_INVALID_HOSTNAME,
        Failure.SSL_UNKNOWN_AUTHORITY,
        Failure.SSL_INVALID_CERTIFICATE,
    )


def classify(error: Exception) -> Trouble:
    """The failure that an exception of a step stands for. Total."""
    match error:
        case StepError():
            return Trouble(failure=error.failure, detail=error.detail)
        case ssl.SSLCertVerificationError():
            return _classify_certificate(error)
        case ssl.SSLError():
            return _classify_tls(error)
        case EOFError():
            return Trouble(failure=Failure.EOF)
        case socket.gaierror():
            return _classify_getaddrinfo(error)
        case OSError() if error.errno is not None:
            return _classify_errno(error.errno)
        case TimeoutError():
            return Trouble(failure=Failure.GENERIC_TIMEOUT)
        case ConnectionResetError() | BrokenPipeError():
            return Trouble(failure=Failure.CONNECTION_RESET)
    return _unknown(type(error).__name__)


def _unknown(cause: str) -> Trouble:
    return Trouble(failure=f"{UNKNOWN_FAILURE}: {cause}", detail=cause)


def _classify_errno(number: int) -> Trouble:
    # Windows reports Winsock's own numbers (10054 for ECONNRESET); `errno` knows them as WSA....
    name = errno.errorcode.get(number, f"errno {number}")
    posix = getattr(errno, name.removeprefix("WSA"), number)
    failure = _BY_ERRNO.get(number) or _BY_ERRNO.get(posix)
    return Trouble(failure=failure, detail=name) if failure else _unknown(name)


def _classify_getaddrinfo(error: socket.gaierror) -> Trouble:
    number = error.errno if error.errno is not None else 0
    name = _EAI_NAMES.get(number, f"EAI {number}")
    return Trouble(failure=_BY_GETADDRINFO.get(number, Failure.DNS_SERVER_MISBEHAVING), detail=name)


def _classify_certificate(error: ssl.SSLCertVerificationError) -> Trouble:
    code = getattr(error, "verify_code", 0)
    if code in _OTHER_NAME:
        return Trouble(failure=Failure.SSL_INVALID_HOSTNAME, detail=f"verify {code}")
    failure = Failure.SSL_UNKNOWN_AUTHORITY if code in _NO_ROOT else Failure.SSL_INVALID_CERTIFICATE
    # OpenSSL's sentence for the code: a constant, unlike that of a name that does not match.
    return Trouble(failure=failure, detail=f"verify {code} {getattr(error, 'verify_message', '')}".strip())


def _classify_tls(error: ssl.SSLError) -> Trouble:
    if isinstance(error, ssl.SSLEOFError):
        return Trouble(failure=Failure.EOF)
    alert = read_alert(error)
    detail = describe_alert(alert) if alert is not None else (error.reason or type(error).__name__)
    return Trouble(failure=Failure.SSL_FAILED_HANDSHAKE, detail=detail)
