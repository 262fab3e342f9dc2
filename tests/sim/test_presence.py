"""When agents are there, and what they see then."""

from itertools import pairwise

import pytest

from sim.dice import Dice
from sim.land import Agent, Kind
from sim.plans import BYTES_PER_DAY, TERMS, Plans, day_bytes
from sim.platforms import make_catalogue
from sim.presence import DAY_S, stays, subtract
from sim.scene import Rank, Scene, Span
from sim.sights import Seen, Sight

DICE = Dice(1)
NOON = 1_708_171_200.0


def agent(kind: Kind) -> Agent:
    return Agent(id=f"ptcl-{kind}", isp="ptcl", kind=kind, city="karachi")


@pytest.mark.parametrize("kind", Kind)
def test_sessions_follow_one_another(kind: Kind) -> None:
    found = stays(agent(kind), DICE, NOON, NOON + 7 * DAY_S)
    assert len(found) > 5
    assert all(one.since < one.until < one.ends for one in found)
    assert all(before.until <= after.since for before, after in pairwise(found))


def test_a_part_of_a_span_of_time_is_as_it_is_in_the_whole() -> None:
    whole = stays(agent(Kind.PHONE), DICE, NOON, NOON + 7 * DAY_S)
    part = stays(agent(Kind.PHONE), DICE, NOON + 2 * DAY_S, NOON + 3 * DAY_S)
    inner = [one for one in part if one.since > NOON + 2 * DAY_S and one.until < NOON + 3 * DAY_S]
    assert inner
    assert set(inner) <= set(whole)


@pytest.mark.parametrize(
    ("holes", "left"),
    [
        ([], [(0.0, 10.0)]),
        ([(2.0, 4.0)], [(0.0, 2.0), (4.0, 10.0)]),
        ([(-1.0, 1.0), (9.0, 12.0)], [(1.0, 9.0)]),
        ([(-1.0, 11.0)], []),
    ],
)
def test_what_is_left_of_an_interval(holes: list[tuple[float, float]], left: list[tuple[float, float]]) -> None:
    assert left == subtract([(0.0, 10.0)], holes)


def test_of_several_spans_the_one_nearest_to_the_agent_is_seen() -> None:
    block = Span(since=0.0, until=1e12, seen=Seen(sight=Sight.RESET), rank=Rank.BLOCK, isp="ptcl", platform="x")
    tunnel = Span(since=0.0, until=NOON, seen=Seen(vpn=True), rank=Rank.TUNNEL, agent="ptcl-phone")
    scene = Scene(dice=DICE, spans=[block, tunnel])
    seen = [scene.see(agent(Kind.PHONE), "x", "https://x.com/", at) for at in (NOON - 1, NOON)]
    assert [Seen(vpn=True), Seen(sight=Sight.RESET)] == seen
    assert Seen() == scene.see(agent(Kind.PHONE), "y", "https://y.com/", NOON)


def test_turns_and_bytes_are_those_of_the_real_plan() -> None:
    catalogue = make_catalogue()
    plans = Plans(catalogue=catalogue, wanted=frozenset({"x"}), dice=DICE)
    whole = Plans(catalogue=catalogue, wanted=frozenset(one.id for one in catalogue.platforms), dice=DICE)
    assert {"x", ""} == {one.target.platform for one in plans.of(0, 5)}
    assert day_bytes(whole.of(0, 5)) == pytest.approx(min(BYTES_PER_DAY, TERMS.bytes_per_day or 0), rel=0.01)
    one = plans.of(0, 5)[0]
    turns = plans.turns_before("ptcl-0", one, NOON, 3)
    assert [1, 1] == [after.number - before.number for before, after in pairwise(turns)]
    assert turns[-1].at < NOON <= plans.turn_after("ptcl-0", one, NOON).at
