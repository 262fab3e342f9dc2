"""When agents are there: machines that are switched on and off, power cuts, and sessions that break. Pure.

Figures, and where they are from (assumptions are called so):

* Laptops are opened about 09:00 and closed about 23:45 Pakistani time, give or take an hour, on nine days of ten
  (assumption).
* Load shedding: every feeder of a city is without power for an hour twice a day (cities reported 1 to 4 hours a day in
  2023 and 2024, villages more); ten feeders to a city. Phones are not touched; other machines go off with their router.
* A phone's session breaks every three hours and is back within ten seconds to two minutes (assumption: carrier-grade
  NAT, and Android's sleep).
* A session whose machine fell silent ends 22 to 38 s later (the collector misses two and a half heartbeats of 15 s).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim.dice import Dice
from sim.land import Agent, Kind

DAY_S = 86_400.0
PKT_S = 5 * 3600.0  # Pakistani time is ahead of UTC by so much
FEEDERS = 10
CUTS_A_DAY, CUT_S = 2, 3600.0
BREAK_EVERY_S = 3 * 3600.0

UNNOTICED_S = (22.5, 37.5)  # that a machine is silent before the collector ends its session

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """An agent's session. `ends`: when the collector takes it for ended."""

    since: float
    until: float
    ends: float


def stays(agent: Agent, dice: Dice, start: float, end: float) -> list[Stay]:
    """The sessions of an agent that touch a span of time."""
    on = _machine_on(agent, dice, start, end)
    cut = sorted([*_dark(agent, dice, start, end), *_breaks(agent, dice, start, end)])
    return [_stay(agent, dice, since, until) for since, until in subtract(on, cut) if until > start and since < end]


def _stay(agent: Agent, dice: Dice, since: float, until: float) -> Stay:
    return Stay(since=since, until=until, ends=until + dice.between(*UNNOTICED_S, "unnoticed", agent.id, until))


def _days(start: float, end: float) -> Iterator[float]:
    """Midnights, Pakistani time, of the days that matter."""
    day = (start + PKT_S) // DAY_S - 1
    while day * DAY_S - PKT_S < end:
        yield day * DAY_S - PKT_S
        day += 1


def _machine_on(agent: Agent, dice: Dice, start: float, end: float) -> list[Interval]:
    if agent.kind is not Kind.LAPTOP:
        return [(start - DAY_S, end + DAY_S)]
    spans = []
    for midnight in _days(start, end):
        if dice.share("off", agent.id, midnight) < 0.9:
            opened = 9 * 3600 + dice.between(-3600, 3600, "opened", agent.id, midnight)
            closed = 23.75 * 3600 + dice.between(-3600, 3600, "closed", agent.id, midnight)
            spans.append((midnight + opened, midnight + closed))
    return spans


def _dark(agent: Agent, dice: Dice, start: float, end: float) -> list[Interval]:
    if agent.kind is Kind.PHONE or not agent.isp:
        return []
    feeder = int(dice.share("feeder", agent.id) * FEEDERS)
    hours = [
        midnight + dice.between(0, DAY_S - CUT_S, "cut", agent.city, feeder, midnight, n)
        for midnight in _days(start, end)
        for n in range(CUTS_A_DAY)
    ]
    return [(at, at + CUT_S) for at in hours]


def _breaks(agent: Agent, dice: Dice, start: float, end: float) -> list[Interval]:
    if agent.kind is not Kind.PHONE:
        return []
    found = []
    for number in range(int(start // BREAK_EVERY_S), int(end // BREAK_EVERY_S) + 1):
        at = (number + dice.share("break", agent.id, number)) * BREAK_EVERY_S
        found.append((at, at + dice.between(10, 120, "back", agent.id, number)))
    return found


def subtract(whole: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """What is left of intervals without others; `holes` are sorted."""
    left: list[Interval] = []
    for since, until in whole:
        for hole_since, hole_until in holes:
            if hole_since >= until:
                break
            if hole_until > since:
                if hole_since > since:
                    left.append((since, hole_since))
                since = max(since, hole_until)
        if since < until:
            left.append((since, until))
    return left
