"""What is left out of a year could not have changed a verdict."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.verdict.decide import Decision, Terms, decide
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, State
from sim.dice import Dice
from sim.drive import Drive
from sim.land import settle
from sim.loop import Asked
from sim.noise import Noise
from sim.plans import Plans
from sim.platforms import choose, make_catalogue
from sim.presence import DAY_S
from sim.roster import Roster
from sim.scene import Scene
from sim.score import ACCUSING, spans_of
from sim.script import NOON
from sim.stage import surround
from sim.stretch import Stretch
from sim.wakes import ALONE, AT_RISK, Watch
from sim.year import alone

PLATFORM = "signal"
LEVEL = 60.0  # of the noise, so that much happens in a day
DICE = Dice(3)
CATALOGUE = make_catalogue()


def vote(judgement: Judgement, started: float) -> Vote:
    return Vote(
        judgement=judgement,
        rule="ok.https",
        step=None,
        mechanism=None,
        started=started,
        since=0.0,
        streak=1,
        expires=1e9,
    )


@given(st.integers(ALONE, 60), st.floats(0, 1), st.sampled_from(list(Judgement)), st.randoms(use_true_random=False))
def test_no_verdict_changes_while_so_few_agents_fail(agents: int, part: float, other: Judgement, rng: Random) -> None:
    most = next(count for count in range(agents, 0, -1) if count < max(2.0, AT_RISK * agents))
    bad = round(part * most)
    told = [other] * bad + [Judgement.OK] * (agents - bad)
    rng.shuffle(told)
    votes = [vote(judgement, float(n)) for n, judgement in enumerate(told) if judgement is not Judgement.INCONCLUSIVE]
    assert State.REACHABLE is decide(votes, Decision(state=State.REACHABLE), Terms()).state


def accusations(isp: str, start: float, end: float) -> set[float]:
    """When the platform is wrongly accused in a stretch of noise that is played whole."""
    land = alone(settle(DICE), isp)
    platforms = frozenset({PLATFORM})
    spans, _ = surround(land, DICE, platforms, start, end, LEVEL)
    roster = Roster(agents=[*land.agents[isp], *land.agents[""]], dice=DICE, start=start - DAY_S, end=end + DAY_S)
    stretch = Stretch(
        land=land,
        catalogue=CATALOGUE,
        platforms=platforms,
        scene=Scene(dice=DICE, spans=spans),
        stays=roster.stays,
        start=start,
        end=end,
    )
    stood = spans_of(Drive(stretch, Asked, DICE).run().events, end).get((isp, PLATFORM), [])
    return {one.since for one in stood if one.state in (*ACCUSING, State.DISRUPTED)}


def test_all_that_is_wrongly_said_in_a_day_is_said_where_a_day_in_parts_is_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a collector that accuses at once: ours says nothing wrong in a day."""
    monkeypatch.setattr("rabta_collector.verdict.decide.LASTING_S", 0.0)
    isp, start, end = "cable-08", NOON, NOON + DAY_S
    land = settle(DICE)
    watch = Watch(
        isp=isp,
        roster=Roster(agents=land.agents[isp], dice=DICE, start=start - DAY_S, end=end + DAY_S),
        noise=Noise(dice=DICE, start=start, end=end, level=LEVEL),
        catalogue=CATALOGUE,
        only=choose(CATALOGUE, frozenset({PLATFORM})),
        plans=Plans(catalogue=CATALOGUE, wanted=frozenset({PLATFORM}), dice=DICE),
    )
    wakes = watch.wakes()
    whole = accusations(isp, start, end)
    assert whole
    assert {at for at in whole if any(wake.since <= at < wake.until for wake in wakes)} == whole
    assert 0 < sum(wake.until - wake.since for wake in wakes) < 0.8 * (end - start)
