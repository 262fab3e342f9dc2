import asyncio
import errno
import socket
import sys

import pytest

from rabta_agent import network, tcpinfo
from rabta_agent.failure import StepError
from rabta_agent.network import (
    TCP_HEADERS,
    UDP_HEADERS,
    Connection,
    Meter,
    Network,
    Vantage,
    bind_source,
    is_neighbour,
    source_towards,
)
from support.dns_server import DnsServer, addresses
from support.peers import Call, Peer, flood, free_port, say, silence

LAB = Network(Vantage(lab=True))
VOLUNTEER = Network(Vantage())


async def test_a_special_address_is_not_dialled() -> None:
    async with Peer(silence) as peer:
        with pytest.raises(StepError, match="special_address: loopback"):
            await VOLUNTEER.connect(peer.host, peer.port, Meter())
        await asyncio.sleep(0)
        assert 0 == peer.accepted


async def test_a_special_address_gets_no_datagram() -> None:
    async with DnsServer(lambda question, client: []) as server:
        with pytest.raises(StepError, match="special_address"):
            await VOLUNTEER.open_datagrams(*server.address, Meter())


@pytest.mark.parametrize(
    ("own", "neighbour", "stranger"),
    [
        ("2407:d000:1:2:a::1", "2407:d000:1:2:ffff::1", "2407:d000:1:3::1"),
        ("39.45.1.2", "39.45.1.254", "39.45.2.2"),
    ],
)
async def test_the_volunteers_own_network_is_not_dialled_where_its_addresses_are_public(
    monkeypatch: pytest.MonkeyPatch, own: str, neighbour: str, stranger: str
) -> None:
    monkeypatch.setattr(network, "source_towards", lambda address: own)
    assert not is_neighbour(stranger, own)
    with pytest.raises(StepError, match="permission_denied: own network"):
        await VOLUNTEER.connect(neighbour, 80, Meter())
    with pytest.raises(StepError, match="permission_denied: own network"):
        await VOLUNTEER.open_datagrams(neighbour, 443, Meter())


def test_the_kernel_tells_from_where_it_would_send() -> None:
    assert "127.0.0.1" == source_towards("127.0.0.1")
    assert not is_neighbour("39.45.1.2", None)


async def test_the_machines_own_resolver_may_be_private() -> None:
    datagrams = await VOLUNTEER.open_datagrams("127.0.0.53", 53, Meter(), trusted=True)
    datagrams.close()
    async with Peer(silence) as peer:
        (await VOLUNTEER.connect(peer.host, peer.port, Meter(), trusted=True)).close()


async def test_only_the_lab_dials_loopback() -> None:
    async with Peer(silence) as peer:
        (await LAB.connect(peer.host, peer.port, Meter())).close()


async def test_probes_leave_from_the_address_that_was_set() -> None:
    clients: list[str] = []

    async def note(call: Call) -> None:
        clients.append(call.client)
        await call.send(b"!")

    async with Peer(note) as peer:
        connection = await Network(Vantage(lab=True, source_address="127.0.0.9")).connect(peer.host, peer.port, Meter())
        await connection.receive()
        connection.close()
    assert ["127.0.0.9"] == clients


@pytest.mark.parametrize("kind", ["tcp", "udp"])
async def test_a_source_address_that_is_not_the_machines_is_the_vantages_trouble(kind: str) -> None:
    elsewhere = Network(Vantage(lab=True, source_address="203.0.113.9"))
    opening = elsewhere.connect if kind == "tcp" else elsewhere.open_datagrams
    with pytest.raises(StepError, match="address_not_available: EADDRNOTAVAIL"):
        await opening("127.0.0.1", free_port(), Meter())


