"""Whom to ask for timed reads: few, seldom, and no agent beyond what a volunteer gives."""

from dataclasses import dataclass, field

from rabta_collector.allowance import HOUR_S
from rabta_collector.asking import ROUND, View
from rabta_collector.inquiry import (
    AGAIN_S,
    AGENT_DAY,
    AGENT_HOUR,
    ANSWER_S,
    INQUIRIES,
    MOST,
    PATIENCE_S,
    QUIET_S,
    SPARED,
    Inquiries,
)
from rabta_collector.question import Key
from rabta_proto.vocabulary import Judgement, State

KEY: Key = ("ptcl", "x", "https://x.com/")


@dataclass(slots=True, kw_only=True)
class Place:
    """Agents of one ISP, two controls, and what reads found."""

    crew: list[str] = field(default_factory=lambda: [f"a{number}" for number in range(20)])
    state: State = State.INCONCLUSIVE
    found: dict[str, tuple[float, Judgement | None]] = field(default_factory=dict)
    inquiries: Inquiries = field(default_factory=Inquiries)

    @property
    def view(self) -> View:
        return View(
            state=lambda key: self.state,
            newest=lambda key: self.found,
            crew=lambda isp, _platform: self.crew if isp else ["c1", "c2"],
            known=lambda isp: len(self.crew),
            siblings=lambda key: (),
        )

    def suspect(self, now: float, *, over: bool = False) -> None:
        self.inquiries.suspect([KEY], self.view, now, over=over)

    def asks(self, now: float) -> list[str]:
        orders = self.inquiries.next(now, self.view)
        assert all(order.reads == ROUND for order in orders)
        return sorted(order.agent for order in orders)

    def answer(self, agents: list[str], judgement: Judgement, at: float) -> None:
        self.found |= {agent: (at, judgement) for agent in agents if agent in self.crew}


def test_a_suspicion_has_three_agents_and_the_controls_asked_once() -> None:
    place = Place()
    place.suspect(0)
    asked = place.asks(1)
    assert {"c1", "c2"} < set(asked)
    assert 5 == len(asked)
    assert [] == place.asks(2)


def test_answers_at_odds_have_more_asked_up_to_a_bound() -> None:
    place = Place()
    place.suspect(0)
    everybody = set(place.asks(1))
    for now in (30, 60, 90, 120):
        place.answer(sorted(everybody), Judgement.THROTTLED, now)
        everybody |= set(place.asks(now + 1))
    assert MOST == len(everybody - {"c1", "c2"})


def test_two_that_see_nothing_close_it_and_leave_the_place_alone_for_a_while() -> None:
    place = Place()
    place.suspect(0)
    place.answer(place.asks(1), Judgement.OK, 20)
    assert [] == place.asks(21)
    assert {} == place.inquiries.open
    place.suspect(22)
    assert {} == place.inquiries.open
    place.suspect(22 + QUIET_S)
    assert [KEY] == list(place.inquiries.open)


def test_the_pause_doubles() -> None:
    place = Place()
    for opened in (0.0, QUIET_S + 500, 2 * QUIET_S + 500):
        place.suspect(opened)
        place.asks(opened + PATIENCE_S)
    assert {} == place.inquiries.open
    place.suspect(2 * QUIET_S + 501)
    assert {} == place.inquiries.open


def test_a_verdict_that_changed_closes_it_and_another_may_follow_soon() -> None:
    place = Place()
    place.suspect(0)
    place.answer(place.asks(1), Judgement.THROTTLED, 20)
    place.state = State.THROTTLED
    assert [] == place.asks(21)
    place.suspect(22 + AGAIN_S)
    assert [KEY] == list(place.inquiries.open)


def test_nobody_is_asked_while_an_answer_is_awaited_and_who_never_answers_is_given_up() -> None:
    place = Place()
    place.suspect(0)
    first = place.asks(1)
    place.answer(first[:1], Judgement.THROTTLED, 5)
    assert [] == place.asks(6)
    assert place.asks(2 + ANSWER_S)


def test_a_lone_agent_is_asked_again_after_a_rest() -> None:
    place = Place(crew=["a0"])
    place.suspect(0)
    assert ["a0", "c1", "c2"] == place.asks(1)
    place.answer(["a0"], Judgement.THROTTLED, 20)
    assert [] == place.asks(21)
    assert ["a0"] == place.asks(21 + AGAIN_S)


