"""The events so far."""

from dataclasses import replace
from datetime import UTC, datetime

from rabta_collector.cells import Change, unknown
from rabta_collector.chronicle import Chronicle
from rabta_collector.isp_share import IspShare
from rabta_collector.nation import Turn
from rabta_collector.state import Event
from rabta_proto.vocabulary import IspState, Mechanism, State

BEFORE = unknown("x", "ptcl", 0.0)
AFTER = replace(BEFORE, state=State.BLOCKED, mechanism=Mechanism.TCP_TIMEOUT)
CHANGE = Change(before=BEFORE, after=AFTER, detected_after_s=4.0)
TURN = Turn(isp="jazz", before=IspState.UP, after=IspState.DOWN, detected_after_s=90.0)


def find(chronicle: Chronicle) -> tuple[Event, ...]:
    return chronicle.find(since=None, until=None, platform=None, isp=None)


def test_events_are_numbered_by_their_time_and_told_once() -> None:
    chronicle = Chronicle(10)
    chronicle.write_change(CHANGE, 5.0)
    chronicle.write_turn(TURN, 5.0)
    chronicle.write_turn(TURN, 6.5)
    numbers = [10_000_001, 10_000_002, 13_000_001]
    assert numbers == [event.id for event in chronicle.tell()]
    assert () == chronicle.tell()
    assert numbers == [event.id for event in find(chronicle)]


def test_whoever_begins_later_gives_the_same_numbers() -> None:
    first, second = Chronicle(10), Chronicle(10)
    for at in (1.0, 2.0, 2.0):
        first.write_turn(TURN, at)
    for at in (2.0, 2.0):
        second.write_turn(TURN, at)
    assert [event.id for event in find(first)[1:]] == [event.id for event in find(second)]


def test_shares_give_out_no_number_twice_and_all_grow_with_time() -> None:
    shares = [Chronicle(1000, IspShare(number, 3)) for number in (1, 2, 3)]
    for step in range(100):
        for share in shares:
            share.write_turn(TURN, 1e9 + step // 40)
    events = sorted((event for share in shares for event in find(share)), key=lambda event: event.id)
    assert 300 == len({event.id for event in events})
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_numbers_are_whole_to_readers_of_json() -> None:
    chronicle = Chronicle(10)
    chronicle.write_turn(TURN, datetime(2111, 12, 31, tzinfo=UTC).timestamp())
    assert find(chronicle)[0].id < 2**53


def test_an_event_says_what_changed() -> None:
    chronicle = Chronicle(10)
    chronicle.write_change(CHANGE, 5.0)
    chronicle.write_turn(TURN, 6.0)
    change, turn = find(chronicle)
    assert ("x", "ptcl", "inconclusive", "blocked", Mechanism.TCP_TIMEOUT, 4.0) == (
        change.platform,
        change.isp,
        change.from_state,
        change.to_state,
        change.mechanism,
        change.detected_after_seconds,
    )
    assert (None, "jazz", "up", "down", None) == (
        turn.platform,
        turn.isp,
        turn.from_state,
        turn.to_state,
        turn.mechanism,
    )


def test_the_oldest_are_forgotten_and_numbers_go_on() -> None:
    chronicle = Chronicle(2)
    for at in range(5):
        chronicle.write_turn(TURN, float(at))
    assert [6_000_001, 8_000_001] == [event.id for event in find(chronicle)]
    assert 6_000_001 == chronicle.first
    assert 5 == len(chronicle.tell())


def test_where_none_was_forgotten_there_is_no_first_one() -> None:
    chronicle = Chronicle(2)
    for at in range(2):
        assert 0 == chronicle.first
        chronicle.write_turn(TURN, float(at))
    assert 0 == chronicle.first
