import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.failure import StepError
from rabta_agent.network import UDP_HEADERS, Datagrams, Network, Vantage
from rabta_agent.probes.quic import RECEIVED_LIMIT, SENT_LIMIT, Engine, available, describe_close, handshake
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Hello
from rabta_proto.model import QuicHandshake
from rabta_proto.vocabulary import AddressSource
from support.peers import Authority
from support.quic_server import (
    VERSION_1,
    VERSION_2,
    Identity,
    QuicServer,
    Script,
    UdpPeer,
    by_name,
    close_with,
    garbage,
    negotiate,
    open_quic_server,
    open_udp_peer,
    pem,
    ping,
    say,
    seal,
    silence,
)
from support.scenes import LAB, make_contexts, make_scene, within
from support.waiting import PATIENCE_S

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
GOODBYE_OF_A_BAD_CERTIFICATE = 0x100 + 42


def make_identity(*names: str, authority: Authority = AUTHORITY, days_ahead: int = 0) -> tuple[bytes, bytes]:
    """A certificate of 30 days and its key; `days_ahead` moves them."""
    begin = datetime.now(UTC) + timedelta(days=days_ahead) - timedelta(hours=1)
    return pem(authority.ca.issue_cert(*names, not_before=begin, not_after=begin + timedelta(days=30)))


SITE = make_identity("site.example")


def open_site(address: str = "127.0.0.1", **changes: Any) -> AbstractAsyncContextManager[QuicServer]:
    return open_quic_server(address, 0, *SITE, **changes)


def make_hello(at: QuicServer | UdpPeer, **changes: Any) -> Hello:
    return Hello(
        **{
            "address": at.address,
            "port": at.port,
            "server_name": "site.example",
            "source": AddressSource.SYSTEM,
            **changes,
        }
    )


async def shake_hands(
    at: QuicServer | UdpPeer, seconds: float = 10.0, *, scene: Scene | None = None, **changes: Any
) -> tuple[Outcome[None], QuicHandshake]:
    """One handshake with whoever listens there."""
    outcome = await handshake(scene or make_scene(), CONTEXTS, make_hello(at, **changes), within(seconds))
    assert isinstance(outcome.observation.detail, QuicHandshake)
    return outcome, outcome.observation.detail


async def hear_goodbye(server: QuicServer) -> int:
    return await asyncio.wait_for(server.goodbyes.get(), PATIENCE_S)


class WatchedNetwork(Network):
    """Keeps the sockets that it opened."""

    def __init__(self, vantage: Vantage = LAB) -> None:
        super().__init__(vantage)
        self.opened: list[socket.socket] = []

    def _socket(self, address: str, kind: socket.SocketKind) -> socket.socket:
        self.opened.append(super()._socket(address, kind))
        return self.opened[-1]

    @property
    def left_open(self) -> int:
        return sum(opened.fileno() != -1 for opened in self.opened)


async def test_an_honest_server_is_verified_and_summarised() -> None:
    async with open_site() as server:
        outcome, seen = await shake_hands(server)
    assert None is outcome.observation.failure
    assert (True, True, False, VERSION_1, "h3", None) == (
        seen.verified,
        seen.server_answered,
        seen.isolation,
        seen.quic_version,
        seen.negotiated_protocol,
        seen.close_code,
    )
    assert seen.cipher_suite.startswith("TLS_AES_")
    assert seen.certificate is not None
    assert "Rabta tests" == seen.certificate.issuer
    assert ["site.example"] == list(server.names)


async def test_the_servers_first_packet_is_timed_within_the_step() -> None:
    scene = make_scene()
    async with open_site() as server:
        outcome, seen = await shake_hands(server, scene=replace(scene, zero=scene.zero - 100))
    assert seen.first_byte_us is not None
    assert 0 < seen.first_byte_us <= outcome.observation.duration_us


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
async def test_a_server_at_an_ipv6_address_is_reached() -> None:
    async with open_site("::1") as server:
        outcome, seen = await shake_hands(server)
    assert (None, "::1") == (outcome.observation.failure, seen.address)


