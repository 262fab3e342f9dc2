"""VPN targets: a first message over UDP or TCP, to peers that answer, are silent, or say something else."""

import asyncio
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.clock import SystemClock
from rabta_agent.probes.vpn import RECEIVED_LIMIT
from rabta_agent.probes.vpns import open_with
from rabta_agent.probes.vpns.ikev2 import Ikev2
from rabta_agent.probes.vpns.openvpn import OpenVpn
from rabta_agent.probes.vpns.wireguard import WireGuard
from rabta_agent.urls import InvalidTarget, VpnEndpoint, parse_target
from rabta_proto.model import Observation, VpnHandshake
from rabta_proto.vocabulary import VpnProtocol
from rabta_proto.vpnkeys import WireGuardKeys
from support.hops import DENIED, QUICK, look, measure, says
from support.peers import Call, Peer, Script, alert, free_port, reset_after_hello, say
from support.quic_server import open_udp_peer, silence
from support.scenes import outline

FAST = replace(QUICK, quic_s=0.4)
SERVER_HELLO = bytes.fromhex("160303007a020000760303")
KEYS = WireGuardKeys(public=bytes(range(1, 33)), private=bytes(range(2, 34)))
KEY = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"


def reset_by_server(message: bytes) -> bytes:
    """What an OpenVPN server says to a client's reset."""
    return bytes([8 << 3]) + bytes(8) + b"\x01" + bytes(4) + message[1:9] + bytes(4)


def greetings(observations: tuple[Observation, ...]) -> list[VpnHandshake]:
    return [seen.detail for seen in observations if isinstance(seen.detail, VpnHandshake)]


async def test_a_server_that_answers_is_enough() -> None:
    async with open_udp_peer(lambda data: [reset_by_server(data)]) as peer:
        notebook, won = await look(f"openvpn://site.example:{peer.port}", system=says("127.0.0.1"))
    assert ["1 dns system A ok", "1 vpn openvpn udp ok"] == outline(notebook.observations)
    (seen,) = greetings(notebook.observations)
    assert (1, True) == (seen.said, seen.server_answered)
    assert seen.first_byte_us is not None
    assert won is not None
    assert not won.proved


async def test_the_message_is_said_again_while_nobody_answers() -> None:
    heard: list[bytes] = []

    def deaf_at_first(data: bytes) -> list[bytes]:
        heard.append(data)
        return [reset_by_server(data)] if len(heard) == 2 else []

    async with open_udp_peer(deaf_at_first) as peer:
        notebook, _ = await look(
            f"openvpn://site.example:{peer.port}", system=says("127.0.0.1"), settings=replace(QUICK, quic_s=8)
        )
    (seen,) = greetings(notebook.observations)
    assert 2 == seen.said
    assert heard[0] == heard[1]


async def test_silence_a_refusal_and_strange_words_are_told_apart() -> None:
    expected = {"silence": "generic_timeout_error", "refusal": "connection_refused", "words": "vpn_failed_handshake"}
    seen: dict[str, str | None] = {}
    async with open_udp_peer(silence) as peer, open_udp_peer(lambda data: [b"hello", data]) as other:
        for manner, port in (("silence", peer.port), ("refusal", free_port()), ("words", other.port)):
            notebook, won = await look(f"ikev2://127.0.0.1:{port}", system=DENIED, settings=FAST)
            assert won is None
            assert 3 == len(notebook.observations)
            seen[manner] = notebook.observations[0].failure
    assert expected == seen
    assert greetings(notebook.observations)[0].server_answered


async def test_a_flood_of_strange_words_is_read_no_further() -> None:
    async with open_udp_peer(lambda data: [b"x" * 1000] * (4 * RECEIVED_LIMIT)) as peer:
        notebook, _ = await look(f"openvpn://127.0.0.1:{peer.port}", system=DENIED)
    assert {"vpn_failed_handshake"} == {seen.failure for seen in notebook.observations}
    assert notebook.meter.received < 3 * (RECEIVED_LIMIT + 2) * 1100


