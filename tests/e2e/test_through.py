"""An agent's real link to a real collector by every way there is: what is measured arrives, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from rabta_agent.endpoint import Endpoint, Way
from rabta_agent.enrol import Enrolment, enroll
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.line import Road
from rabta_collector.pin import pin_of
from rabta_proto.v1 import collector_pb2 as wire
from support.collector_server import Server, journaled
from support.linked import Linked
from support.proxies import FakeProxy, proxying

NAME = "collector.example"
NAMES = {NAME: "127.0.0.1"}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def files(authority: trustme.CA, path: Path, *names: str, until: datetime | None = None) -> tuple[Path, Path]:
    issued = authority.issue_cert(*names, not_after=until)
    cert, key = path / "cert.pem", path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


@pytest.fixture
async def server(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A collector with TLS, whose roots are the system's."""
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    async with Server(
        tmp_path / "data", lab=True, tls=files(authority, tmp_path, NAME, "127.0.0.1")
    ).running() as running:
        yield running


def pinned(server: Server) -> str:
    assert server.tls
    return pin_of(server.tls[0].read_bytes())


def grpc_of(server: Server, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(host=host, port=server.listener.endpoint.port, tls=server.tls is not None)


def post_of(server: Server, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(host=host, port=server.secure.port, tls=True, way=Way.POST)


async def join(server: Server, endpoint: Endpoint, road: Road) -> Enrolment:
    request = wire.EnrollRequest(invite_token=server.invite(), agent_version="1", lab=True)
    return await enroll(endpoint, request, road)


async def deliver(server: Server, enrolment: Enrolment, endpoints: list[Endpoint], road: Road, path: Path) -> list[str]:
    """Three measurements, from a spool to the journal; the ways that stood, in order."""
    credential = enrolment.credential
    agent = Linked(path / "home", f"Bearer {credential.agent_id}.{credential.secret}", endpoints, road)
    async with agent.running():
        await agent.measure(3)
        await agent.delivered()
    assert 3 == agent.spool.counts.acked
    found = journaled(path / "data" / "journal.sqlite")
    assert [(credential.agent_id, number) for number in (1, 2, 3)] == sorted((one, number) for one, _, number in found)
    return agent.stood


async def test_grpc_over_tls(server: Server, tmp_path: Path) -> None:
    enrolment = await join(server, grpc_of(server), Road())
    assert [str(grpc_of(server))] == await deliver(server, enrolment, [grpc_of(server)], Road(), tmp_path)


async def test_post_over_tls(server: Server, tmp_path: Path) -> None:
    enrolment = await join(server, post_of(server), Road())
    assert [str(post_of(server))] == await deliver(server, enrolment, [post_of(server)], Road(), tmp_path)


async def test_post_where_no_grpc_gets_through(server: Server, tmp_path: Path) -> None:
    """As a middlebox that knows gRPC leaves it: the port answers, and speaks no HTTP/2."""
    async with deaf() as port:
        blocked = Endpoint(host="127.0.0.1", port=port, tls=False)
        enrolment = await join(server, post_of(server), Road())
        assert [str(post_of(server))] == await deliver(server, enrolment, [post_of(server), blocked], Road(), tmp_path)


@asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


async def test_joining_falls_back_to_post_at_the_same_address(server: Server) -> None:
    """As behind a reverse proxy that serves both: here the address speaks POST alone."""
    given = Endpoint(host="127.0.0.1", port=server.secure.port, tls=True)
    enrolment = await join(server, given, Road())
    assert (str(given), str(post_of(server))) == enrolment.credential.endpoints


@pytest.mark.parametrize("post", [False, True])
async def test_through_a_proxy_that_wants_a_password(server: Server, tmp_path: Path, post: bool) -> None:
    endpoint = post_of(server, NAME) if post else grpc_of(server, NAME)
    async with proxying(FakeProxy(names=NAMES, user="us3r", password="s3 cret")) as proxy:
        road = Road(environment={"HTTPS_PROXY": f"http://us3r:s3%20cret@127.0.0.1:{proxy.port}"})
        enrolment = await join(server, endpoint, road)
        assert [str(endpoint)] == await deliver(server, enrolment, [endpoint], road, tmp_path)
    assert {endpoint.authority} == set(proxy.asked)


async def test_through_socks_by_post_alone(server: Server, tmp_path: Path) -> None:
    async with proxying(FakeProxy(names=NAMES), socks=True) as proxy:
        road = Road(proxy=f"socks5://127.0.0.1:{proxy.port}")
        with pytest.raises(CommandError, match="gRPC cannot go through socks5://") as raised:
            await join(server, Endpoint(host=NAME, port=1, tls=True), road)
        assert ExitCode.UNREACHABLE is raised.value.code
        enrolment = await join(server, post_of(server, NAME), road)
        endpoints = [grpc_of(server, NAME), post_of(server, NAME)]
        assert [str(post_of(server, NAME))] == await deliver(server, enrolment, endpoints, road, tmp_path)


@pytest.mark.parametrize("post", [False, True])
async def test_a_proxy_that_refuses_is_named_without_its_password(server: Server, post: bool) -> None:
    endpoint = post_of(server, NAME) if post else grpc_of(server, NAME)
    async with proxying(FakeProxy(names=NAMES, refusal="403 Forbidden by policy")) as proxy:
        road = Road(proxy=f"http://us3r:s3cret@127.0.0.1:{proxy.port}")
        with pytest.raises(CommandError) as raised:
            await join(server, endpoint, road)
    assert "403" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("us3r", "s3cret"))
    assert ExitCode.UNREACHABLE is raised.value.code


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize("names", [("127.0.0.1",), ("other.example",), ("*.other.example", "192.0.2.1")])
async def test_a_pinned_key_needs_no_roots_and_no_name(
    tmp_path: Path, authority: trustme.CA, post: bool, names: tuple[str, ...]
) -> None:
    """No root vouches for this certificate here, and it may be another name's."""
    async with Server(tmp_path / "data", lab=True, tls=files(authority, tmp_path, *names)).running() as server:
        endpoint, road = post_of(server) if post else grpc_of(server), Road(pin=pinned(server))
        enrolment = await join(server, endpoint, road)
        assert road.pin == enrolment.credential.pin
        assert [str(endpoint)] == await deliver(server, enrolment, [endpoint], road, tmp_path)


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_pinned_key_in_an_expired_certificate_is_good_for_post_and_not_for_grpc(
    tmp_path: Path, authority: trustme.CA
) -> None:
    """The key is what counts, and by POST it alone does; gRPC looks at dates, too, and cannot be told not to."""
    tls = files(authority, tmp_path, NAME, until=LONG_AGO)
    async with Server(tmp_path / "data", lab=True, tls=tls).running() as server:
        road = Road(pin=pinned(server))
        with pytest.raises(CommandError, match="certificate has expired") as raised:
            await join(server, grpc_of(server), road)
        assert ExitCode.UNREACHABLE is raised.value.code
        enrolment = await join(server, post_of(server), road)
        endpoints = [grpc_of(server), post_of(server)]
        assert [str(post_of(server))] == await deliver(server, enrolment, endpoints, road, tmp_path)


@pytest.mark.parametrize("post", [False, True])
async def test_another_key_is_refused_whoever_vouches_for_it(server: Server, post: bool) -> None:
    """The roots vouch for it, and the name is right."""
    endpoint = post_of(server) if post else grpc_of(server)
    other = pin_of(trustme.CA().cert_pem.bytes())
    with pytest.raises(CommandError, match="not the pinned one") as raised:
        await join(server, endpoint, Road(pin=other))
    assert ExitCode.UNREACHABLE is raised.value.code


async def test_what_no_root_vouches_for_is_refused_by_post_too(tmp_path: Path, authority: trustme.CA) -> None:
    async with Server(tmp_path / "data", tls=files(authority, tmp_path, "127.0.0.1")).running() as server:
        with pytest.raises(CommandError, match="the certificate is not good"):
            await join(server, post_of(server), Road())