async def test_the_server_is_told_goodbye_after_success() -> None:
    async with open_site() as server:
        await shake_hands(server)
        assert 0 == await hear_goodbye(server)


async def test_version_negotiation_is_followed() -> None:
    async with open_site(versions=[VERSION_2]) as server:
        outcome, seen = await shake_hands(server)
    assert (None, VERSION_2, True) == (outcome.observation.failure, seen.quic_version, seen.verified)


async def test_a_retry_is_followed() -> None:
    async with open_site(retry=True) as server:
        outcome, seen = await shake_hands(server)
    assert (None, True) == (outcome.observation.failure, seen.verified)


@pytest.mark.parametrize(
    ("identity", "failure", "detail"),
    [
        (make_identity("other.example"), "ssl_invalid_hostname", "verify 62"),
        (make_identity("site.example", authority=Authority()), "ssl_unknown_authority", "verify 20 "),
        (make_identity("site.example", days_ahead=-400), "ssl_invalid_certificate", "verify 10 "),
        (make_identity("site.example", days_ahead=400), "ssl_invalid_certificate", "verify 9 "),
    ],
    ids=["wrong name", "unknown authority", "expired", "from the future"],
)
async def test_a_bad_certificate_is_named_for_what_is_bad(
    identity: tuple[bytes, bytes], failure: str, detail: str
) -> None:
    async with open_quic_server("127.0.0.1", 0, *identity) as server:
        outcome, seen = await shake_hands(server)
        assert GOODBYE_OF_A_BAD_CERTIFICATE == await hear_goodbye(server)
    assert failure == outcome.observation.failure
    assert outcome.observation.failure_detail.startswith(detail)
    assert (True, False) == (seen.server_answered, seen.verified)
    assert seen.certificate is not None


async def test_a_certificate_that_nobody_can_read_is_invalid() -> None:
    class Junk:
        def public_bytes(self, _: object) -> bytes:
            return b"no certificate"

    forged = Identity((Junk(),), Identity.read(*SITE).key)
    async with open_site(choose=lambda _: forged) as server:
        outcome, seen = await shake_hands(server)
    assert ("ssl_invalid_certificate", None, False) == (
        outcome.observation.failure,
        seen.certificate,
        seen.verified,
    )


async def test_a_bad_certificate_can_be_looked_at_without_being_believed() -> None:
    async with open_quic_server("127.0.0.1", 0, *make_identity("site.example", authority=Authority())) as server:
        outcome, seen = await shake_hands(server, verify=False)
    assert (None, False) == (outcome.observation.failure, seen.verified)
    assert seen.certificate is not None


async def test_isolation_shows_the_innocuous_name_and_verifies_nothing() -> None:
    async with open_site() as server:
        outcome, seen = await shake_hands(server, server_name="innocuous.example", isolation=True)
    assert (None, True, False) == (outcome.observation.failure, seen.isolation, seen.verified)
    assert ["innocuous.example"] == list(server.names)


async def test_an_address_as_the_name_is_verified_as_an_address_and_not_sent() -> None:
    async with open_quic_server("127.0.0.1", 0, *make_identity("127.0.0.1")) as server:
        _, seen = await shake_hands(server, server_name="127.0.0.1")
    assert seen.verified
    assert [None] == list(server.names)


async def test_a_server_shows_each_name_its_own_certificate() -> None:
    identities = {"other.example": Identity.read(*make_identity("other.example"))}
    async with open_site(choose=by_name(identities, Identity.read(*SITE))) as server:
        ends = [(await shake_hands(server, server_name=name))[1].verified for name in ("site.example", "other.example")]
    assert [True, True] == ends


