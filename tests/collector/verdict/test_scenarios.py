"""Every row of the labs' table, judged by what agents would note down: the right verdict, without a lab."""

from dataclasses import replace
from itertools import product

import pytest

from lab.scenario import Controls, Scenario, Scheme, SiteKind, Vantage, load_scenarios
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.decide import Decision, Terms, decide
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, Mechanism, State
from support.factories import NOON
from support.imagined import Played, play
from support.imagined_place import ABROAD, FIRST

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}
PLAIN = SCENARIOS["plain-https"]


def find(played: Played, background: Background | None = None) -> list[Finding]:
    known = background or played.background
    return [classify(one, played.controls, played.references, background=known) for one in played.agents]


def verdict(found: list[Finding]) -> Decision:
    """What the votes of a second round say."""
    votes = [
        Vote(
            judgement=one.judgement,
            rule=one.rule,
            step=one.step,
            mechanism=one.mechanism,
            started=NOON + n,
            since=NOON,
            streak=2,
            expires=NOON + 900,
            weight=one.weight,
        )
        for n, one in enumerate(found)
        if one.judgement is not Judgement.INCONCLUSIVE
    ]
    return decide(votes, Decision(), Terms())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.id)
def test_the_verdict_is_the_table_s(scenario: Scenario) -> None:
    found = find(play(scenario))
    decision = verdict(found)
    told = (decision.state, found[0].rule, found[0].reasons)
    assert decision.state in scenario.states, told
    if decision.state in (State.BLOCKED, State.THROTTLED):
        assert decision.mechanism in scenario.mechanisms, told


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("portal_seen", [True, False])
def test_no_innocent_site_is_called_blocked_wherever_it_is_measured(scheme: Scheme, portal_seen: bool) -> None:
    for site, vantage, controls in product(SiteKind, Vantage, Controls):
        innocent = replace(PLAIN, scheme=scheme, site=site, vantage=vantage, controls=controls)
        ipv6_works = False if vantage is Vantage.BROKEN_IPV6 else None
        known = Background(quic_works=None if vantage is Vantage.NO_UDP else True, ipv6_works=ipv6_works)
        for found in find(play(innocent, portal_seen=portal_seen, agents=1), known):
            assert found.judgement is not Judgement.BLOCKED, (site, vantage, controls, found)


@pytest.mark.parametrize("site", [SiteKind.DUAL_STACK, SiteKind.TWO_ADDRESSES, SiteKind.CDN, SiteKind.GEO_403])
@pytest.mark.parametrize("vantage", [Vantage.PLAIN, Vantage.DUAL_STACK, Vantage.BROKEN_IPV6])
@pytest.mark.parametrize(
    "id_", [one.id for one in SCENARIOS.values() if one.site is SiteKind.PLAIN and State.BLOCKED in one.states]
)
def test_a_block_is_known_whatever_the_site_and_the_vantage_are_like(
    id_: str, vantage: Vantage, site: SiteKind
) -> None:
    """A delivery network's addresses differ by place, and are known for one network's."""
    scenario = replace(SCENARIOS[id_], vantage=vantage, site=site)
    (found,) = find(play(scenario, agents=1), Background(quic_works=True, asn_of={FIRST: 15133, ABROAD: 15133}.get))
    assert Judgement.BLOCKED is found.judgement, found
    assert found.mechanism in scenario.mechanisms, found


def test_an_address_that_differs_by_place_is_no_lie_of_dns_where_networks_are_known() -> None:
    scenario = replace(SCENARIOS["host-blockpage"], site=SiteKind.CDN)
    (found,) = find(play(scenario, agents=1), Background(asn_of={FIRST: 15133, ABROAD: 15133}.get))
    assert Mechanism.HTTP_BLOCKPAGE is found.mechanism


def test_a_site_of_ipv6_alone_is_not_judged_where_ipv6_is_broken_or_missing() -> None:
    site = replace(PLAIN, site=SiteKind.IPV6_ONLY)
    broken, missing = replace(site, vantage=Vantage.BROKEN_IPV6), site
    assert ["vantage.broken_ipv6", "vantage.no_ipv6"] == [
        find(play(scenario, agents=1), Background(ipv6_works=False))[0].rule for scenario in (broken, missing)
    ]


def test_a_portal_that_nobody_noticed_shows_by_the_references() -> None:
    for id_ in ("captive-portal-https", "captive-portal-http"):
        (found,) = find(play(SCENARIOS[id_], portal_seen=False, agents=1))
        assert "vantage.references_fail" == found.rule
