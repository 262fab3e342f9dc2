import pytest

from lab.scenario import SiteKind, load_scenarios
from lab.sites.site import Site, StandIn, addresses_needed, hosts_of, zone

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.mark.parametrize("kind", [*SiteKind, *StandIn])
def test_a_zone_holds_all_addresses_that_a_kind_needs_but_those_of_another_place(kind: SiteKind | StandIn) -> None:
    addresses = tuple(f"192.0.2.{number}" for number in range(sum(addresses_needed(kind))))
    said = zone(Site(host="a.example", kind=kind, addresses=addresses), inside=True)
    if kind not in (SiteKind.DEAD_NAME, SiteKind.BOGON, SiteKind.CDN):
        assert addresses == said


def test_a_cdn_has_other_addresses_abroad() -> None:
    site = Site(host="a.example", kind=SiteKind.CDN, addresses=(HERE, THERE))
    assert ((HERE,), (THERE,)) == (zone(site, inside=True), zone(site, inside=False))


def test_a_dead_name_has_no_zone_and_a_bogon_is_published() -> None:
    assert zone(Site(host="a.example", kind=SiteKind.DEAD_NAME), inside=True) is None
    assert ("127.0.0.1",) == zone(Site(host="a.example", kind=SiteKind.BOGON), inside=False)


def test_a_site_that_sends_on_needs_the_one_that_it_sends_to() -> None:
    assert {"redirect-elsewhere.example": SiteKind.REDIRECTS_TO, "next-redirect-elsewhere.example": SiteKind.PLAIN} == (
        hosts_of(SCENARIOS["redirect-elsewhere"])
    )
    assert SiteKind.DEAD is hosts_of(SCENARIOS["redirect-to-dead"])["next-redirect-to-dead.example"]
    assert {"plain-https.example": SiteKind.PLAIN} == hosts_of(SCENARIOS["plain-https"])