@pytest.mark.parametrize(
    ("changes", "code", "detail"),
    [
        ({"choose": lambda _: None}, 0x170, "alert 112 unrecognized_name"),
        ({"protocols": ["other"]}, 0x178, "alert 120 no_application_protocol"),
    ],
    ids=["no such name", "no such protocol"],
)
async def test_a_server_that_refuses_says_why(changes: dict[str, Any], code: int, detail: str) -> None:
    async with open_site(**changes) as server:
        outcome, seen = await shake_hands(server)
    assert ("quic_failed_handshake", detail) == (outcome.observation.failure, outcome.observation.failure_detail)
    assert (code, True, None) == (seen.close_code, seen.server_answered, seen.quic_version)


@pytest.mark.parametrize(
    ("script", "detail", "answered", "code"),
    [
        (close_with(0x2), "close 0x2 connection_refused", True, 2),
        (close_with(0x128), "alert 40 handshake_failure", True, 0x128),
        (close_with(2**62 - 1), "close 0x3fffffffffffffff unassigned", True, 2**62 - 1),
        (negotiate(0x1A2A3A4A), "no common version", True, None),
        (lambda hello: [seal(hello, 0x3F, b"")], "by us: close 0x7 frame_encoding_error", True, None),
    ],
    ids=["refused", "alert", "unassigned", "other versions only", "no such frame"],
)
async def test_ends_are_kept_apart(script: Script, detail: str, answered: bool, code: int | None) -> None:
    async with open_udp_peer(script) as peer:
        outcome, seen = await shake_hands(peer)
    assert ("quic_failed_handshake", detail) == (outcome.observation.failure, outcome.observation.failure_detail)
    assert (answered, code) == (seen.server_answered, seen.close_code)


async def test_silence_is_our_deadline() -> None:
    async with open_udp_peer(silence) as peer:
        begun = asyncio.get_running_loop().time()
        outcome, seen = await shake_hands(peer, 0.2)
        assert asyncio.get_running_loop().time() - begun < 5
    assert "generic_timeout_error" == outcome.observation.failure
    assert (False, None) == (seen.server_answered, seen.first_byte_us)


async def hear_all(peer: UdpPeer) -> list[bytes]:
    """What a peer has heard by now."""
    peer.spoken_to.clear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marking:
        marking.sendto(b"marker", (peer.address, peer.port))
        while b"marker" not in peer.heard:
            await asyncio.wait_for(peer.spoken_to.wait(), PATIENCE_S)
            peer.spoken_to.clear()
    return list(peer.heard)


async def test_nobody_is_told_goodbye_who_never_answered_and_nothing_is_said_twice_in_haste() -> None:
    async with open_udp_peer(silence) as peer:
        await shake_hands(peer, 0.5)
        assert 2 == len(await hear_all(peer))


def only_once(*scripts: Script) -> Script:
    """All of these in answer to the first datagram, and nothing after it."""
    first = iter([scripts])
    return lambda said: [answer for script in next(first, ()) for answer in script(said)]


@pytest.mark.parametrize(
    "scripts",
    [[ping(1)], [garbage, ping(1)], [ping(1), garbage]],
    ids=["answer", "garbage and an answer", "an answer and garbage"],
)
async def test_silence_after_an_answer_is_a_timeout_of_a_server_that_answered(scripts: list[Script]) -> None:
    async with open_udp_peer(only_once(*scripts)) as peer:
        outcome, seen = await shake_hands(peer, 0.5)
    assert ("generic_timeout_error", True) == (outcome.observation.failure, seen.server_answered)


async def test_a_closed_port_is_refused() -> None:
    # A port that is taken but hears somebody else alone: one that is merely free may be taken by another program.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.connect(("127.0.0.1", 9))
        outcome, seen = await shake_hands(UdpPeer(*deaf.getsockname()))
    assert ("connection_refused", "ECONNREFUSED") == (outcome.observation.failure, outcome.observation.failure_detail)
    assert not seen.server_answered


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.EHOSTUNREACH, "host_unreachable"),
        (errno.ENETUNREACH, "network_unreachable"),
        (errno.ETIMEDOUT, "timed_out"),
    ],
)
async def test_what_the_kernel_says_of_the_way_there_is_kept(
    number: int, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def receive(_: Datagrams) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Datagrams, "receive", receive)
    async with open_udp_peer(silence) as peer:
        outcome, _ = await shake_hands(peer)
    assert failure == outcome.observation.failure