def refused_before_sending(address: str) -> int:
    """What the kernel says of a datagram socket at loopback that is to speak to this address; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.connect_ex((address, 9))


@pytest.mark.parametrize("kind", ["tcp", "udp"])
async def test_a_source_address_that_leads_nowhere_is_the_vantages_trouble(kind: str) -> None:
    address = "198.51.100.1"
    if refused_before_sending(address) != errno.EINVAL:
        pytest.skip("no route, or a kernel that says it otherwise")
    inward = Network(Vantage(lab=True, source_address="127.0.0.1"))
    with pytest.raises(StepError, match="address_not_available: EINVAL"):
        await (inward.connect if kind == "tcp" else inward.open_datagrams)(address, 9, Meter())


@pytest.mark.parametrize(("source", "expected"), [(None, OSError), ("127.0.0.1", StepError)])
async def test_a_word_of_the_kernel_is_held_against_a_source_address_alone(
    monkeypatch: pytest.MonkeyPatch, source: str | None, expected: type[Exception]
) -> None:
    async def refuse(self: Connection, address: str, port: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(Connection, "open", refuse)
    with pytest.raises(expected):
        await Network(Vantage(lab=True, source_address=source)).connect("127.0.0.1", 9, Meter())


async def test_refusal_with_a_source_address_is_still_refusal() -> None:
    with pytest.raises(ConnectionRefusedError):
        await Network(Vantage(lab=True, source_address="127.0.0.9")).connect("127.0.0.1", free_port(), Meter())


async def test_a_source_of_the_other_family_is_left_out() -> None:
    async with Peer(silence) as peer:
        six = Network(Vantage(lab=True, source_address="::1"))
        (await six.connect(peer.host, peer.port, Meter())).close()


async def test_refusal_is_an_error_and_still_costs() -> None:
    meter = Meter()
    with pytest.raises(ConnectionRefusedError):
        await LAB.connect("127.0.0.1", free_port(), meter)
    assert meter.sent >= TCP_HEADERS
    assert meter.received >= TCP_HEADERS


async def exchange(peer: Peer, meter: Meter) -> None:
    connection = await LAB.connect(peer.host, peer.port, meter)
    await connection.send(b"q" * 500)
    while await connection.receive():
        pass
    connection.close()


@pytest.mark.parametrize("kernel_tells", [True, False])
async def test_payload_and_headers_are_counted(kernel_tells: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel_tells:
        monkeypatch.setattr(tcpinfo, "_TCP_INFO", None)
    meter = Meter()
    async with Peer(say(b"a" * 3000)) as peer:
        await exchange(peer, meter)
    assert 500 + 3 * TCP_HEADERS <= meter.sent <= 500 + 12 * TCP_HEADERS
    assert 3000 + 2 * TCP_HEADERS <= meter.received <= 3000 + 12 * TCP_HEADERS


async def test_closing_twice_charges_once() -> None:
    meter = Meter()
    async with Peer(silence) as peer:
        connection = await LAB.connect(peer.host, peer.port, meter)
        connection.close()
        first = (meter.sent, meter.received)
        connection.close()
    assert first == (meter.sent, meter.received)


async def test_what_one_user_paid_the_next_does_not() -> None:
    async with Peer(say(b"a" * 1000)) as peer:
        first, second = Meter(), Meter()
        connection = await LAB.connect(peer.host, peer.port, first)
        await connection.send(b"q")
        while await connection.receive():
            pass
        connection.settle()
        connection.meter = second
        connection.close()
    assert first.received >= 1000
    assert second.received <= 2 * TCP_HEADERS


async def test_bytes_that_the_kernel_took_in_are_paid_for_even_if_nobody_reads_them() -> None:
    if not hasattr(socket, "TCP_INFO"):
        pytest.skip("the kernel does not tell")
    meter = Meter()
    async with Peer(flood(b"")) as peer:
        connection = await LAB.connect(peer.host, peer.port, meter)
        await connection.send(b"q")
        await connection.receive(1)
        connection.close()
    assert 1000 < meter.received


async def test_a_flood_costs_no_more_than_one_socket_buffer() -> None:
    async with Peer(flood(b"")) as peer:
        meter = Meter()
        connection = await LAB.connect(peer.host, peer.port, meter)
        await connection.send(b"q")
        for _ in range(3):
            await connection.receive(100)
        connection.close()
    assert meter.received < 64 * 1024


async def test_datagrams_are_counted_with_their_headers() -> None:
    meter = Meter()
    async with DnsServer(lambda question, client: [addresses("1.1.1.1")]) as server:
        datagrams = await LAB.open_datagrams(*server.address, meter)
        await datagrams.send(b"not dns, so not answered")
        datagrams.close()
    assert (24 + UDP_HEADERS, 0) == (meter.sent, meter.received)


async def test_a_connection_that_fails_to_open_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    close = Connection.close
    monkeypatch.setattr(Connection, "close", lambda self: (closed.append(True), close(self))[1])
    with pytest.raises(OSError, match=r".*"):
        await LAB.connect("127.0.0.1", free_port(), Meter())
    assert [True] == closed


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the port comes with the address")
@pytest.mark.parametrize(("family", "source"), [(socket.AF_INET, "127.0.0.9"), (socket.AF_INET6, "::1")])
def test_no_socket_has_a_port_before_it_has_a_peer(family: socket.AddressFamily, source: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        bind_source(opened, source)
        assert (source, 0) == opened.getsockname()[:2]
        opened.connect((source, 9))
        assert opened.getsockname()[1] > 0
