"""A burst of laptops closing at midnight, as every night, is no outage; a shutdown at noon is one."""

from collections.abc import Iterator

import pytest

from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Presence
from rabta_collector.outage import unforeseen
from rabta_collector.state import Event
from rabta_proto.vocabulary import IspKind, IspState, Role
from sim.dice import Dice
from sim.land import Agent, Kind
from sim.presence import DAY_S, PKT_S, stays
from sim.script import NOON

ISPS = (Isp(id="ptcl", name="PTCL", kind=IspKind.FIXED), Isp(id="zong", name="Zong", kind=IspKind.MOBILE))
LAPTOPS = [Agent(id=f"laptop-{n}", isp="ptcl", kind=Kind.LAPTOP, city="karachi") for n in range(5)]
CONTROL = Agent(id="control", isp="", kind=Kind.ALWAYS, city="abroad")
DAYS = 9
START = NOON - (NOON + PKT_S) % DAY_S + DAY_S  # a midnight in Pakistan
LAST_NOON, LAST_NIGHT = START + (DAYS - 0.5) * DAY_S, START + DAYS * DAY_S - 3500.0


def told(agent: Agent, since: float, until: float, cut: float) -> Iterator[Entry]:
    """Its sessions; from a moment on it is silent for an hour, and sessions that would begin then begin after it."""
    dice = Dice(7)
    for stay in stays(agent, dice, since, until):
        spans = [(stay.since, stay.ends)]
        if agent.isp and stay.since < cut + 3600 and stay.ends > cut:
            spans = [(stay.since, cut), (cut + 3600, stay.ends)]
        for comes, goes in spans:
            for at, connected in ((comes, True), (goes, False)) if comes < goes else ():
                if since <= at < until:
                    yield Presence(at=at, agent=agent.id, isp=agent.isp, role=agent.role, connected=connected)


def play(cut: float) -> list[Event]:
    """What is said of ISPs, with five laptops that are opened in the morning and closed about midnight."""
    engine = Engine(Catalogue(platforms=()), ISPS)
    end = START + DAYS * DAY_S + 3 * 3600
    entries = [Presence(at=START, agent="control", isp="", role=Role.CONTROL, connected=True)]
    entries += [entry for agent in LAPTOPS for entry in told(agent, START, end, cut)]
    events: list[Event] = []
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.agent)):
        events += engine.advance(entry.at)
        engine.apply(entry)
    return [*events, *engine.advance(end)]


def downs(events: list[Event]) -> list[float]:
    return [event.at for event in events if event.to_state == IspState.DOWN]


def test_a_burst_at_midnight_is_no_outage_once_nights_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """At eleven all who are there are closed at once, in place of one after the other until one o'clock."""
    assert [] == downs(play(LAST_NIGHT))
    monkeypatch.setattr("rabta_collector.nation.Nation._foresee", lambda self, key, moment: unforeseen(moment))
    assert 1 == len(downs(play(LAST_NIGHT)))


def test_the_same_burst_at_noon_is_one() -> None:
    (at,) = downs(play(LAST_NOON))
    assert 10 < at - LAST_NOON < 90
