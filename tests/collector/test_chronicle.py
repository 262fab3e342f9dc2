"""The events so far."""

from dataclasses import replace

from rabta_collector.cells import Change, unknown
from rabta_collector.chronicle import Chronicle
from rabta_collector.nation import Turn
from rabta_collector.state import Event
from rabta_proto.vocabulary import IspState, Mechanism, State

BEFORE = unknown("x", "ptcl", 0.0)
AFTER = replace(BEFORE, state=State.BLOCKED, mechanism=Mechanism.TCP_TIMEOUT)
CHANGE = Change(before=BEFORE, after=AFTER, detected_after_s=4.0)
TURN = Turn(isp="jazz", before=IspState.UP, after=IspState.DOWN, detected_after_s=90.0)


def find(chronicle: Chronicle) -> tuple[Event, ...]:
    return chronicle.find(since=None, until=None, platform=None, isp=None)


def test_events_are_numbered_and_told_once() -> None:
    chronicle = Chronicle(10)
    chronicle.write_change(CHANGE, 5.0)
    chronicle.write_turn(TURN, 6.0)
    assert [1, 2] == [event.id for event in chronicle.tell()]
    assert () == chronicle.tell()
    assert [1, 2] == [event.id for event in find(chronicle)]


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
    assert [4, 5] == [event.id for event in find(chronicle)]
    assert 5 == len(chronicle.tell())
