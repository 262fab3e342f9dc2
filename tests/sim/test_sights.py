"""What the simulated agents see is judged as what it is meant to be, by the real table of rules."""

import pytest

from rabta_collector.verdict.classify import classify
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth, Judgement, Mechanism
from sim.sights import Seen, Sight, lasts_s, measure

URL = "https://www.reddit.com/"
NOON = 1_708_171_200.0
MEANT = {
    Sight.WORKS: (Judgement.OK, None),
    Sight.LATE: (Judgement.OK, None),
    Sight.SLOW: (Judgement.OK, None),
    Sight.RESET: (Judgement.BLOCKED, Mechanism.TLS_RESET_SNI),
    Sight.HUSHED: (Judgement.BLOCKED, Mechanism.TLS_TIMEOUT_SNI),
    Sight.NXDOMAIN: (Judgement.BLOCKED, Mechanism.DNS_NXDOMAIN),
    Sight.UNCONNECTED: (Judgement.BLOCKED, Mechanism.TCP_TIMEOUT),
    Sight.UNANSWERED: (Judgement.BLOCKED, Mechanism.TLS_TIMEOUT_OTHER),
    Sight.REFUSED: (Judgement.BLOCKED, Mechanism.TCP_REFUSED),
    Sight.OFFLINE: (Judgement.INCONCLUSIVE, None),
    Sight.MISTRUSTED: (Judgement.INCONCLUSIVE, None),  # the site's own certificate: controls see the same
}


def look(sight: Sight, *, at: float = NOON, vpn: bool = False, depth: Depth = Depth.FULL) -> Measurement:
    return measure(
        url=URL, platform="reddit", at=at, seen=Seen(sight=sight, vpn=vpn), depth=depth, lasts_s=lasts_s(sight)
    )


@pytest.mark.parametrize("sight", Sight)
def test_a_sight_is_found_to_be_what_it_is(sight: Sight) -> None:
    controls = [look(Sight.WORKS, at=NOON + away) for away in (-60, 60)] * 2
    found = classify(look(sight), controls)
    assert MEANT[sight] == (found.judgement, found.mechanism)


@pytest.mark.parametrize("sight", [Sight.RESET, Sight.HUSHED, Sight.NXDOMAIN])
def test_blocks_by_name_prove_themselves_without_a_control(sight: Sight) -> None:
    assert Judgement.BLOCKED is classify(look(sight)).judgement


def test_what_controls_see_too_is_down() -> None:
    controls = [look(Sight.UNCONNECTED, at=NOON + away) for away in (-60, 60)]
    assert Judgement.DOWN is classify(look(Sight.UNCONNECTED), controls).judgement


def test_through_a_vpn_nothing_is_said() -> None:
    assert Judgement.INCONCLUSIVE is classify(look(Sight.RESET, vpn=True)).judgement


def test_a_light_measurement_asks_for_no_page() -> None:
    steps = {one.step for one in look(Sight.WORKS, depth=Depth.LIGHT).observations}
    assert {"dns", "tcp", "tls"} == steps
