"""Whom to ask: a few first, then as many as decide; nobody beyond what a volunteer gives."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.allowance import DAY_S, HOUR_S
from rabta_collector.asking import (
    AGENT_DAY,
    AGENT_HOUR,
    ANSWER_S,
    PATIENCE_S,
    QUESTIONS,
    QUIET_MOST_S,
    QUIET_S,
    RESIDUAL_S,
    ROOM,
    SPREAD_S,
    Alarm,
    Asking,
    Order,
    View,
)
from rabta_collector.question import FIRST, SPARE, Key
from rabta_proto.vocabulary import Judgement, State

URL = "https://x.com/"
KEY: Key = ("ptcl", "x", URL)


@dataclass(slots=True, kw_only=True)
class World:
    """Twenty agents and two controls; `found` is what each agent's newest measurement is worth."""

    crew: list[str] = field(default_factory=lambda: [f"a{number}" for number in range(20)])
    state: State = State.REACHABLE
    found: dict[str, tuple[float, Judgement | None]] = field(default_factory=dict)

    def view(self) -> View:
        return View(
            state=lambda _: self.state,
            newest=lambda _: self.found,
            crew=lambda isp, _platform: ["c1", "c2"] if isp == "" else self.crew,
            known=lambda _: len(self.crew),
            siblings=lambda _: (),
        )

    def answer(self, orders: list[Order], judgement: Judgement, at: float) -> None:
        for order in orders:
            if order.agent in self.crew:
                self.found[order.agent] = at, judgement


def alarm(
    started: float = 1000.0, held: State = State.REACHABLE, *, url: str = URL, isp: str = "ptcl", sure: bool = False
) -> Alarm:
    return Alarm(isp=isp, platform="x", url=url, held=held, started=started, sure=sure)


def raised(world: World, now: float = 1000.0) -> tuple[Asking, list[Order]]:
    """One agent found a block."""
    asking = Asking()
    world.found[world.crew[0]] = now, Judgement.BLOCKED
    asking.alarm(alarm(now), now + 1)
    return asking, asking.next(now + 1, world.view())


def agents_of(orders: list[Order]) -> set[str]:
    return {order.agent for order in orders} - {"c1", "c2"}


def test_an_alarm_has_a_few_agents_and_the_controls_asked() -> None:
    _, orders = raised(World())
    assert FIRST - 1 == len(agents_of(orders))  # the one that raised it has answered
    assert {"c1", "c2"} <= {order.agent for order in orders}
    assert "a0" not in agents_of(orders)
    assert {("x", URL)} == {(order.platform, order.url) for order in orders}


def test_requests_have_identifiers_that_only_grow() -> None:
    asking, orders = raised(World())
    numbers = [order.request for order in orders]
    assert sorted(set(numbers)) == numbers
    assert asking.requests.last == numbers[-1] > 1_000_000


def test_nobody_is_asked_twice_while_answers_are_awaited() -> None:
    world = World()
    asking, _ = raised(world)
    assert [] == asking.next(1002.0, world.view())
    assert [] == asking.next(1000.0 + ANSWER_S, world.view())


def test_others_are_asked_in_place_of_those_that_do_not_answer() -> None:
    world = World()
    asking, first = raised(world)
    second = asking.next(1002.0 + ANSWER_S, world.view())
    assert FIRST - 1 == len(agents_of(second))
    assert not agents_of(first) & agents_of(second)


def test_an_alarm_that_is_borne_out_has_as_many_asked_as_decide() -> None:
    world = World()
    asking, orders = raised(world)
    world.answer(orders, Judgement.BLOCKED, 1005.0)
    more = asking.next(1006.0, world.view())
    assert 7 + SPARE == len(agents_of(orders) | agents_of(more) | {"a0"})


def test_a_sure_alarm_has_as_many_asked_at_once() -> None:
    world, asking = World(), Asking()
    world.found["a0"] = 1000.0, Judgement.BLOCKED
    asking.alarm(alarm(sure=True), 1001.0)
    assert 7 + SPARE - 1 == len(agents_of(asking.next(1001.0, world.view())))


def test_controls_are_asked_again_for_what_waits_for_their_word() -> None:
    world = World()
    asking, orders = raised(world)
    world.answer(orders, Judgement.INCONCLUSIVE, 1003.0)
    again = {order.agent for order in asking.next(1010.0, world.view())}
    assert {"c1", "c2"} <= again
    assert not {"c1", "c2"} & {order.agent for order in asking.next(1011.0, world.view())}


def test_who_says_nothing_of_the_network_is_asked_last() -> None:
    world = World()
    world.found = dict.fromkeys(world.crew[1:18], (900.0, None))
    _, orders = raised(world)
    assert {"a18", "a19"} == agents_of(orders)


def test_an_answer_that_says_nothing_has_another_agent_asked() -> None:
    world = World()
    asking, orders = raised(world)
    for agent in agents_of(orders):
        world.found[agent] = 1003.0, None
    assert FIRST - 1 == len(agents_of(asking.next(1004.0, world.view())))


def test_an_alarm_that_is_not_borne_out_ends_and_the_place_is_left_in_peace() -> None:
    world = World()
    asking, orders = raised(world)
    world.answer(orders, Judgement.OK, 1005.0)
    assert [] == asking.next(1011.0, world.view())
    assert not asking.questions
    asking.alarm(alarm(1012.0), 1012.0)
    assert not asking.questions
    asking.alarm(alarm(1012.0 + 2 * QUIET_S), 1012.0 + 2 * QUIET_S)
    assert asking.questions


