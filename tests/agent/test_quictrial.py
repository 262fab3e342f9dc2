"""A `quic://` target: handshakes over UDP with a real server, and with peers that misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from rabta_proto.model import Observation, QuicHandshake
from rabta_proto.vocabulary import Depth
from support.hops import AUTHORITY, DENIED, LIAR, QUICK, look, says
from support.peers import Authority
from support.quic_server import Identity, QuicServer, by_name, open_quic_server, open_udp_peer, pem, silence
from support.scenes import outline

LEAF = pem(AUTHORITY.ca.issue_cert("site.example"))
FAST = replace(QUICK, quic_s=0.5)


@asynccontextmanager
async def site(host: str = "127.0.0.1", leaf: tuple[bytes, bytes] = LEAF) -> AsyncIterator[QuicServer]:
    async with open_quic_server(host, 0, *leaf) as server:
        yield server


def quic(observations: tuple[Observation, ...]) -> list[QuicHandshake]:
    return [seen.detail for seen in observations if isinstance(seen.detail, QuicHandshake)]


async def test_a_handshake_follows_dns_and_no_connection_is_made() -> None:
    for depth in Depth:
        async with site() as server:
            notebook, won = await look(f"quic://site.example:{server.port}/", system=says("127.0.0.1"), depth=depth)
        assert ["1 dns system A ok", "1 quic site.example verified ok"] == outline(notebook.observations)
        assert won is not None
        assert won.proved


async def test_silence_is_repeated_and_tried_once_under_an_innocuous_name() -> None:
    async with open_udp_peer(silence) as peer:
        target = f"quic://site.example:{peer.port}/"
        notebook, won = await look(target, system=says("127.0.0.1"), settings=FAST)
    assert won is None
    expected = [
        "1 quic site.example plain generic_timeout_error",
        "1 quic a.example isolated generic_timeout_error",
        "2 quic site.example plain generic_timeout_error",
        "3 quic site.example plain generic_timeout_error",
    ]
    assert expected == [line for line in outline(notebook.observations) if "quic" in line]


async def test_a_name_that_is_refused_is_told_from_an_address_that_is() -> None:
    choose = by_name({"a.example": Identity.read(*LEAF)})
    async with open_quic_server("127.0.0.1", 0, *LEAF, choose=choose) as server:
        target = f"quic://site.example:{server.port}/"
        notebook, won = await look(target, system=says("127.0.0.1"))
    assert won is None
    assert [(False, "site.example"), (True, "a.example")] == [
        (seen.isolation, seen.server_name) for seen in quic(notebook.observations)
    ][:2]
    assert "1 quic a.example isolated ok" in outline(notebook.observations)


async def test_a_certificate_that_is_refused_is_not_isolated() -> None:
    forged = pem(Authority().ca.issue_cert("site.example"))
    async with site(leaf=forged) as server:
        notebook, won = await look(f"quic://site.example:{server.port}/", system=says("127.0.0.1"))
    assert won is None
    lines = [line for line in outline(notebook.observations) if "quic" in line]
    assert [f"{attempt} quic site.example plain ssl_unknown_authority" for attempt in (1, 2, 3)] == lines


async def test_what_others_named_is_tried_and_wins_nothing() -> None:
    async with site() as server:
        target = f"quic://site.example:{server.port}/"
        notebook, won = await look(target, system=says(LIAR), public=says("127.0.0.1"), settings=FAST)
    assert won is None
    sources = [(seen.address, seen.source) for seen in quic(notebook.observations) if not seen.isolation]
    assert [(LIAR, "system"), ("127.0.0.1", "udp"), (LIAR, "system"), (LIAR, "system")] == sources


async def test_the_controls_address_is_tried_where_the_name_is_denied() -> None:
    async with site() as server:
        notebook, won = await look(
            f"quic://site.example:{server.port}/", system=DENIED, control=("127.0.0.1",), settings=FAST
        )
    assert won is None
    assert ["control"] == [seen.source for seen in quic(notebook.observations)]


async def test_a_special_address_is_never_sent_anything() -> None:
    async with open_udp_peer(silence) as peer:
        notebook, won = await look(f"quic://127.0.0.1:{peer.port}/", system=DENIED, lab=False)
        assert not peer.heard
    assert won is None
    assert ["1 quic 127.0.0.1 plain special_address"] == outline(notebook.observations)


async def test_a_special_address_that_a_resolver_names_is_not_isolated() -> None:
    async with open_udp_peer(silence) as peer:
        notebook, _ = await look(f"quic://site.example:{peer.port}/", system=says("127.0.0.1"), lab=False)
        assert not peer.heard
    assert not any(seen.isolation for seen in quic(notebook.observations))
    assert 3 == sum("special_address" in line for line in outline(notebook.observations))


async def test_no_handshake_begins_that_does_not_fit() -> None:
    async with site() as server:
        target = f"quic://site.example:{server.port}/"
        notebook, won = await look(target, system=says("127.0.0.1"), settings=replace(QUICK, quic_s=30), hurry_s=20)
    assert won is None
    assert ["1 dns system A ok"] == outline(notebook.observations)
