import errno
import socket
import ssl

import pytest

from rabta_agent.failure import StepError, Trouble, classify, describe_alert, is_certificate_failure, read_alert
from rabta_proto.vocabulary import Failure


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ECONNREFUSED, "connection_refused"),
        (errno.ECONNRESET, "connection_reset"),
        (errno.EPIPE, "connection_reset"),
        (errno.ECONNABORTED, "connection_aborted"),
        (errno.ETIMEDOUT, "timed_out"),
        (errno.EHOSTUNREACH, "host_unreachable"),
        (errno.ENETUNREACH, "network_unreachable"),
        (errno.ENETDOWN, "network_down"),
        (errno.EADDRNOTAVAIL, "address_not_available"),
        (errno.EACCES, "permission_denied"),
        (errno.EPERM, "permission_denied"),
    ],
)
def test_an_errno_has_its_own_failure_and_is_kept_as_detail(number: int, failure: str) -> None:
    error = OSError(number, "some English about 192.168.1.7")
    assert Trouble(failure=failure, detail=errno.errorcode[number]) == classify(error)


def test_our_own_deadline_and_the_kernels_timeout_are_told_apart() -> None:
    assert "generic_timeout_error" == classify(TimeoutError()).failure
    assert "generic_timeout_error" == classify(TimeoutError()).failure
    assert "timed_out" == classify(TimeoutError(errno.ETIMEDOUT, "")).failure


def test_a_reset_without_errno_is_still_a_reset() -> None:
    assert "connection_reset" == classify(ConnectionResetError()).failure


def test_eof_is_no_reset() -> None:
    assert "eof_error" == classify(EOFError()).failure
    assert "eof_error" == classify(ssl.SSLEOFError(8, "EOF occurred")).failure


@pytest.mark.parametrize(
    ("code", "failure", "detail"),
    [
        (62, "ssl_invalid_hostname", "verify 62"),
        (64, "ssl_invalid_hostname", "verify 64"),
        (18, "ssl_unknown_authority", "verify 18 why"),
        (19, "ssl_unknown_authority", "verify 19 why"),
        (20, "ssl_unknown_authority", "verify 20 why"),
        (9, "ssl_invalid_certificate", "verify 9 why"),
        (10, "ssl_invalid_certificate", "verify 10 why"),
    ],
)
def test_certificates_fail_by_openssls_code(code: int, failure: str, detail: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "why"
    assert Trouble(failure=failure, detail=detail) == classify(error)
    assert is_certificate_failure(failure)


@pytest.mark.parametrize(
    ("reason", "number"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", 40),
        ("TLSV1_ALERT_INTERNAL_ERROR", 80),
        ("TLSV1_UNRECOGNIZED_NAME", 112),
        ("TLSV1_ALERT_ACCESS_DENIED", 49),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", 116),
        ("TLSV1_CERTIFICATE_UNOBTAINABLE", 111),
        ("TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE", 113),
        ("TLSV1_BAD_CERTIFICATE_HASH_VALUE", 114),
        ("TLSV1_ALERT_EXPORT_RESTRICTION", 60),
        ("WRONG_VERSION_NUMBER", None),
        ("TLSV1_ALERT_OF_THE_FUTURE", None),
    ],
)
def test_an_alert_is_told_from_our_own_complaint(reason: str, number: int | None) -> None:
    error = ssl.SSLError(1, "failed")
    error.reason = reason
    assert number == read_alert(error)
    assert "ssl_failed_handshake" == classify(error).failure
    assert (reason if number is None else describe_alert(number)) == classify(error).detail


def test_only_a_tls_error_holds_an_alert() -> None:
    assert None is read_alert(ValueError())


def test_an_alert_without_a_name_has_its_number() -> None:
    assert "alert 200 unassigned" == describe_alert(200)


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (socket.EAI_NONAME, "dns_nxdomain_error"),
        (socket.EAI_AGAIN, "dns_server_failure"),
        (socket.EAI_FAMILY, "dns_server_misbehaving"),
    ],
)
def test_the_platforms_resolver_fails_in_the_words_of_dns(number: int, failure: str) -> None:
    assert failure == classify(socket.gaierror(number, "English")).failure


def test_a_steps_own_conclusion_is_taken_as_it_is() -> None:
    error = StepError(Failure.DNS_REFUSED, "REFUSED")
    assert Trouble(failure="dns_refused_error", detail="REFUSED") == classify(error)
    assert "dns_refused_error: REFUSED" == str(error)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "disk"), "ENOSPC"),
        (RuntimeError("with 10.1.2.3"), "RuntimeError"),
        (OSError(), "OSError"),
    ],
)
def test_anything_else_is_unknown_and_says_what_it_was(error: Exception, cause: str) -> None:
    assert Trouble(failure=f"unknown_failure: {cause}", detail=cause) == classify(error)


@pytest.mark.parametrize("failure", [None, "connection_reset", "ssl_failed_handshake"])
def test_other_failures_are_not_the_certificates(failure: str | None) -> None:
    assert not is_certificate_failure(failure)