def test_the_peace_grows_while_alarms_are_false_and_shrinks_when_one_was_not() -> None:
    world, asking, now = World(), Asking(), 0.0
    for _ in range(20):
        asking.alarm(alarm(now), now)
        assert asking.questions
        now += PATIENCE_S
        asking.next(now, world.view())
        now += QUIET_MOST_S
    asking.alarm(alarm(now), now)
    asking.next(now + PATIENCE_S, world.view())
    asking.alarm(alarm(now), now + PATIENCE_S + QUIET_MOST_S - 1)
    assert not asking.questions
    now += PATIENCE_S + QUIET_MOST_S
    asking.alarm(alarm(now), now)
    world.state = State.BLOCKED
    asking.next(now + 1, world.view())
    asking.alarm(alarm(now, State.BLOCKED), now + 1 + QUIET_S)
    assert asking.questions


def test_one_agent_s_false_alarms_deafen_nobody_to_the_others() -> None:
    world = World()
    asking, orders = raised(world)
    world.answer(orders, Judgement.OK, 1005.0)
    asking.next(1011.0, world.view())
    assert not asking.questions
    asking.alarm(replace(alarm(1012.0), agent="a7"), 1012.0)
    assert asking.questions


def test_pauses_that_are_over_are_forgotten() -> None:
    asking, world = Asking(), World()
    for number in range(3 * ROOM):
        now = number * 10.0
        asking.alarm(replace(alarm(now), agent=f"a{number}"), now)
        asking.next(now + PATIENCE_S, world.view())
    assert len(asking._quiet) <= 2 * ROOM


def test_a_question_stays_open_while_a_verdict_is_between_two() -> None:
    world = World()
    asking, orders = raised(world)
    world.state = State.DISRUPTED
    world.answer(orders, Judgement.BLOCKED, 1005.0)
    assert asking.next(1006.0, world.view())
    world.state = State.BLOCKED
    assert [] == asking.next(1007.0, world.view())
    assert not asking.questions


def test_a_change_of_one_target_has_the_platform_s_others_asked_about() -> None:
    world, other = World(), ("ptcl", "x", "https://twitter.com/")
    asking, _ = raised(world)
    view = replace(
        world.view(),
        state=lambda key: State.REACHABLE if key == other else State.BLOCKED,
        siblings=lambda key: [other[2]] if key == KEY else [],
    )
    asking.next(1006.0, view)
    assert [other] == list(asking.questions)


def test_a_question_ends_when_the_verdict_changes() -> None:
    world = World()
    asking, _ = raised(world)
    world.state = State.BLOCKED
    assert [] == asking.next(1005.0, world.view())
    assert not asking.questions


def test_a_lone_agent_is_asked_again_once_a_residual_block_would_have_passed() -> None:
    world = World(crew=["a0"])
    asking, orders = raised(world)
    assert set() == agents_of(orders)
    assert [] == asking.next(1000.0 + RESIDUAL_S - 1, world.view())
    assert {"a0"} == agents_of(asking.next(1000.0 + RESIDUAL_S, world.view()))


def test_who_measured_it_a_moment_ago_is_not_asked() -> None:
    world = World()
    world.found = dict.fromkeys(world.crew[:15], (990.0, Judgement.OK))
    _, orders = raised(world)
    assert agents_of(orders) <= set(world.crew[15:])


def test_a_change_at_one_isp_has_the_others_asked_once() -> None:
    world = World()
    asking = Asking()
    asking.spread("x", [URL], [("zong", State.REACHABLE), ("jazz", State.REACHABLE)], 1000.0)
    orders = asking.next(1000.0, world.view())
    assert {"zong", "jazz"} == {key[0] for key in asking.questions}
    assert 2 * FIRST == len([order for order in orders if order.agent in world.crew])
    asking.questions.clear()
    asking.spread("x", [URL], [("zong", State.REACHABLE)], 1000.0 + SPREAD_S - 1)
    assert not asking.questions


def test_open_questions_are_bounded_and_what_is_refused_is_counted() -> None:
    asking = Asking()
    for number in range(QUESTIONS + 3):
        asking.alarm(alarm(isp=f"isp{number}"), 1000.0)
    assert (QUESTIONS, 3) == (len(asking.questions), asking.questions_refused)


@given(st.lists(st.tuples(st.floats(0.5, 600.0), st.sampled_from(["ptcl", "zong"])), max_size=300), st.integers(1, 6))
def test_no_agent_is_asked_beyond_its_hour_and_its_day(alarms: list[tuple[float, str]], crew: int) -> None:
    world = World(crew=[f"a{number}" for number in range(crew)])
    asking, now, given_out = Asking(), 0.0, list[tuple[float, str]]()
    for pause, isp in alarms:
        now += pause
        asking.alarm(alarm(now, url=f"https://{now}.test/", isp=isp), now)
        orders = asking.next(now, world.view())
        given_out += [(now, order.agent) for order in orders if order.agent in world.crew]
    for at, agent in given_out:
        times = [then for then, who in given_out if who == agent]
        assert sum(at - HOUR_S < then <= at for then in times) <= AGENT_HOUR
        assert sum(at - DAY_S < then <= at for then in times) <= AGENT_DAY
