from datetime import UTC, datetime
from hashlib import sha256

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.certificate import summarise

ISSUED = trustme.CA(organization_name="Rabta tests").issue_cert("site.example", common_name="site.example")
CERTIFICATE = x509.load_pem_x509_certificate(ISSUED.cert_chain_pems[0].bytes())
DER = CERTIFICATE.public_bytes(Encoding.DER)


def test_a_certificate_is_named_and_dated() -> None:
    summary = summarise(DER)
    expected = ("site.example", "Rabta tests", CERTIFICATE.not_valid_before_utc, CERTIFICATE.not_valid_after_utc)
    assert expected == (summary.subject, summary.issuer, summary.not_before, summary.not_after)


def test_digests_are_of_the_certificate_and_of_its_key() -> None:
    key = CERTIFICATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    summary = summarise(DER)
    assert (sha256(DER).digest(), sha256(key).digest()) == (summary.sha256, summary.spki_sha256)


@given(st.binary(max_size=100) | st.integers(0, len(DER) - 1).map(lambda cut: DER[:cut]))
def test_a_certificate_that_cannot_be_read_is_only_its_digest(der: bytes) -> None:
    summary = summarise(der)
    assert (sha256(der).digest(), "", datetime(1970, 1, 1, tzinfo=UTC)) == (
        summary.sha256,
        summary.subject,
        summary.not_before,
    )