@pytest.mark.parametrize(
    "script",
    [garbage, say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), say(b"\xc0\x00\x00\x00\x01\x08otherone\x00\x00\x00")],
    ids=["garbage", "http", "another connection's"],
)
async def test_what_is_not_quic_is_a_failed_handshake_before_the_deadline(script: Script) -> None:
    async with open_udp_peer(script) as peer:
        outcome, seen = await shake_hands(peer, 0.5)
    assert ("quic_failed_handshake", "not QUIC") == (outcome.observation.failure, outcome.observation.failure_detail)
    assert not seen.server_answered
    assert seen.first_byte_us is not None


async def test_garbage_does_not_hide_the_honest_answer_behind_it() -> None:
    refuse = close_with(2)
    async with open_udp_peer(lambda hello: [b"\x00 garbage", *refuse(hello)]) as peer:
        outcome, seen = await shake_hands(peer)
    assert (2, "close 0x2 connection_refused") == (seen.close_code, outcome.observation.failure_detail)


async def test_a_server_cannot_make_us_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    send = Datagrams.send

    async def count(self: Datagrams, data: bytes) -> None:
        sent.append(data)
        await send(self, data)

    monkeypatch.setattr(Datagrams, "send", count)
    async with open_udp_peer(ping(2)) as peer:
        outcome, _ = await shake_hands(peer)
    assert "endless handshake" == outcome.observation.failure_detail
    assert SENT_LIMIT < len(sent) <= SENT_LIMIT + 2  # the last straw and the goodbye


