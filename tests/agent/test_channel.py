"""What a status means to an agent, and whose roots it trusts."""

from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme

from rabta_agent.channel import brief, open_channel, trouble
from rabta_agent.endpoint import Endpoint, parse_endpoint
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.stream import RefusedError, SessionEndedError
from support.waiting import PATIENCE_S


def test_the_collectors_own_no_ends_the_agent() -> None:
    refusal = trouble(grpc.StatusCode.UNAUTHENTICATED, "the credential was revoked")
    assert isinstance(refusal, RefusedError)
    assert (ExitCode.NOT_JOINED, True) == (refusal.code, "the credential was revoked" in str(refusal))


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_proxys_no_is_only_trouble(code: grpc.StatusCode) -> None:
    assert isinstance(trouble(code, "Received http2 header with status: 403"), SessionEndedError)


@pytest.mark.parametrize("code", set(grpc.StatusCode) - {grpc.StatusCode.OK})
def test_every_status_is_one_line(code: grpc.StatusCode) -> None:
    assert "\n" not in str(trouble(code, "two\nlines"))
    assert str(trouble(code, None))


def test_the_cause_is_what_grpc_says_last() -> None:
    text = "failed to connect to all addresses; last error: UNKNOWN: Connection refused"
    assert "Connection refused" == brief(text)
    where = "last error: UNAVAILABLE: ipv4:192.0.2.1:443: Failed to connect to remote host: Connection refused"
    assert "Connection refused" == brief(f"failed to connect to all addresses; {where}")
    lost = "errors resolving c.example:443: [field:hostname error:address lookup failed for c.example:443: not found]"
    assert "no address is known for its name" == brief(lost)
    assert "what answers there speaks no gRPC" == brief("Failed parsing HTTP/2 (Expected SETTINGS frame)")
    assert "the invitation is unknown" == brief("the invitation is unknown")
    assert 300 == len(brief("x" * 1000))
    assert "no room for [address]" == brief("no room for 39.32.10.7")


def test_roots_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(CommandError, match=r"SSL_CERT_FILE: .*none\.pem") as raised:
        open_channel(parse_endpoint("https://127.0.0.1:1", lab=False))
    assert ExitCode.USAGE is raised.value.code


async def call(endpoint: Endpoint) -> bytes:
    async with open_channel(endpoint) as channel:
        reply: bytes = await channel.unary_unary("/test/Echo")(b"hello", timeout=PATIENCE_S)
        return reply


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


async def serving(authority: trustme.CA) -> tuple[grpc.aio.Server, Endpoint]:
    async def echo(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    server = grpc.aio.server()
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", handlers),))
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, Endpoint(host="127.0.0.1", port=port, tls=True)


async def test_tls_is_verified_against_the_roots_of_ssl_cert_file(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    server, endpoint = await serving(authority)
    assert b"hello" == await call(endpoint)
    await server.stop(0)


async def test_a_certificate_of_nobody_known_is_refused(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    server, endpoint = await serving(authority)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(endpoint)
    assert grpc.StatusCode.UNAVAILABLE is raised.value.code()
    await server.stop(0)
