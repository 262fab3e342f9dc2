"""What marks each vantage, seen by a plain client in an agent's place there; and what controls see."""

import ssl
import subprocess
import time

import pytest

from lab.netns.client import Client, abroad, at
from lab.netns.lab import NetnsLab
from lab.netns.world import PUBLIC_DOH, PUBLIC_UDP, World, hub_address
from lab.scenario import Scenario, SiteKind, Vantage
from lab.sites.site import CHECK_HOST, PORTAL_HOST

pytestmark = pytest.mark.root

OPEN_HOST = "plain-https.example"
QUESTIONS = 600


def served(client: Client, world: World, host: str = OPEN_HOST) -> bool:
    return 200 == client.get_tls(world.address(host), host).status


@pytest.mark.parametrize("vantage", [v for v in Vantage if v not in (Vantage.PORTAL, Vantage.OFFICE, Vantage.LOSSY)])
def test_a_plain_site_is_served_everywhere(lab: NetnsLab, world: World, vantage: Vantage) -> None:
    assert served(at(lab, vantage), world)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_agent_is_seen_with_an_address_of_its_own(lab: NetnsLab, world: World, number: int) -> None:
    assert f"39.32.{number}.2" == at(lab, Vantage.PLAIN, number).source(PUBLIC_UDP)


def test_only_two_vantages_have_ipv6(lab: NetnsLab) -> None:
    having = set()
    for vantage in Vantage:
        try:
            at(lab, vantage).source("2001:4860:4860::8888")
            having.add(vantage)
        except OSError:
            continue
    assert {Vantage.DUAL_STACK, Vantage.BROKEN_IPV6} == having


def test_a_lossy_network_loses_a_few_packets_in_a_hundred_each_way(lab: NetnsLab) -> None:
    assert QUESTIONS == at(lab, Vantage.PLAIN).ask_often(OPEN_HOST, QUESTIONS)
    answered = at(lab, Vantage.LOSSY).ask_often(OPEN_HOST, QUESTIONS)
    assert 0.02 < 1 - answered / QUESTIONS < 0.12  # 5.9 % expected, and 1 % of deviation


def test_a_slow_resolver_is_slow_and_honest(lab: NetnsLab, world: World) -> None:
    began = time.monotonic()
    (said,) = at(lab, Vantage.SLOW_RESOLVER).ask(OPEN_HOST)
    assert time.monotonic() - began >= 0.8
    assert (world.address(OPEN_HOST),) == said.addresses


class TestPortal:
    @pytest.fixture
    def guest(self, lab: NetnsLab) -> Client:
        return at(lab, Vantage.PORTAL)

    def test_http_is_sent_to_the_portal_whoever_is_asked(self, guest: Client, world: World) -> None:
        for host in (OPEN_HOST, CHECK_HOST):
            page = guest.get(world.address(host), host)
            assert 302 == page.status
            assert f"http://{PORTAL_HOST}/" in page.head
        assert "Log in" in guest.get(world.address(PORTAL_HOST), PORTAL_HOST).body

    def test_https_shows_the_portals_own_certificate(self, guest: Client, world: World) -> None:
        for address in (world.address(OPEN_HOST), PUBLIC_DOH[0]):
            with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
                guest.handshake(address, OPEN_HOST)
            assert PORTAL_HOST.encode() in guest.handshake(address, OPEN_HOST, verify=False)

    def test_names_are_honest(self, guest: Client, world: World) -> None:
        (said,) = guest.ask(OPEN_HOST)
        assert (world.address(OPEN_HOST),) == said.addresses

    def test_the_collector_is_let_through(self, guest: Client) -> None:
        with pytest.raises(ConnectionRefusedError):  # nobody has started one there
            guest.connect(hub_address(3))


class TestOffice:
    @pytest.fixture
    def clerk(self, lab: NetnsLab) -> Client:
        return at(lab, Vantage.OFFICE)

    def test_https_shows_a_certificate_of_the_office_for_any_name(self, clerk: Client, world: World) -> None:
        for address, name in ((world.address(OPEN_HOST), OPEN_HOST), (PUBLIC_DOH[0], PUBLIC_DOH[0])):
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
                clerk.handshake(address, name)

    def test_http_and_names_are_let_through_and_no_quic_is(self, clerk: Client, world: World) -> None:
        (said,) = clerk.ask(OPEN_HOST)
        assert (world.address(OPEN_HOST),) == said.addresses
        assert 204 == clerk.get(world.address(CHECK_HOST), CHECK_HOST).status
        with pytest.raises(TimeoutError):
            clerk.hasty.knock(world.address("plain-quic.example"))


