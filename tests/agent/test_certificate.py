import ssl
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.certificate import CHAIN_LIMIT, read_chain, summarise, summarise_issuers
from rabta_proto.model import Issuer

AUTHORITY = trustme.CA(organization_name="Rabta tests")
CERTIFICATE_OF_THE_AUTHORITY = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes())
ISSUED = AUTHORITY.issue_cert("site.example", common_name="site.example")
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


def make_chain(length: int) -> trustme.LeafCert:
    """A certificate with so many others between it and its root."""
    authority = trustme.CA()
    for _ in range(length):
        authority = authority.create_child_ca()
    return authority.issue_cert("site.example")


def shake_hands(issued: trustme.LeafCert, version: ssl.TLSVersion) -> ssl.SSLObject:
    """A client that heard all that a server has to say, and believes nothing."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    issued.configure_cert(server)
    client.maximum_version = version
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(one, other, server_hostname="site.example")
    theirs = server.wrap_bio(other, one, server_side=True)
    for end in (ours, theirs, ours):
        try:
            end.do_handshake()
        except ssl.SSLCertVerificationError:
            return ours
        except ssl.SSLWantReadError:
            pass
    raise AssertionError("believed")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_chain_is_read_in_the_servers_order_though_nobody_believes_it(version: ssl.TLSVersion) -> None:
    issued = make_chain(2)
    expected = tuple(ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in issued.cert_chain_pems)
    assert 3 == len(expected)
    assert expected == read_chain(shake_hands(issued, version))


def test_a_chain_is_read_up_to_its_limit() -> None:
    issued = make_chain(CHAIN_LIMIT + 2)
    assert 1 + CHAIN_LIMIT == len(read_chain(shake_hands(issued, ssl.TLSVersion.TLSv1_3)))


def test_before_the_certificates_have_come_there_is_no_chain() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="site.example")
    assert () == read_chain(tls)


class Told:
    """What Python 3.13 says itself."""

    def __init__(self, chain: list[bytes] | None) -> None:
        self._chain = chain

    def get_unverified_chain(self) -> list[bytes] | None:
        return self._chain


@pytest.mark.parametrize(
    ("tls", "expected"),
    [(Told([DER, b"issuer"]), (DER, b"issuer")), (Told([b"x"] * 9), (b"x",) * 5), (Told(None), ()), (object(), ())],
    ids=["python 3.13", "long", "none sent", "not told"],
)
def test_a_chain_is_what_python_tells(tls: Any, expected: tuple[bytes, ...]) -> None:
    assert expected == read_chain(tls)


def test_issuers_are_named_by_common_name_or_else_by_organisation() -> None:
    authority = CERTIFICATE_OF_THE_AUTHORITY.public_bytes(Encoding.DER)
    expected = (
        Issuer(sha256=sha256(DER).digest(), subject="site.example"),
        Issuer(sha256=sha256(authority).digest(), subject="Rabta tests"),
        Issuer(sha256=sha256(b"no certificate").digest(), subject=""),
    )
    assert expected == summarise_issuers([DER, authority, b"no certificate"])
