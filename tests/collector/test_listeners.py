"""Ports and certificates that cannot be had are one line."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
import trustme
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from lab.system import free_port
from rabta_collector.config import Config, Endpoint
from rabta_collector.listeners import GrpcListener, HttpListener, ListenError, Sides, grpc_credentials, web_context
from rabta_collector.service import NAME
from support.collector_server import Server

ANY = Endpoint(host="127.0.0.1", port=0)


@pytest.fixture
def taken() -> Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Endpoint(host="127.0.0.1", port=listener.getsockname()[1])


def certified(folder: Path) -> tuple[trustme.CA, Path, Path]:
    """Who is to be trusted, and the files of a certificate and its key."""
    authority, cert, key = trustme.CA(), folder / "cert.pem", folder / "key.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return authority, cert, key


async def test_a_port_in_use_is_one_line_for_agents(taken: Endpoint) -> None:
    with pytest.raises(ListenError, match=rf"^{taken} \(agents\): Address already in use; see --grpc"):
        GrpcListener(taken, None)


async def test_a_port_in_use_is_one_line_for_readers(taken: Endpoint) -> None:
    listener = HttpListener(web.Application())
    with pytest.raises(ListenError, match=rf"^{taken} \(readers\): Address already in use; see --http"):
        await listener.start(taken)
    await listener.stop()


async def refusals(host: str, name: str) -> tuple[str, str]:
    """What the agents' listener says of a host, and the readers' of a name."""
    with pytest.raises(ListenError) as agents:
        GrpcListener(Endpoint(host=host, port=0), None)
    listener = HttpListener(web.Application())
    with pytest.raises(ListenError) as readers:
        await listener.start(Endpoint(host=name, port=0))
    await listener.stop()
    return str(agents.value), str(readers.value)


async def test_an_address_of_another_machine_is_said_to_be_the_trouble() -> None:
    assert (
        "192.0.2.1:0 (agents): Cannot assign requested address; see --grpc, RABTA_GRPC_PORT",
        "192.0.2.1:0 (readers): Cannot assign requested address; see --http, RABTA_HTTP_PORT",
    ) == await refusals("192.0.2.1", "192.0.2.1")


async def test_a_name_that_nobody_knows_is_said_to_be_the_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system's resolver says it: no test asks a real one. gRPC, with one of its own, gets an address here."""

    def nobody_knows(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    assert (
        "192.0.2.1:0 (agents): Name or service not known; see --grpc, RABTA_GRPC_PORT",
        "collector.example:0 (readers): Name or service not known; see --http, RABTA_HTTP_PORT",
    ) == await refusals("192.0.2.1", "collector.example")


async def test_two_collectors_never_share_a_port() -> None:
    """With SO_REUSEPORT, which gRPC takes by default, the second would get half of the first one's agents."""
    first = GrpcListener(ANY, None)
    with pytest.raises(ListenError):
        GrpcListener(first.endpoint, None)
    await first.stop()


async def test_a_free_port_is_told() -> None:
    listener = HttpListener(web.Application())
    await listener.start(ANY)
    assert listener.endpoint.port > 0
    await listener.stop()


async def test_health_and_reflection_are_on(tmp_path: Path) -> None:
    async with (
        Server(tmp_path).running() as server,
        grpc.aio.insecure_channel(str(server.listener.endpoint)) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        assert health_pb2.HealthCheckResponse.SERVING == answer.status
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = {entry.name for entry in (await call.read()).list_services_response.service}
        assert {NAME, "grpc.health.v1.Health"} <= listed
        call.cancel()
        await server.listener.refuse()
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        assert health_pb2.HealthCheckResponse.NOT_SERVING == answer.status


async def test_tls_is_spoken_with_the_certificate_given(tmp_path: Path) -> None:
    authority, cert, key = certified(tmp_path)
    listener = GrpcListener(ANY, grpc_credentials(cert, key))
    await listener.start(grpc.method_handlers_generic_handler("none", {}))
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    async with grpc.aio.secure_channel(str(listener.endpoint), credentials) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health_pb2.HealthCheckResponse.SERVING == answer.status
    await listener.stop()


def test_no_certificate_is_plain() -> None:
    assert grpc_credentials(None, None) is None


def test_what_is_no_certificate_is_one_line(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(ListenError, match=r"cert\.pem: No such file or directory"):
        grpc_credentials(cert, key)
    cert.write_text("not a certificate")
    key.write_text("nor a key")
    with pytest.raises(ListenError, match="not a certificate and its key in PEM form") as raised:
        grpc_credentials(cert, key)
    assert "\n" not in str(raised.value)


async def versions_taken(endpoint: Endpoint, authority: trustme.CA) -> list[str]:
    """Which versions of TLS a listener speaks."""
    taken = []
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        with suppress(ssl.SSLError, ConnectionError):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
            taken.append(str(writer.get_extra_info("ssl_object").version()))
            writer.close()
    return taken


async def test_the_operators_listener_says_what_sets_it(taken: Endpoint) -> None:
    listener = HttpListener(web.Application(), whose="operators", see="--admin, RABTA_ADMIN")
    with pytest.raises(ListenError, match=rf"^{taken} \(operators\): Address already in use; see --admin, RABTA_ADMIN"):
        await listener.start(taken)
    await listener.stop()


async def test_the_web_side_speaks_tls_besides(tmp_path: Path) -> None:
    authority, cert, key = certified(tmp_path)
    listener = HttpListener(web.Application())
    await listener.start(ANY)
    encrypted = await listener.start_tls(ANY, web_context(cert, key))
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.configure_trust(context)
    reader, writer = await asyncio.open_connection(encrypted.host, encrypted.port, ssl=context)
    assert "http/1.1" == writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 404")
    assert listener.endpoint.port != encrypted.port
    assert ["TLSv1.2", "TLSv1.3"] == await versions_taken(encrypted, authority)
    writer.close()
    await listener.stop()


@pytest.mark.parametrize("tls", [True, False])
async def test_operators_elsewhere_have_tls_where_there_is_a_certificate_unless_it_is_not_wished(
    tmp_path: Path, *, tls: bool
) -> None:
    """What Prometheus asks by the machine's own name, a certificate for the agents' name does not prove."""
    authority, cert, key = certified(tmp_path)
    everywhere = Endpoint(host="0.0.0.0", port=free_port())
    config = Config(data=tmp_path, http=ANY, admin=everywhere, admin_tls=tls, tls_cert=cert, tls_key=key)
    sides = Sides(config)
    await sides.start(web.Application(), web.Application())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    reader, writer = await asyncio.open_connection("127.0.0.1", everywhere.port, ssl=context if tls else None)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 404")
    writer.close()
    await sides.stop()


async def test_connections_beyond_the_bound_are_closed_and_those_within_it_answered() -> None:
    listener = GrpcListener(ANY, None, connections=3)
    await listener._server.start()
    streams = [await asyncio.open_connection("127.0.0.1", listener.endpoint.port) for _ in range(6)]
    async with asyncio.timeout(30):
        heads = await asyncio.gather(*(reader.read(9) for reader, _ in streams), return_exceptions=True)
    assert 3 == sum(isinstance(head, bytes) and len(head) == 9 for head in heads)  # the head of a SETTINGS frame
    for _, writer in streams:
        writer.close()
    await listener.stop()