def test_elsewhere_the_portal_check_finds_none(client: Client, world: World) -> None:
    assert 204 == client.get(world.address(CHECK_HOST), CHECK_HOST).status


def test_what_is_sent_over_broken_ipv6_is_lost(lab: NetnsLab, scenarios: tuple[Scenario, ...]) -> None:
    client = at(lab, Vantage.BROKEN_IPV6)
    host = next(s.host for s in scenarios if s.vantage is Vantage.BROKEN_IPV6)
    (four,), (six,) = client.ask(host)[0].addresses, client.ask(host, "AAAA")[0].addresses
    with pytest.raises(TimeoutError):
        client.hasty.connect(six)
    assert 200 == client.get_tls(four, host).status


def test_ipv6_works_where_it_should(lab: NetnsLab, scenarios: tuple[Scenario, ...]) -> None:
    host = next(s.host for s in scenarios if s.site is SiteKind.DUAL_STACK)
    for client in (at(lab, Vantage.DUAL_STACK), abroad(lab, 1), abroad(lab, 2)):
        (six,) = client.ask(host, "AAAA")[0].addresses
        assert 200 == client.get_tls(six, host).status


def test_a_site_of_ipv6_alone_is_cut_here_and_open_abroad(lab: NetnsLab, world: World) -> None:
    host = "tcp-silence-ipv6-only.example"
    address = world.address(host)
    with pytest.raises(TimeoutError):
        at(lab, Vantage.DUAL_STACK).hasty.connect(address)
    assert 200 == abroad(lab, 1).get_tls(address, host).status


def test_a_family_filter_answers_with_its_own_address(lab: NetnsLab, scenarios: tuple[Scenario, ...]) -> None:
    client = at(lab, Vantage.FAMILY_FILTER)
    host = next(s.host for s in scenarios if s.vantage is Vantage.FAMILY_FILTER)
    (said,) = client.ask(host)
    assert ("203.82.48.86",) == said.addresses
    assert 200 == client.get("203.82.48.86", host).status


def test_old_roots_do_not_vouch_for_the_newest_authority(
    lab: NetnsLab, world: World, scenarios: tuple[Scenario, ...]
) -> None:
    host = next(s.host for s in scenarios if s.site is SiteKind.NEW_AUTHORITY)
    with pytest.raises(ssl.SSLCertVerificationError, match="issuer"):
        at(lab, Vantage.OLD_ROOTS).handshake(world.address(host), host)
    assert at(lab, Vantage.PLAIN).handshake(world.address(host), host)


def test_no_udp_leaves_but_dns(lab: NetnsLab, world: World) -> None:
    client, address = at(lab, Vantage.NO_UDP), world.address("plain-quic.example")
    with pytest.raises(TimeoutError):
        client.hasty.knock(address)
    assert client.ask(OPEN_HOST, resolver=PUBLIC_UDP)
    assert at(lab, Vantage.PLAIN).knock(address)


class TestControls:
    def test_one_sees_what_is_blocked(self, lab: NetnsLab, world: World) -> None:
        for host in ("sni-reset.example", "tcp-silence-https.example", "control-blocked-silent.example"):
            assert served(abroad(lab, 1), world, host)

    def test_the_second_is_blocked_where_the_scenario_says(self, lab: NetnsLab, world: World) -> None:
        client = abroad(lab, 2)
        for host in ("control-blocked-open.example", "control-blocked-sni.example"):
            with pytest.raises(ConnectionResetError):
                client.handshake(world.address(host), host)
        with pytest.raises(TimeoutError):
            client.hasty.connect(world.address("control-blocked-silent.example"))
        assert served(client, world, "sni-reset.example")

    def test_content_delivery_networks_answer_them_differently(self, lab: NetnsLab, client: Client) -> None:
        here, there = client.ask("cdn-https.example"), abroad(lab, 1).ask("cdn-https.example")
        assert here != there
        assert there == abroad(lab, 1).ask("cdn-https.example", resolver=PUBLIC_UDP)

    def test_sites_treat_them_as_clients_from_abroad(self, lab: NetnsLab, world: World, client: Client) -> None:
        host = "geo-403-http.example"
        assert 403 == client.get(world.address(host), host).status
        assert 200 == abroad(lab, 1).get(world.address(host), host).status


def test_resolvers_are_those_of_the_machine(lab: NetnsLab) -> None:
    """As programs see them; `ip netns exec` puts the file there."""
    place = lab.agent(Vantage.PLAIN, 1)
    seen = subprocess.run([*place.prefix, "cat", "/etc/resolv.conf"], capture_output=True, check=True, text=True)
    assert "nameserver 39.32.0.53\n" == seen.stdout
