"""Single reads of what is held to be throttled: how often, by whom, and when they have it that it is over."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from rabta_collector.allowance import DAY_S, HOUR_S
from rabta_collector.asking import Order, View
from rabta_collector.glances import (
    AGENT_DAY,
    AGENT_HOUR,
    ANSWER_S,
    LAB_SPACING_S,
    SPACING_S,
    TRIES,
    Glance,
    Glances,
    is_free,
)
from rabta_collector.question import Key
from rabta_collector.verdict.pace import Pace
from rabta_proto.vocabulary import Judgement, State

KEY: Key = ("ptcl", "x", "https://x.com/")
OTHER: Key = ("ptcl", "youtube", "https://youtube.com/")


def agents(count: int) -> list[str]:
    return [f"a{number:02}" for number in range(count)]


@dataclass(slots=True, kw_only=True)
class Place:
    """An ISP at which a target is held to be throttled."""

    crew: list[str] = field(default_factory=lambda: agents(20))
    slow: list[str] = field(default_factory=lambda: agents(3))
    held: list[Key] = field(default_factory=lambda: [KEY])
    glances: Glances = field(default_factory=Glances)

    def asks(self, now: float) -> list[str]:
        return [order.agent for order in self.orders(now)]

    def orders(self, now: float) -> list[Order]:
        view = View(
            state=lambda key: State.THROTTLED,
            newest=lambda key: dict.fromkeys(self.slow, (0.0, Judgement.THROTTLED)),
            crew=lambda isp, _platform: self.crew,
            known=lambda isp: len(self.crew),
            siblings=lambda key: (),
        )
        orders = self.glances.next(self.held, view, now)
        assert all(order.reads == 1 for order in orders)
        return orders

    def sees(self, agent: str, at: float, *, free: bool, key: Key = KEY) -> list[Key]:
        return self.glances.hear([Glance(key=key, agent=agent, started=at, free=free)])

    def first(self) -> str:
        """The first agent that is asked, after the verdict has stood for one spacing."""
        assert [] == self.asks(0)
        assert [] == self.asks(SPACING_S - 1)
        (agent,) = self.asks(SPACING_S)
        return agent


def test_one_agent_at_a_time_is_asked_once_in_a_while_and_of_those_who_saw_it() -> None:
    place = Place()
    first = place.first()
    assert first in place.slow
    assert [] == place.sees(first, SPACING_S + 2, free=False)
    assert [] == place.asks(2 * SPACING_S - 1)
    (second,) = place.asks(2 * SPACING_S)
    assert second in set(place.slow) - {first}


def test_after_one_that_is_free_another_agent_is_asked_at_once_and_two_have_it_that_it_is_over() -> None:
    place = Place()
    first = place.first()
    assert [] == place.sees(first, SPACING_S + 2, free=True)
    (second,) = place.asks(SPACING_S + 3)
    assert first != second
    assert [KEY] == place.sees(second, SPACING_S + 4, free=True)


def test_one_that_is_free_and_one_that_is_slow_leave_things_as_they_are() -> None:
    place = Place()
    place.sees(place.first(), SPACING_S + 2, free=True)
    (second,) = place.asks(SPACING_S + 3)
    assert [] == place.sees(second, SPACING_S + 4, free=False)
    assert [] == place.asks(SPACING_S + 5)
    (third,) = place.asks(2 * SPACING_S + 3)
    assert [] == place.sees(third, 2 * SPACING_S + 5, free=True)


def test_what_is_slow_is_not_saved_up_against_what_is_free_later() -> None:
    place = Place()
    now = SPACING_S
    place.sees(place.first(), now, free=False)
    for _ in range(5):
        now += SPACING_S
        place.sees(place.asks(now)[0], now, free=False)
    first = place.asks(now + SPACING_S)[0]
    place.sees(first, now + SPACING_S, free=True)
    (second,) = place.asks(now + SPACING_S + 1)
    assert [KEY] == place.sees(second, now + SPACING_S + 1, free=True)


def test_a_lone_agent_is_asked_again() -> None:
    place = Place(crew=["a00"])
    place.asks(0)
    assert ["a00"] == place.asks(DAY_S / AGENT_DAY)
    place.sees("a00", DAY_S / AGENT_DAY, free=True)
    assert ["a00"] == place.asks(DAY_S / AGENT_DAY + 5)


def test_who_does_not_answer_is_not_waited_for_and_not_for_ever_replaced() -> None:
    place = Place()
    asked, now = {place.first()}, SPACING_S
    assert [] == place.asks(now + ANSWER_S - 1)
    for _ in range(TRIES - 1):
        now += ANSWER_S
        asked |= set(place.asks(now))
    assert TRIES == len(asked)
    assert [] == place.asks(now + ANSWER_S)
    assert 1 == len(place.asks(2 * SPACING_S))


@pytest.mark.parametrize("crew", [1, 3, 5, 20])
@pytest.mark.parametrize("held", [[KEY], [KEY, OTHER]])
def test_the_allowance_of_a_day_lasts_all_day_and_is_not_overdrawn(crew: int, held: list[Key]) -> None:
    place, asked = Place(crew=agents(crew), held=held), []
    for step in range(int(2 * DAY_S / 10)):
        now = step * 10.0
        for order in place.orders(now):
            asked.append((now, order.agent))
            place.sees(order.agent, now, free=False, key=(KEY[0], order.platform, order.url))
    for agent in place.crew:
        times = [now for now, one in asked if one == agent]
        assert all(sum(at <= now < at + HOUR_S for now in times) <= AGENT_HOUR for at in times)
        assert all(sum(at <= now < at + DAY_S for now in times) <= AGENT_DAY for at in times)
    times = [now for now, _ in asked]
    longest = max(after - before for before, after in pairwise(times))
    assert longest <= max(SPACING_S, DAY_S * len(held) / (AGENT_DAY * crew)) + 20


def test_what_is_no_longer_throttled_is_left_alone() -> None:
    place = Place()
    first = place.first()
    place.held = []
    assert [] == place.asks(SPACING_S + 1)
    assert [] == place.sees(first, SPACING_S + 2, free=True)
    place.held = [KEY]
    assert [] == place.asks(SPACING_S + 3)


def test_nobody_is_asked_where_nobody_is_there() -> None:
    place = Place(crew=[])
    place.asks(0)
    assert [] == place.asks(DAY_S)


def test_nothing_is_spared_in_a_lab() -> None:
    place, asked = Place(crew=["a00"], glances=Glances(lab=True)), 0
    for step in range(100):
        for agent in place.asks(step * LAB_SPACING_S):
            asked += 1
            place.sees(agent, step * LAB_SPACING_S, free=False)
    assert asked > AGENT_DAY


@pytest.mark.parametrize(
    ("own", "other", "plateau", "free"),
    [
        (16_000, 2_000_000, 17_000, False),
        (16_000, 2_000_000, 100_000, False),
        (16_000, 2_000_000, 1_000_000, True),
        (16_000, 80_000, 40_000, True),  # a line that gives no more
        (16_000, 80_000, 20_000, False),
        (1_900_000, 2_000_000, 1_000_000, True),  # it was the handshake that was slow
    ],
)
def test_a_read_is_free_where_it_is_nearer_to_what_was_compared_with(
    own: float, other: float, plateau: float, free: bool
) -> None:
    held = Pace(own=own, other=other, least=own, most=own, goodput=own, goodput_other=other)
    assert free is is_free(plateau, held)
