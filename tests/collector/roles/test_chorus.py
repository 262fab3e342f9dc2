"""Events of several shares are told in one order, and none of them twice or never without a word."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin
from rabta_collector.roles.chorus import Chorus
from rabta_collector.roles.neighbours import KNOWN_S
from rabta_collector.state import Event
from support.country import make_event

ONE, TWO = IspShare(1, 2), IspShare(2, 2)


def event(at: float, number: int) -> Event:
    made = make_event(number, 0.0, ("x", "ptcl"), ("reachable", "blocked", None))
    return replace(made, at=at)


def said(share: IspShare, at: float, events: Sequence[Event] = (), since: float = 0.0) -> Bulletin:
    return Bulletin(page=str(share), share=share, process="a", at=at, since=since, events=tuple(events))


@pytest.fixture
def chorus() -> Chorus:
    made = Chorus((ONE, TWO))
    assert [(), ()] == [made.hear(said(share, 10.0, since=9.5), 0.0) for share in (ONE, TWO)]
    return made


def test_an_event_is_told_once_all_have_decided_up_to_its_moment(chorus: Chorus) -> None:
    new = event(11.0, 5)
    assert () == chorus.hear(said(ONE, 11.0, [new]), 1.0)
    assert () == chorus.hear(said(TWO, 10.5), 1.0)
    assert (new,) == chorus.hear(said(TWO, 11.0), 1.5)
    assert () == chorus.hear(said(ONE, 11.5, [new]), 2.0)
    assert 1 == chorus.told


def test_events_come_in_the_order_of_their_numbers(chorus: Chorus) -> None:
    first, second, third = event(11.0, 5), event(11.0, 6), event(11.5, 7)
    chorus.hear(said(ONE, 12.0, [second, third]), 1.0)
    assert (first, second, third) == chorus.hear(said(TWO, 12.0, [first]), 1.0)


def test_two_processes_of_a_share_say_the_same_and_it_is_told_once(chorus: Chorus) -> None:
    new = event(11.0, 5)
    chorus.hear(said(TWO, 12.0), 1.0)
    assert (new,) == chorus.hear(said(ONE, 11.0, [new]), 1.0)
    assert () == chorus.hear(said(ONE, 10.5), 1.1)
    assert () == chorus.hear(said(ONE, 11.5, [new]), 1.2)


def test_what_was_said_while_nobody_listened_is_no_secret_of_the_next_who_listens(chorus: Chorus) -> None:
    new = event(29.0, 9)
    assert chorus.hear(said(ONE, 30.0, [new], since=20.0), 1.0) is None
    assert () == chorus.hear(said(ONE, 31.0, [new], since=25.0), 1.5)
    assert () == chorus.hear(said(TWO, 31.0, since=5.0), 1.5)
    assert (new,) == chorus.hear(said(TWO, 31.5, since=5.0), 2.0)


def test_where_a_share_fell_silent_whoever_listens_is_sent_away(chorus: Chorus) -> None:
    assert () == chorus.hear(said(TWO, 13.0), KNOWN_S - 0.1)
    assert chorus.hear(said(TWO, 14.0), KNOWN_S) is None


def test_of_others_nothing_is_told(chorus: Chorus) -> None:
    assert () == chorus.hear(said(IspShare(1, 3), 99.0, [event(11.0, 5)]), 1.0)
    assert 0 == chorus.told


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.integers(0, 4), st.booleans()), max_size=40))
def test_none_is_lost_doubled_or_out_of_order_however_they_are_said(story: list[tuple[IspShare, int, bool]]) -> None:
    """Each step: a share decides some half seconds further, with an event in each of them, and may not be heard."""
    chorus, decided, heard = Chorus((ONE, TWO)), {ONE: 10.0, TWO: 10.0}, {ONE: 10.0, TWO: 10.0}
    for share in (ONE, TWO):
        chorus.hear(said(share, 10.0, since=10.0), 0.0)
    events: dict[IspShare, list[Event]] = {ONE: [], TWO: []}
    told: list[Event] = []
    for share, steps, is_heard in [*story, (ONE, 1, True), (TWO, 1, True), (ONE, 0, True)]:
        for _ in range(steps):
            decided[share] += 0.5
            events[share].append(event(decided[share], int(decided[share] * 20) + share.number))
        if is_heard:
            told += chorus.hear(said(share, decided[share], events[share], since=10.0), 0.0) or ()
            heard[share] = decided[share]
    both = min(heard.values())
    wanted = [one for some in events.values() for one in some if one.at <= both]
    assert sorted(wanted, key=lambda one: one.id) == told
