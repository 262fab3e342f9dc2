"""The opening of a connection is told from a real ClientHello, however it is cut."""

import ssl

import pytest

from lab.opening import ENOUGH, OTHER, Opening, Speech, read_opening


def client_hello(name: str | None) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def in_records_of(size: int, record: bytes) -> bytes:
    """The same handshake message in several records."""
    body = record[5:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(record[:3] + len(piece).to_bytes(2) + piece for piece in pieces)


def test_the_server_name_of_a_client_hello_is_read() -> None:
    assert Opening(speech=Speech.TLS, name="x.com") == read_opening(client_hello("x.com"))


def test_a_client_hello_without_a_server_name_is_tls_without_a_name() -> None:
    assert Opening(speech=Speech.TLS) == read_opening(client_hello(None))


def test_every_beginning_of_a_client_hello_is_told_to_be_too_short() -> None:
    hello = client_hello("x.com")
    assert all(read_opening(hello[:length]) is None for length in range(len(hello)))


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_client_hello_cut_over_several_records_is_read(size: int) -> None:
    assert Opening(speech=Speech.TLS, name="x.com") == read_opening(in_records_of(size, client_hello("x.com")))


@pytest.mark.parametrize("at", range(6, 60))
def test_a_client_hello_with_a_broken_field_is_never_an_error(at: int) -> None:
    hello = bytearray(client_hello("x.com"))
    hello[at] ^= 0xFF
    read_opening(bytes(hello))


def test_the_host_of_a_request_is_read_without_its_port() -> None:
    request = b"GET / HTTP/1.1\r\nAccept: */*\r\nHOST: X.com:8080\r\n\r\n"
    assert Opening(speech=Speech.HTTP, name="x.com") == read_opening(request)


def test_a_request_whose_head_is_not_complete_is_told_to_be_too_short() -> None:
    assert read_opening(b"GET / HTTP/1.1\r\nHost: x.com\r\n") is None
    assert read_opening(b"GE") is None


def test_what_is_neither_tls_nor_http_is_something_else() -> None:
    assert OTHER == read_opening(b"SSH-2.0-lab\r\n")


def test_a_request_without_end_is_given_up() -> None:
    assert OTHER == read_opening(b"GET /" + b"a" * ENOUGH)