def test_no_agent_gives_more_than_its_hour_and_day() -> None:
    place, asked = Place(crew=["a0", "a1", "a2"]), []
    for number in range(200):
        now = number * 900.0
        place.inquiries._quiet.clear()
        place.suspect(now)
        asked += [(now, agent) for agent in place.asks(now) if agent == "a0"]
        place.inquiries.open.clear()
    times = [now for now, _ in asked]
    assert all(sum(at <= now < at + HOUR_S for now in times) <= AGENT_HOUR for at in times)
    assert all(sum(at <= now < at + 24 * HOUR_S for now in times) <= AGENT_DAY for at in times)
    assert len(times) > AGENT_DAY


def test_no_more_inquiries_than_can_be_looked_after() -> None:
    place = Place()
    place.inquiries.suspect([("ptcl", "x", str(number)) for number in range(2 * INQUIRIES)], place.view, 0)
    assert INQUIRIES == len(place.inquiries.open)


def test_nothing_is_spared_in_a_lab() -> None:
    place = Place(inquiries=Inquiries(lab=True), crew=["a0", "a1", "a2"])
    for number in range(20):
        place.suspect(number * 10.0)
        assert {"a0", "a1", "a2"} <= set(place.asks(number * 10.0))
        place.inquiries.open.clear()


def test_where_it_seems_to_be_over_those_are_asked_whose_votes_it_stands_on() -> None:
    place = Place(state=State.THROTTLED)
    place.answer(["a3", "a7", "a11", "a15"], Judgement.THROTTLED, -AGAIN_S)
    place.suspect(0, over=True)
    assert {"a3", "a7", "a11", "a15"} > set(place.asks(1)) - {"c1", "c2"}


def test_a_verdict_that_is_borne_out_may_be_doubted_again_soon() -> None:
    """It was no false alarm: by its end no pause must have grown."""
    place = Place(state=State.THROTTLED)
    for number in range(4):
        now = number * (AGAIN_S + 60)
        place.suspect(now, over=True)
        assert [KEY] == list(place.inquiries.open)
        place.answer(place.asks(now + 1), Judgement.THROTTLED, now + 20)
        assert [] == place.asks(now + 21)
    assert {} == place.inquiries.open


def test_of_an_agent_s_day_some_is_kept_for_the_end_of_a_verdict() -> None:
    place = Place(state=State.THROTTLED, crew=["a0", "a1", "a2"])
    for number in range(40):
        place.suspect(number * HOUR_S / 2)
        place.asks(number * HOUR_S / 2)
        place.inquiries.open.clear()
    asked = place.inquiries._spare.used("a0")
    place.suspect(20 * HOUR_S, over=True)
    assert {"a0", "a1", "a2"} < set(place.asks(20 * HOUR_S))
    assert AGENT_DAY - SPARED == asked


def test_once_answers_are_at_odds_those_are_asked_whose_old_votes_bear_out_what_is_held() -> None:
    place = Place()
    place.suspect(0)
    first = set(place.asks(1)) - {"c1", "c2"}
    voters = sorted(set(place.crew) - first)[-3:]
    place.answer(voters, Judgement.OK, -AGAIN_S)
    place.answer(sorted(first), Judgement.THROTTLED, 20)
    assert voters == place.asks(21)


def test_who_does_not_answer_takes_nobody_s_place() -> None:
    place = Place()
    place.suspect(0)
    first = place.asks(1)
    place.answer(first[:1], Judgement.THROTTLED, 5)
    assert 3 == len(place.asks(2 + ANSWER_S))


def test_it_stays_open_while_answers_come() -> None:
    place = Place()
    place.suspect(0)
    place.answer(place.asks(1), Judgement.THROTTLED, PATIENCE_S - 10)
    assert place.asks(PATIENCE_S + 10)
    place.asks(2 * PATIENCE_S)
    assert {} == place.inquiries.open


def test_answers_at_odds_that_do_not_suffice_leave_the_place_open_to_doubt() -> None:
    place = Place()
    place.suspect(0)
    place.answer(place.asks(1), Judgement.THROTTLED, 20)
    place.asks(30 + PATIENCE_S)
    place.suspect(30 + PATIENCE_S + AGAIN_S)
    assert [KEY] == list(place.inquiries.open)