async def test_over_tcp_it_follows_the_connection() -> None:
    async def answer(call: Call) -> None:
        message = (await call.receive())[2:]
        reply = reset_by_server(message)
        await call.send(len(reply).to_bytes(2) + reply[:5])
        await call.send(reply[5:])

    measured = await measure(answer, scheme="openvpn+tcp")
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok", "1 vpn openvpn tcp ok"] == measured.lines


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00", b"\x00\x05hello"])
async def test_over_tcp_another_protocol_s_words_end_it(said: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.receive()
        await call.send(said)
        await call.receive()

    measured = await measure(answer, scheme="openvpn+tcp")
    assert "1 vpn openvpn tcp vpn_failed_handshake" in measured.lines


async def test_over_tcp_an_end_is_no_silence() -> None:
    async def leave(call: Call) -> None:
        await call.receive()

    measured = await measure(leave, scheme="openvpn+tcp")
    assert [line for line in measured.lines if "vpn" in line] == [
        f"{attempt} vpn openvpn tcp eof_error" for attempt in (1, 2, 3)
    ]


def without_ech(call_on: Script) -> Script:
    """A filter on the extension's number, and a server behind it that takes every hello."""

    async def script(call: Call) -> None:
        if b"\xfe\x0d\x00\xfa" in await call.peek():
            return await call_on(call)
        return await say(SERVER_HELLO)(call)

    return script


async def test_where_encrypted_client_hello_is_cut_the_same_hello_without_it_is_tried_at_once() -> None:
    measured = await measure(without_ech(reset_after_hello), scheme="ech")
    assert ["1 dns system A ok"] + [
        line
        for attempt in (1, 2, 3)
        for line in (
            *(["2 dns system A ok"] if attempt == 2 else ["3 dns system A ok"] if attempt == 3 else []),
            f"{attempt} tcp 127.0.0.1 system ok",
            f"{attempt} vpn ech tcp connection_reset",
            f"{attempt} tcp 127.0.0.1 system ok",
            f"{attempt} vpn tls tcp ok",
        )
    ] == measured.lines
    assert measured.won is None


@pytest.mark.parametrize("scheme", ["ech", "tor"])
async def test_a_server_hello_is_enough(scheme: str) -> None:
    async with Peer(say(SERVER_HELLO)) as peer:
        notebook, won = await look(f"{scheme}://site.example:{peer.port}", system=says("127.0.0.1"))
        (heard,) = peer.heard
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok", f"1 vpn {scheme} tcp ok"] == outline(
        notebook.observations
    )
    assert (b"site.example" in heard) is (scheme == "ech")
    assert won is not None
    assert not won.proved


async def test_an_alert_is_no_answer_of_a_relay() -> None:
    measured = await measure(alert(40), scheme="tor")
    assert "1 vpn tor tcp vpn_failed_handshake" in measured.lines


async def test_a_special_address_is_never_spoken_to() -> None:
    async with open_udp_peer(silence) as peer:
        notebook, won = await look(f"openvpn://127.0.0.1:{peer.port}", system=DENIED, lab=False)
        await asyncio.sleep(0)
        assert not peer.heard
    assert won is None
    assert ["1 vpn openvpn udp special_address"] == outline(notebook.observations)


# Messages


@given(data=st.binary(max_size=120), flip=st.integers(0, 10_000))
def test_no_message_of_a_stranger_is_taken_for_an_answer(data: bytes, flip: int) -> None:
    for opening in (OpenVpn(), Ikev2(), WireGuard(KEYS, SystemClock())):
        said = opening.say()
        echoed = bytearray(said)
        echoed[flip % len(echoed)] ^= 1 + flip % 255
        for message in (data, said, bytes(echoed), said[: len(data)]):
            assert not opening.is_answer(message)
        assert not opening.verified


