"""The certificate of a handshake that failed because of it."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from rabta_collector.ooni.certificates import read_certificate, refine, summarise
from rabta_collector.ooni.judge import judge
from rabta_proto.vocabulary import Failure
from support.ooni_builder import NEAR, SITE, built, handshake

EXPIRED = Failure.SSL_INVALID_CERTIFICATE
KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime(2020, 1, 1, tzinfo=UTC)


def made(*names: str, issuer: str = "Some CA", subject: str = SITE) -> x509.Certificate:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    builder = x509.CertificateBuilder(named(issuer), named(subject), KEY.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(START).not_valid_after(START + timedelta(days=90))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def sent(certificate: x509.Certificate | None) -> dict[str, Any]:
    der = certificate.public_bytes(Encoding.DER) if certificate else b"none"
    return {"peer_certificates": [{"format": "base64", "data": b64encode(der).decode()}]}


@pytest.mark.parametrize(
    ("certificate", "host", "failure"),
    [
        (made(SITE), SITE, EXPIRED),
        (made("*.x.com"), "www.x.com", EXPIRED),
        (made("*.x.com"), "a.b.x.com", Failure.SSL_INVALID_HOSTNAME),
        (made("box.example"), SITE, Failure.SSL_INVALID_HOSTNAME),
        (made(), SITE, Failure.SSL_INVALID_HOSTNAME),
        (made(SITE, issuer=SITE), SITE, Failure.SSL_UNKNOWN_AUTHORITY),
        (made("box.example"), "104.16.1.1", EXPIRED),
        (None, SITE, EXPIRED),
    ],
    ids=["site's", "wildcard", "too deep", "other", "no names", "own issuer", "an address", "unreadable"],
)
def test_what_hides_behind_the_dates_is_found(
    certificate: x509.Certificate | None, host: str, failure: Failure
) -> None:
    read = read_certificate(sent(certificate), EXPIRED)
    assert (certificate is None) == (read is None)
    assert failure == refine(EXPIRED, read, host)


def test_other_failures_stay() -> None:
    assert Failure.SSL_UNKNOWN_AUTHORITY == refine(Failure.SSL_UNKNOWN_AUTHORITY, made(), SITE)
    assert refine(None, None, SITE) is None


@pytest.mark.parametrize("odd", [{}, {"peer_certificates": None}, {"peer_certificates": [7]}, sent(None)])
def test_what_cannot_be_read_is_none(odd: dict[str, Any]) -> None:
    assert read_certificate(odd, EXPIRED) is None
    assert summarise(None) is None


def test_only_what_failed_is_read() -> None:
    assert read_certificate(sent(made(SITE)), None) is None
    assert read_certificate(sent(made(SITE)), Failure.CONNECTION_RESET) is None


def test_a_summary_names_subject_and_issuer() -> None:
    kept = summarise(made(SITE))
    assert kept is not None
    assert (SITE, "Some CA", START) == (kept.subject, kept.issuer, kept.not_before)


def test_a_box_with_an_old_certificate_of_its_own_is_a_forger_and_a_wrong_clock_is_not() -> None:
    for certificate, rule in ((made("box.example"), "tls.mitm.control_valid"), (made(SITE), "vantage.clock")):
        shaken = handshake(NEAR, EXPIRED) | sent(certificate)
        found = judge(built(version="0.5.28", requests=[], tls_handshakes=[shaken]))
        assert rule == found["rule"]
    assert "the certificate came from Some CA" in str(found["reasons"])