@pytest.mark.parametrize("datagram", [bytes(8000), b""], ids=["big", "empty"])
async def test_a_server_cannot_make_us_receive_without_end(datagram: bytes) -> None:
    flood = [datagram] * (2 * RECEIVED_LIMIT // (len(datagram) + UDP_HEADERS))
    scene = make_scene()
    hello = Hello(address="192.0.2.1", port=443, server_name="site.example", source=AddressSource.SYSTEM)
    engine = Engine(hello, 0.0, 10.0)

    def receive_all() -> None:
        for said in flood:
            engine.feed(said, 0.0)
            engine.advance()
            scene.meter.add(received=len(said) + UDP_HEADERS)

    with pytest.raises(StepError, match="endless handshake"):
        receive_all()
    assert scene.meter.received <= RECEIVED_LIMIT


async def test_a_special_address_is_never_dialled() -> None:
    scene = make_scene(Vantage())
    async with open_udp_peer(silence) as peer:
        outcome, _ = await shake_hands(peer, scene=scene)
        assert [b"marker"] == await hear_all(peer)
    assert "special_address" in str(outcome.observation.failure)
    assert (0, 0) == (scene.meter.sent, scene.meter.received)


async def test_a_source_address_is_kept() -> None:
    scene = make_scene(Vantage(lab=True, source_address="127.0.0.77"))
    callers: list[str] = []
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setblocking(False)
        listening.bind(("127.0.0.1", 0))
        peer = UdpPeer(*listening.getsockname())
        task = loop.create_task(shake_hands(peer, scene=scene))
        _, caller = await asyncio.wait_for(loop.sock_recvfrom(listening, 2000), PATIENCE_S)
        callers.append(caller[0])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert ["127.0.0.77"] == callers


async def test_the_meter_counts_every_datagram_with_its_headers() -> None:
    scene = make_scene()
    answers: list[bytes] = []
    refuse = close_with(2)

    def script(hello: bytes) -> list[bytes]:
        answers.extend(refuse(hello))
        return answers

    async with open_udp_peer(script) as peer:
        await shake_hands(peer, scene=scene)
    assert sum(len(said) + UDP_HEADERS for said in peer.heard) == scene.meter.sent
    assert sum(len(said) + UDP_HEADERS for said in answers) == scene.meter.received


Opening = Callable[[], AbstractAsyncContextManager[QuicServer | UdpPeer]]


@pytest.mark.parametrize(
    "opening",
    [
        open_site,
        partial(open_site, choose=lambda _: None),
        partial(open_udp_peer, silence),
        partial(open_udp_peer, garbage),
    ],
    ids=["success", "refusal", "silence", "garbage"],
)
async def test_no_socket_stays_open(opening: Opening) -> None:
    network = WatchedNetwork()
    async with opening() as server:
        await shake_hands(server, 0.3, scene=replace(make_scene(), network=network))
    assert (1, 0) == (len(network.opened), network.left_open)


async def test_a_cancelled_handshake_leaves_no_socket_open() -> None:
    network = WatchedNetwork()
    async with open_udp_peer(ping(1)) as peer:
        task = asyncio.ensure_future(shake_hands(peer, scene=replace(make_scene(), network=network)))
        await asyncio.wait_for(peer.spoken_to.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (1, 0) == (len(network.opened), network.left_open)


async def test_without_the_extra_the_step_fails_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("aioquic")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert not available()
    scene = make_scene()
    hello = Hello(address="127.0.0.1", port=9, server_name="site.example", source=AddressSource.SYSTEM)
    outcome = await handshake(scene, CONTEXTS, hello, within())
    assert "unknown_failure: ModuleNotFoundError" == outcome.observation.failure
    assert isinstance(outcome.observation.detail, QuicHandshake)
    assert 0 == scene.meter.sent


def test_with_the_extra_it_is_available() -> None:
    assert available()


def test_the_code_of_another_application_is_not_taken_for_one_of_quics() -> None:
    assert "application close 0x100" == describe_close(0x100, application=True)
    assert "alert 0 close_notify" == describe_close(0x100, application=False)


def test_a_connection_that_idles_away_is_a_timeout() -> None:
    hello = Hello(address="192.0.2.1", port=443, server_name="site.example", source=AddressSource.SYSTEM)
    engine = Engine(hello, 0.0, 1000.0)
    with pytest.raises(TimeoutError):
        engine.tick(999.0)


def test_a_server_that_names_another_address_is_not_followed() -> None:
    hello = Hello(address="192.0.2.1", port=443, server_name="site.example", source=AddressSource.SYSTEM)
    engine = Engine(hello, 0.0, 10.0)
    elsewhere = (b"probe", ("10.0.0.1", 53))
    found = engine.quic.datagrams_to_send(0.0)
    engine.quic.datagrams_to_send = lambda now: [*found, elsewhere]  # type: ignore[method-assign]
    assert [data for data, _ in found] == engine.take(0.0)


@given(frames=st.lists(st.tuples(st.integers(0, 63), st.binary(max_size=100)), max_size=4), garbled=st.binary())
def test_whatever_a_stranger_sends_ends_in_our_own_words(frames: list[tuple[int, bytes]], garbled: bytes) -> None:
    """Anybody who sees the first packet can seal frames into an answer, before any key is agreed on."""
    hello = Hello(address="192.0.2.1", port=443, server_name="site.example", source=AddressSource.SYSTEM)
    engine = Engine(hello, 0.0, 10.0)
    (first, *_) = engine.take(0.0)
    said = [seal(first, kind, body, number=number) for number, (kind, body) in enumerate(frames)]
    try:
        for data in [garbled, *said, first[:5] + garbled]:
            engine.feed(data, 0.1)
            engine.take(0.1)
            assert not engine.advance()
        engine.tick(20.0)
    except (StepError, TimeoutError):
        pass
