"""Reads against the clock, as simulated agents make them, are judged as what they are meant to be."""

from collections import Counter

import pytest

from rabta_collector.verdict.classify import classify
from rabta_proto.vocabulary import Depth, Judgement, Mechanism
from sim.dice import Dice
from sim.land import Agent, Kind
from sim.platforms import MEDIA, MORE
from sim.reading import reads_last_s
from sim.sights import Seen, Sight
from sim.taking import Taken, take
from support.factories import NOON
from support.timed import WANTED

AGENTS = [Agent(id=f"jazz-{n}", isp="jazz", kind=Kind.PHONE, city="lahore") for n in range(20)]
CONTROLS = [Agent(id=f"control-{n}", isp="", kind=Kind.ALWAYS, city="abroad") for n in range(3)]


def taken(
    agent: Agent, sight: Sight = Sight.WORKS, *, depth: Depth = Depth.TRANSFER, seed: int = 7, asked: bool = False
) -> Taken:
    target = MORE["whatsapp"]
    return take(agent, target, at=NOON, seen=Seen(sight=sight), depth=depth, asked=asked, dice=Dice(seed))


CONTROLS_SAW = [taken(control).measurement for control in CONTROLS]


@pytest.mark.parametrize("seed", range(5))
def test_of_what_is_held_down_all_but_the_slowest_lines_tell(seed: int) -> None:
    found = [classify(taken(agent, Sight.SLOW, seed=seed).measurement, CONTROLS_SAW) for agent in AGENTS]
    told = Counter((one.judgement, one.mechanism) for one in found)
    assert 0.85 * len(AGENTS) <= told[Judgement.THROTTLED, Mechanism.THROTTLE_SNI]
    assert {Judgement.THROTTLED, Judgement.INCONCLUSIVE} >= {judgement for judgement, _ in told}


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_line_is_not_called_throttled(seed: int) -> None:
    found = [classify(taken(agent, seed=seed).measurement, CONTROLS_SAW) for agent in AGENTS]
    assert {Judgement.OK} == {one.judgement for one in found}


@pytest.mark.parametrize("sight", [Sight.RESET, Sight.OFFLINE, Sight.LATE])
def test_nothing_is_read_where_something_failed_before(sight: Sight) -> None:
    with_reads, without = taken(AGENTS[0], sight), taken(AGENTS[0], sight, depth=Depth.FULL)
    assert without.lasts_s == with_reads.lasts_s
    assert without.cost_bytes == with_reads.cost_bytes


def test_reads_take_their_time_and_their_bytes() -> None:
    plain, read = taken(AGENTS[0], depth=Depth.FULL), taken(AGENTS[0])
    reads = [one.detail for one in read.measurement.observations if one.step == "transfer"]
    assert 4 == len(reads)
    assert pytest.approx(reads_last_s(reads)) == read.lasts_s - plain.lasts_s
    assert read.cost_bytes - plain.cost_bytes > 4 * WANTED


def test_what_looks_slow_is_read_twice_as_often() -> None:
    reads = [one.detail for one in taken(AGENTS[0], Sight.SLOW).measurement.observations if one.step == "transfer"]
    assert 8 == len(reads)


def test_who_is_asked_reads_half_as_long() -> None:
    long, short = taken(AGENTS[0], Sight.SLOW), taken(AGENTS[0], Sight.SLOW, asked=True)
    assert short.lasts_s < 0.75 * long.lasts_s
    assert MEDIA == short.measurement.target