def test_a_request_of_ikev2_holds_what_its_headers_say() -> None:
    message = Ikev2().say()
    *_, length = struct.unpack_from("!8s8sBBBBII", message)
    assert len(message) == length
    at, kinds, kind = 28, [], message[16]
    while kind:
        kinds.append(kind)
        kind, _, size = struct.unpack_from("!BBH", message, at)
        at += size
    assert [33, 34, 40] == kinds  # security association, key exchange, nonce
    assert len(message) == at


def test_each_initiation_of_wireguard_is_another_and_of_the_size_that_servers_take() -> None:
    opening = WireGuard(KEYS, SystemClock())
    said = {opening.say() for _ in range(20)}
    assert 20 == len(said)
    assert {148} == {len(message) for message in said}


def test_a_wish_for_a_cookie_answers_only_what_was_said() -> None:
    opening = WireGuard(KEYS, SystemClock())
    sender = opening.say()[4:8]
    assert opening.is_answer(struct.pack("<I", 3) + sender + bytes(56))
    assert not opening.is_answer(struct.pack("<I", 3) + bytes(60))
    assert not opening.verified


# Targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openvpn://vpn.example", VpnEndpoint(protocol=VpnProtocol.OPENVPN, host="vpn.example", port=1194)),
        ("ikev2://203.0.113.5:501/", VpnEndpoint(protocol=VpnProtocol.IKEV2, host="203.0.113.5", port=501)),
        ("tor://203.0.113.5:9001", VpnEndpoint(protocol=VpnProtocol.TOR, host="203.0.113.5", port=9001, over_tcp=True)),
        ("ech://site.example", VpnEndpoint(protocol=VpnProtocol.ECH, host="site.example", port=443, over_tcp=True)),
        (
            "openvpn+tcp://VPN.example:443",
            VpnEndpoint(protocol=VpnProtocol.OPENVPN, host="vpn.example", port=443, over_tcp=True),
        ),
        (
            f"wireguard://vpn.example?public={KEY}&private={KEY}%3D",
            VpnEndpoint(
                protocol=VpnProtocol.WIREGUARD,
                host="vpn.example",
                port=51820,
                keys=WireGuardKeys(public=KEYS.public, private=KEYS.public),
            ),
        ),
    ],
)
def test_a_vpn_target_is_parsed(text: str, expected: VpnEndpoint) -> None:
    assert expected == parse_target(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("openvpn+tcp://vpn.example", "port is missing"),
        ("tor://vpn.example", "port is missing"),
        ("ech://vpn.example/path", "only host and port"),
        ("openvpn://vpn.example/path", "only host and port"),
        ("ikev2://vpn.example?x=y", "only host and port"),
        ("wireguard://vpn.example", "private"),
        (f"wireguard://vpn.example?public={KEY}&private={KEY}&mtu=3", "mtu"),
        (f"wireguard://vpn.example?public={KEY[:-3]}&private={KEY}", "'public'"),
        (f"wireguard://vpn.example?public={KEY}&private=%FF%00{KEY}", "'private'"),
    ],
)
def test_a_vpn_target_that_cannot_be_spoken_to_is_refused(text: str, names: str) -> None:
    with pytest.raises(InvalidTarget, match=names) as caught:
        parse_target(text)
    assert KEY not in str(caught.value) or "wireguard" not in text


def test_a_protocol_without_its_keys_is_an_error() -> None:
    with pytest.raises(ValueError, match="wireguard"):
        open_with(VpnEndpoint(protocol=VpnProtocol.WIREGUARD, host="a", port=1), SystemClock())


async def test_a_peer_that_closes_at_once_is_no_error_of_ours() -> None:
    async with Peer(lambda call: asyncio.sleep(0)) as peer:
        notebook, _ = await look(f"openvpn+tcp://127.0.0.1:{peer.port}", system=DENIED)
    failures = {seen.failure for seen in notebook.observations if seen.step == "vpn"}
    assert failures
    assert failures <= {"eof_error", "connection_reset"}
