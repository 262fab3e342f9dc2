"""What a plain client sees of the scenarios that the loopback lab plays: real sockets, at the vantage and abroad."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import dns.rcode
import pytest

from lab.atlas import STAND_INS, Network
from lab.loopback import SLOW_RESOLVER_S, VANTAGES, LoopbackLab, draw_atlas
from lab.place import HUBS
from lab.scenario import LabName, ScenarioError, load_scenarios
from lab.sites.pages import BLOCKPAGE_TEXT
from lab.sites.site import BLOCKPAGE_HOST, NOTICE_HOST, PORTAL_HOST, StandIn
from lab.visitor import IN_TIME_S, SOON_S, Visitor

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}
PLAYED = [scenario for scenario in SCENARIOS.values() if LabName.LOOPBACK in scenario.labs]
OTHER = STAND_INS[StandIn.OTHER]
# A QUIC packet of a version that nobody speaks, which every server answers with those that it does (RFC 9000, 6.1).
WHICH_VERSIONS = b"\xc0\x1a\x2a\x3a\x4a\x08" + bytes(8) + b"\x08" + bytes(8) + bytes(1200)

Open = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def visiting(tmp_path: Path) -> Open:
    """A lab with these scenarios, and a visitor of the first."""

    @asynccontextmanager
    async def opened(*ids: str) -> AsyncIterator[Visitor]:
        lab = LoopbackLab()
        try:
            await lab.open([SCENARIOS[id_] for id_ in ids], tmp_path)
            yield Visitor(lab, SCENARIOS[ids[0]])
        finally:
            await lab.close()

    return opened


def status(response: bytes) -> int:
    return int(response.split(b" ")[1])


def test_every_row_for_loopback_can_be_shown_there() -> None:
    assert {scenario.host for scenario in PLAYED} <= {site.hostname for site in draw_atlas(PLAYED).sites}


@pytest.mark.parametrize(
    ("id_", "what"), [("ip-unreachable-https", "censor: ip_unreachable"), ("lossy-https", "vantage: lossy")]
)
def test_what_loopback_cannot_show_is_named(id_: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=f"^{id_}: {what} cannot be shown on loopback$"):
        draw_atlas([SCENARIOS[id_]])


async def test_all_rows_are_in_force_at_once_and_targets_are_as_a_targets_file_writes_them(visiting: Open) -> None:
    async with visiting(*(scenario.id for scenario in PLAYED)) as visitor:
        assert visitor.country.atlas.site("plain-https.example")
    lab = LoopbackLab()
    ids = ("plain-https", "plain-http", "plain-quic", "plain-tcp", "plain-dns")
    try:
        await lab.open([SCENARIOS[id_] for id_ in ids], visitor.country.roots.parent)
        port = lab.country.port
        assert [
            f"https://plain-https.example:{port}/",
            f"http://plain-http.example:{port}/",
            f"quic://plain-quic.example:{port}/",
            f"tcp://plain-tcp.example:{port}",
            "dns:plain-dns.example",
        ] == [lab.target(SCENARIOS[id_]) for id_ in ids]
        assert HUBS == len({lab.hub(number).url for number in range(HUBS)})
        places = [lab.agent(vantage, n).env["RABTA_SOURCE_ADDRESS"] for vantage in VANTAGES for n in (1, 2, 3)]
        places += [lab.control(n).env["RABTA_SOURCE_ADDRESS"] for n in (1, 2)]
        assert len(places) == len(set(places))
    finally:
        await lab.close()


@pytest.mark.parametrize(
    ("id_", "code", "places"),
    [
        ("dns-nxdomain-https", dns.rcode.NXDOMAIN, 0),
        ("dns-refused-https", dns.rcode.REFUSED, 0),
        ("dns-servfail-https", dns.rcode.SERVFAIL, 0),
        ("dns-empty-https", dns.rcode.NOERROR, 0),
        ("dead-name", dns.rcode.NXDOMAIN, 0),
        ("plain-https", dns.rcode.NOERROR, 1),
        ("half-dead", dns.rcode.NOERROR, 2),
    ],
)
async def test_the_resolver_says_the_code_and_so_many_addresses(
    visiting: Open, id_: str, code: int, places: int
) -> None:
    async with visiting(id_) as visitor:
        ((rcode, addresses),) = await visitor.ask()
    assert (code, places) == (rcode, len(addresses))


async def test_a_resolver_gives_the_address_of_another_site(visiting: Open) -> None:
    async with visiting("dns-other-https") as visitor:
        assert [(dns.rcode.NOERROR, [visitor.home.near(OTHER)])] == await visitor.ask()
        assert [(dns.rcode.NOERROR, [visitor.abroad.near(visitor.site)])] == await visitor.ask(network=visitor.abroad)


@pytest.mark.parametrize("id_", ["dns-injected-https", "dns-injected-nxdomain-https"])
async def test_a_lie_outruns_the_truth_whichever_resolver_is_asked(visiting: Open, id_: str) -> None:
    async with visiting(id_) as visitor:
        for resolver in (visitor.country.resolver(visitor.home), visitor.country.public_udp[0]):
            lie, truth = await visitor.ask(resolver, replies=2)
            assert [visitor.home.near(visitor.site)] == truth[1]
            assert lie[1] == ([visitor.home.near(OTHER)] if id_ == "dns-injected-https" else [])


async def test_a_slow_resolver_answers_truly_in_its_time(visiting: Open) -> None:
    async with visiting("slow-resolver") as visitor:
        begin = asyncio.get_running_loop().time()
        assert [(dns.rcode.NOERROR, [visitor.home.near(visitor.site)])] == await visitor.ask()
        assert asyncio.get_running_loop().time() - begin >= SLOW_RESOLVER_S


@pytest.mark.parametrize("name", ["", "www.innocuous.example"])
async def test_tls_is_cut_under_any_name_at_that_network_alone(visiting: Open, name: str) -> None:
    async with visiting("tls-reset-any") as visitor:
        with pytest.raises(ConnectionResetError):
            await visitor.hello(name)
        assert await visitor.hello(name, visitor.abroad)
    async with visiting("tls-close-any") as visitor:
        assert b"" == await visitor.hello(name)
    async with visiting("tls-silence-any") as visitor:
        with pytest.raises(TimeoutError):
            await visitor.hello(name, within=SOON_S)


async def test_an_alert_answers_the_name_and_no_other(visiting: Open) -> None:
    async with visiting("sni-alert") as visitor:
        assert bytes([21, 3, 3, 0, 2, 2, 112]) == await visitor.hello()
        assert b"\x16" == (await visitor.hello("www.innocuous.example"))[:1]


async def test_the_host_header_sets_off_a_close_or_silence(visiting: Open) -> None:
    async with visiting("host-close") as visitor:
        assert b"" == await visitor.get()
        assert 200 == status(await visitor.get(visitor.abroad))
    async with visiting("host-silence") as visitor:
        with pytest.raises(TimeoutError):
            await visitor.get(within=SOON_S)


@pytest.mark.parametrize(
    ("id_", "code", "words"),
    [
        ("host-blockpage", 200, BLOCKPAGE_TEXT),
        ("host-blockpage-unknown", 200, "cannot be opened"),
        ("host-redirect", 302, f"Location: http://{BLOCKPAGE_HOST}/"),
        ("host-redirect-unknown", 302, f"Location: http://{NOTICE_HOST}/"),
    ],
)
async def test_the_host_header_sets_off_another_answer(visiting: Open, id_: str, code: int, words: str) -> None:
    async with visiting(id_) as visitor:
        answer = await visitor.get()
        assert code == status(answer)
        assert words.encode() in answer
        assert 200 == status(await visitor.get(visitor.abroad))


async def test_the_page_that_a_censor_sends_on_to_has_a_name_and_an_address(visiting: Open) -> None:
    async with visiting("host-redirect") as visitor:
        visitor.site = STAND_INS[StandIn.BLOCKPAGE]
        assert [(dns.rcode.NOERROR, [visitor.home.block_page])] == await visitor.ask()
        assert BLOCKPAGE_TEXT.encode() in await visitor.get()


async def test_the_first_of_two_addresses_is_silent(visiting: Open) -> None:
    async with visiting("half-blocked") as visitor:
        with pytest.raises(TimeoutError):
            await visitor.connect(place=0, within=SOON_S)
        (await visitor.connect(place=1)).close()
        (await visitor.connect(visitor.abroad, place=0)).close()


async def test_of_a_half_dead_site_the_first_address_refuses_everywhere(visiting: Open) -> None:
    async with visiting("half-dead") as visitor:
        for network in (visitor.home, visitor.abroad):
            with pytest.raises(ConnectionRefusedError):
                await visitor.connect(network, place=0)
            (await visitor.connect(network, place=1)).close()


@pytest.mark.parametrize("id_", ["tcp-silence-https", "tcp-refused-https"])
async def test_an_address_that_is_cut_is_cut_near_other_networks_too(visiting: Open, id_: str) -> None:
    async with visiting(id_) as visitor:
        with pytest.raises(TimeoutError):
            await visitor.connect(near=visitor.abroad, within=SOON_S)
        (await visitor.connect(visitor.abroad)).close()


@pytest.mark.parametrize(
    ("id_", "failure"), [("silent-site", TimeoutError), ("dead-site-https", ConnectionRefusedError)]
)
async def test_a_site_that_is_gone_is_gone_for_everybody(visiting: Open, id_: str, failure: type[OSError]) -> None:
    async with visiting(id_) as visitor:
        for network in (visitor.home, visitor.abroad):
            with pytest.raises(failure):
                await visitor.connect(network, within=SOON_S if failure is TimeoutError else IN_TIME_S)


async def test_a_quic_server_answers_unless_datagrams_are_lost(visiting: Open) -> None:
    async with visiting("plain-quic", "quic-silence", "dead-quic") as visitor:
        port = visitor.country.port

        async def answers(id_: str, network: Network, *, replies: int) -> list[bytes]:
            where = network.near(visitor.country.atlas.site(SCENARIOS[id_].host)), port
            return await visitor.send(where, WHICH_VERSIONS, network, replies=replies)

        assert await answers("plain-quic", visitor.home, replies=1)
        assert await answers("quic-silence", visitor.abroad, replies=1)
        for id_ in ("quic-silence", "dead-quic"):
            with pytest.raises((TimeoutError, ConnectionRefusedError)):
                await answers(id_, visitor.home, replies=0)


async def test_a_portal_answers_in_every_sites_place_and_nobody_else_does(visiting: Open) -> None:
    async with visiting("captive-portal-http") as visitor:
        answer = await visitor.get()
        assert 302 == status(answer)
        assert f"Location: http://{PORTAL_HOST}/".encode() in answer
        assert "Hostname mismatch" in await visitor.certificate_error()
        assert "" == await visitor.certificate_error(visitor.abroad)
        assert [(dns.rcode.NOERROR, [visitor.home.near(visitor.site)])] == await visitor.ask()
        with pytest.raises(TimeoutError):
            await visitor.ask(visitor.country.public_udp[0], replies=0)
        visitor.site = STAND_INS[StandIn.CHECK]
        assert 302 == status(await visitor.get())
        assert 204 == status(await visitor.get(visitor.abroad))


async def test_old_roots_lack_the_newest_authority(visiting: Open, tmp_path: Path) -> None:
    async with visiting("old-roots") as visitor:
        assert "" == await visitor.certificate_error()
        assert "issuer" in await visitor.certificate_error(roots=str(tmp_path / "old-roots.pem"))


async def test_of_two_controls_one_may_be_blocked(visiting: Open) -> None:
    async with visiting("control-blocked-open", "control-blocked-silent") as visitor:
        second = visitor.country.atlas.network("control-2")
        with pytest.raises(ConnectionResetError):
            await visitor.hello(network=second)
        assert await visitor.hello(network=visitor.abroad)
        assert await visitor.hello()
        visitor.site = visitor.country.atlas.site("control-blocked-silent.example")
        with pytest.raises(TimeoutError):
            await visitor.connect(second, within=SOON_S)
        (await visitor.connect(visitor.abroad)).close()


@pytest.mark.parametrize(
    ("id_", "here", "abroad"),
    [("challenge-http", 403, 200), ("geo-403-http", 403, 200), ("geo-451-http", 451, 200), ("plain-http", 200, 200)],
)
async def test_a_site_sees_where_its_clients_are(visiting: Open, id_: str, here: int, abroad: int) -> None:
    async with visiting(id_) as visitor:
        assert (here, abroad) == (status(await visitor.get()), status(await visitor.get(visitor.abroad)))


async def test_the_censor_of_a_redirect_is_set_off_by_the_name_that_it_leads_to(visiting: Open) -> None:
    async with visiting("redirect-to-blocked") as visitor:
        assert "" == await visitor.certificate_error()
        visitor.site = visitor.country.atlas.site("next-redirect-to-blocked.example")
        with pytest.raises(ConnectionResetError):
            await visitor.hello()
