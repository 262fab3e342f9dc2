"""What holds a session up through silence: options that exist, keepalives; and the end of an old connection."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from grpc._cython import cygrpc

from rabta_agent import channel
from rabta_agent.endpoint import Endpoint
from rabta_agent.line import Road
from rabta_collector import listeners
from support.collector_server import Agent, Server, journaled
from support.linked import Linked
from support.proxies import copy, serving
from support.waiting import PATIENCE_S

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING = 6  # RFC 9113, section 6.7
COMPILED = Path(cygrpc.__file__).read_bytes()


def exists(option: str) -> bool:
    """Whether the gRPC that is installed knows an option; it ignores the others in silence.

    Linkers keep a string as the tail of a longer one where they can: nothing is asked of what stands before it.
    """
    return option.encode() + b"\0" in COMPILED


@pytest.mark.parametrize("module", [channel, listeners])
def test_every_option_that_we_set_exists(module: object) -> None:
    text = Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")
    options = set(re.findall(r'"(grpc\.[a-z0-9_.]+)"', text))
    assert len(options) >= 7
    assert set() == {option for option in options if not exists(option)}


def test_an_option_that_does_not_exist_would_be_seen() -> None:
    assert exists("grpc.keepalive_time_ms")
    assert not exists("grpc.http2.min_ping_interval_without_data")  # without its unit
    assert not exists("grpc.keepalive_permit_without_call")


def test_the_agents_keepalives_are_no_more_often_than_the_collector_bears() -> None:
    theirs, ours = dict(listeners.OPTIONS), dict(channel.OPTIONS)
    assert int(ours["grpc.keepalive_time_ms"]) >= 2 * theirs["grpc.http2.min_ping_interval_without_data_ms"]


def options(base: tuple[tuple[str, int], ...], **changes: int) -> tuple[tuple[str, int], ...]:
    changed = {f"grpc.{name.replace('__', '.')}": value for name, value in changes.items()}
    assert all(map(exists, changed))
    return tuple((dict(base) | changed).items())


class Tap:
    """Passes bytes on, and counts the keepalives among an agent's frames."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.pings = 0
        self.connections = 0
        self._target = target
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[["Tap"], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._changed.set()
        beyond, towards = await asyncio.open_connection("127.0.0.1", self._target)
        ends: list[asyncio.Task[None]] = []
        try:
            ends = [asyncio.create_task(work) for work in (self._count(reader, towards), copy(beyond, writer))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            towards.transport.abort()
            writer.transport.abort()

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(PREFACE)))
        while True:
            head = await reader.readexactly(9)
            writer.write(head + await reader.readexactly(int.from_bytes(head[:3], "big")))
            self.pings += head[3] == PING and not head[4] & 1
            self._changed.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Tap"]:
        async with serving(self._serve) as self.port:
            yield self


def link_of(agent: Agent, path: Path, port: int) -> Linked:
    authorization = dict(agent.credential)["authorization"]
    return Linked(path / "home", authorization, [Endpoint(host="127.0.0.1", port=port, tls=False)], Road())


async def test_an_idle_session_stands_through_keepalives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand times as often as in earnest; the heartbeat is far away, so that nothing else is said."""
    monkeypatch.setattr(
        channel, "OPTIONS", options(channel.OPTIONS, keepalive_time_ms=120, keepalive_timeout_ms=20_000)
    )
    server_options = options(listeners.OPTIONS, http2__min_ping_interval_without_data_ms=5)
    async with (
        Server(tmp_path / "data", heartbeat_s=60, options=server_options).running() as server,
        Tap(server.listener.endpoint.port).listening() as tap,
        link_of(await server.join(), tmp_path, tap.port).running() as agent,
    ):
        await tap.until(lambda seen: seen.pings >= 4)
        await agent.measure(1)
        await agent.delivered()
        assert (1, 1, []) == (tap.connections, len(agent.stood), agent.troubles)


async def test_keepalives_that_are_too_many_would_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same against a collector that bears fewer: shows that the other test sees what it looks for."""
    monkeypatch.setattr(channel, "OPTIONS", options(channel.OPTIONS, keepalive_time_ms=120))
    server_options = options(listeners.OPTIONS, http2__min_ping_interval_without_data_ms=3_600_000)
    async with (
        Server(tmp_path / "data", heartbeat_s=60, options=server_options).running() as server,
        Tap(server.listener.endpoint.port).listening() as tap,
        link_of(await server.join(), tmp_path, tap.port).running() as agent,
    ):
        await tap.until(lambda seen: seen.connections >= 2)
    assert "too_many_pings" in " ".join(agent.troubles).lower().replace(" ", "_")


async def test_a_connection_that_grew_old_is_followed_by_another_without_loss(tmp_path: Path) -> None:
    server_options = options(listeners.OPTIONS, max_connection_age_ms=500, max_connection_age_grace_ms=300)
    async with Server(tmp_path / "data", options=server_options).running() as server:
        joined = await server.join()
        async with link_of(joined, tmp_path, server.listener.endpoint.port).running() as agent:
            count = 0
            async with asyncio.timeout(PATIENCE_S):
                while len(agent.stood) < 4:
                    await agent.measure(5)
                    count += 5
                    await agent.delivered()
            assert set(agent.stood) == {f"http://{server.listener.endpoint}"}
    found = [sequence for _, _, sequence in journaled(tmp_path / "data" / "journal.sqlite")]
    assert list(range(1, count + 1)) == sorted(found)  # each, and none twice


@pytest.mark.parametrize("side", ["agent", "collector"])
async def test_http2_is_agreed_on_by_alpn(tmp_path: Path, side: str) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    if side == "collector":
        async with Server(tmp_path / "data", tls=(cert, key)).running() as server:
            context = ssl.create_default_context()
            authority.configure_trust(context)
            context.set_alpn_protocols(["http/1.1", "h2"])
            _, writer = await asyncio.open_connection("127.0.0.1", server.listener.endpoint.port, ssl=context)
            assert "h2" == writer.get_extra_info("ssl_object").selected_alpn_protocol()
            writer.close()
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1", "h2"])

    def agreed(listener: socket.socket) -> str | None:
        accepted, _ = listener.accept()
        with accepted, context.wrap_socket(accepted, server_side=True) as wrapped:
            return wrapped.selected_alpn_protocol()

    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listener:
        patch.setattr("rabta_agent.channel.roots", authority.cert_pem.bytes)
        endpoint = Endpoint(host="127.0.0.1", port=listener.getsockname()[1], tls=True)
        agent = Linked(tmp_path / "home", "Bearer a.s", [endpoint], Road())
        listener.settimeout(PATIENCE_S)
        async with agent.running():
            assert "h2" == await asyncio.to_thread(agreed, listener)
