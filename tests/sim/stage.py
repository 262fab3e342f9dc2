"""Plays one affair in one country, and scores it: a job in, plain values out, so that processes can share the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time

from sim.affairs import AFFAIRS_BY_ID
from sim.dice import Dice
from sim.drive import Drive
from sim.land import Land, settle
from sim.loop import Asked, Unasked
from sim.noise import Noise
from sim.platforms import choose, make_catalogue
from sim.presence import DAY_S, Stay, stays
from sim.scene import Scene, Span, Truth
from sim.score import Place, Score, Stood, score, spans_of
from sim.script import CALM_S, Stage
from sim.stretch import Stretch

ISPS = 8  # of an affair: the four mobile networks, and four of fixed lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be played. `level`: of the noise."""

    affair: str
    fleet: int
    seed: int
    closed_loop: bool = True
    level: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """An affair as it was played. `asked`: the closed loop's part of all bytes; `seconds`: of computing."""

    job: Job
    start: float
    end: float
    truths: tuple[Truth, ...]
    stood: Mapping[Place, Sequence[Stood]]
    score: Score
    measurements: int
    asked: float
    seconds: float


def play(job: Job) -> Show:
    """Plays an affair at eight ISPs with so many agents each."""
    began = process_time()
    affair, dice = AFFAIRS_BY_ID[job.affair], Dice(job.seed)
    land = settle(dice, isps=ISPS, fleet=job.fleet)
    start = affair.starts + dice.between(0, 900, "start", affair.id)
    end = start + CALM_S + affair.lasts_s
    there = _presence(land, dice, start, end)
    script = affair.write(Stage(land=land, dice=dice, stays=there, begins=start + CALM_S))
    spans, site_truths = surround(land, dice, affair.platforms, start, end, job.level)
    scene, truths = Scene(dice=dice, spans=[*script.spans, *spans]), [*script.truths, *site_truths]
    stretch = Stretch(
        land=land,
        catalogue=make_catalogue(),
        platforms=affair.platforms,
        scene=scene,
        stays={**there, **script.stays},
        start=start,
        end=end,
        restart_at=script.restart_at,
    )
    played = Drive(stretch, Asked if job.closed_loop else Unasked, dice).run()
    return Show(
        job=job,
        start=start,
        end=end,
        truths=tuple(truths),
        stood=spans_of(played.events, end),
        score=score(truths, played.events, played.samples, end),
        measurements=played.measurements,
        asked=played.asked_bytes.total() / max(1, played.bytes.total()),
        seconds=process_time() - began,
    )


def _presence(land: Land, dice: Dice, start: float, end: float) -> dict[str, list[Stay]]:
    """A fleet of three or fewer is there all the time: whether anybody measures is no question of the collector's."""
    found: dict[str, list[Stay]] = {}
    for agents in land.agents.values():
        for agent in agents:
            always = [Stay(since=start - DAY_S, until=end + DAY_S, ends=end + DAY_S)]
            found[agent.id] = always if len(agents) <= 3 else stays(agent, dice, start, end)
    return found


def surround(
    land: Land, dice: Dice, platforms: frozenset[str], start: float, end: float, level: float = 1.0
) -> tuple[list[Span], list[Truth]]:
    """The noise around a stretch, and around the turns before it by which votes stand in it."""
    catalogue = make_catalogue()
    targets = choose(catalogue, platforms).targets
    noise = Noise(dice=dice, start=start - DAY_S / 4, end=end, level=level)
    spans, truths = noise.of_sites(sorted(platforms), land.names)
    names = [platform.id for platform in catalogue.platforms]
    for agents in land.agents.values():
        for agent in agents:
            spans += noise.of_agent(agent, targets, names)
    return spans, truths
