"""ClientHellos written by hand, as OpenSSL and ourselves read them, and what counts as an answer."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.vpns.tlshello import TlsHello
from support.peers import Authority

ECH = bytes.fromhex("fe0d00fa0000010001")
"""The extension's number and length, "outer", and the suite."""


def extensions(record: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello, by number; every length must fit."""
    assert (22, len(record) - 5) == (record[0], int.from_bytes(record[3:5]))
    assert (1, len(record) - 9) == (record[5], int.from_bytes(record[6:9]))
    at = 9 + 2 + 32
    for size in (1, 2, 1):  # session, ciphers, compression
        at += size + int.from_bytes(record[at : at + size])
    assert len(record) == at + 2 + int.from_bytes(record[at : at + 2])
    found, at = {}, at + 2
    while at < len(record):
        number, size = int.from_bytes(record[at : at + 2]), int.from_bytes(record[at + 2 : at + 4])
        found[number] = record[at + 4 : at + 4 + size]
        at += 4 + size
    return found


@pytest.mark.parametrize("ech", [False, True])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_openssl_answers_it_with_a_server_hello(ech: bool, version: ssl.TLSVersion) -> None:
    context = Authority().server("site.example")
    context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    hello = TlsHello("site.example", ech=ech)
    incoming.write(hello.write())
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    assert hello.read(outgoing.read())


def test_encrypted_client_hello_is_one_extension_more_and_nothing_else() -> None:
    plain, with_ech = (extensions(TlsHello("site.example", ech=ech).write()) for ech in (False, True))
    assert {0xFE0D} == with_ech.keys() - plain.keys()
    assert b"site.example" in plain[0] == with_ech[0]
    assert ECH in TlsHello("site.example", ech=True).write()
    assert ECH not in TlsHello("site.example").write()
    assert 250 == len(with_ech[0xFE0D])


def test_it_fits_into_one_segment_whatever_the_name() -> None:
    assert len(TlsHello("a" * 60 + ".example", ech=True).write()) < 1200


@pytest.mark.parametrize("host", ["203.0.113.5", "2001:db8::1"])
def test_an_address_is_no_server_name(host: str) -> None:
    assert 0 not in extensions(TlsHello(host).write())


@pytest.mark.parametrize(
    ("heard", "answered"),
    [
        (b"", None),
        (b"\x16\x03\x03\x00\x7a", None),
        (b"\x16\x03\x03\x00\x7a\x02", True),
        (b"\x16\x03\x03\x00\x7a\x01", False),  # a ClientHello: an echo
        (b"\x15\x03\x03\x00\x02\x02\x28", False),  # an alert
        (b"HTTP/1.1 400", False),
    ],
)
def test_an_answer_is_a_server_hello(heard: bytes, answered: bool | None) -> None:
    assert answered is TlsHello("site.example").read(heard)


@given(st.binary(max_size=40))
def test_no_bytes_break_it(heard: bytes) -> None:
    assert TlsHello("site.example").read(heard) in (None, True, False)
