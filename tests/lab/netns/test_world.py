"""Who has which address: what the rest of the lab takes for granted."""

from ipaddress import ip_address
from itertools import combinations

from lab.netns.world import World, every_address
from lab.scenario import CensorKind, Controls, Scenario, SiteKind, Vantage, load_scenarios
from rabta_agent.addresses import find_special

WORLD = World(tag="rabta-1a", scenarios=load_scenarios())


def scenario(id_: str) -> Scenario:
    return next(scenario for scenario in WORLD.scenarios if scenario.id == id_)


def test_no_agent_would_refuse_to_dial_any_site() -> None:
    assert [] == [address for address in every_address(WORLD.sites) if find_special(address)]


def test_nobody_shares_an_address() -> None:
    sites = list(every_address(WORLD.sites))
    routers = [address for n in WORLD.networks for address in (n.resolver, *n.uplink, *map(n.gate, range(1, 4)))]
    agents = [n.agent(number) for n in WORLD.networks for number in range(1, 4)]
    everything = [*sites, *routers, *agents]
    assert len(everything) == len(set(everything))


def test_networks_do_not_overlap_and_hold_no_site() -> None:
    slices = [network.slice for network in WORLD.networks]
    assert not any(a.overlaps(b) for a, b in combinations(slices, 2))
    assert not any(ip_address(address) in slice_ for address in every_address(WORLD.sites) for slice_ in slices)


def test_sites_are_in_networks_of_their_own_and_a_cdn_is_in_another_one_abroad() -> None:
    firsts = [site.addresses[0].rpartition(".")[0] for site in WORLD.sites if site.host.endswith("-https.example")]
    assert len(firsts) == len(set(firsts))
    cdn = WORLD.find_site("cdn-https.example")
    assert cdn is not None
    assert 2 == len({address.partition(".")[0] for address in cdn.addresses})


def test_the_country_is_where_agents_are_and_not_where_controls_are() -> None:
    for network in WORLD.networks:
        assert network.inside == WORLD.is_inside(network.agent(1))
        assert network.inside == WORLD.is_inside(f"{network.prefix6}:1::2")
    assert not WORLD.is_inside("8.8.8.8")


def test_only_vantages_in_use_are_built() -> None:
    small = World(tag="rabta-1a", scenarios=(scenario("sni-reset"), scenario("no-udp")))
    assert ["plain", "no_udp", "control-1", "control-2"] == [network.id for network in small.networks]
    assert 1 + 2 * (1 + 3) + 2 * (1 + 1) == len(small.namespaces)


def test_addresses_of_a_site_have_the_families_of_its_kind() -> None:
    families = {
        site.kind: sorted(ip_address(address).version for address in site.addresses)
        for site in WORLD.sites
        if site.kind in (SiteKind.DUAL_STACK, SiteKind.IPV6_ONLY, SiteKind.PLAIN, SiteKind.TWO_ADDRESSES)
    }
    assert [4, 6] == families[SiteKind.DUAL_STACK]
    assert [6] == families[SiteKind.IPV6_ONLY]
    assert [4] == families[SiteKind.PLAIN]
    assert [4, 4] == families[SiteKind.TWO_ADDRESSES]


def test_a_scenario_is_in_force_at_its_own_vantage_alone() -> None:
    hosts = {network.id: [block.host for block in WORLD.blocks(network)] for network in WORLD.networks}
    assert "sni-reset.example" in hosts["plain"]
    assert ["vpn-blocked.example"] == hosts["vpn"]
    assert [] == hosts["lossy"]
    assert [] == hosts["control-1"]


def test_the_second_control_is_blocked_as_the_country_is_or_by_name() -> None:
    blocks = {block.host: block.kind for block in WORLD.blocks(WORLD.network("control-2"))}
    expected = {s.host: s.censor for s in WORLD.scenarios if s.controls is Controls.ONE_BLOCKED}
    assert {
        host: CensorKind.SNI_RESET if kind is CensorKind.NONE else kind for host, kind in expected.items()
    } == blocks


def test_a_block_of_what_a_site_sends_on_to_is_about_that_name() -> None:
    plain = next(network for network in WORLD.networks if network.vantage is Vantage.PLAIN)
    blocks = {block.host: block for block in WORLD.blocks(plain)}
    assert "redirect-to-blocked.example" not in blocks
    assert CensorKind.SNI_RESET is blocks["next-redirect-to-blocked.example"].kind
