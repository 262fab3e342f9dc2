"""The engine is fed in one way, live and at replay."""

import pytest

from rabta_collector.decider import Decider
from rabta_collector.entries import Entry, Presence
from rabta_collector.state import Event
from rabta_proto.vocabulary import Role

EVENT = Event(
    id=1, at=1.0, platform="x", isp="ptcl", from_state="a", to_state="b", mechanism=None, detected_after_seconds=None
)


class Engine:
    """Writes down what it is told; trips over one agent."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def advance(self, now: float) -> tuple[Event, ...]:
        if now == 13.0:
            raise ZeroDivisionError
        self.calls.append(now)
        return (EVENT,) if now == 5.0 else ()

    def apply(self, entry: Entry) -> None:
        if entry.agent == "hostile":
            raise KeyError(entry.agent)
        self.calls.append(entry)


def presence(at: float, agent: str = "a") -> Presence:
    return Presence(at=at, agent=agent, isp="ptcl", role=Role.PROBE, connected=True)


def test_all_points_before_an_entry_are_decided_before_it_is_folded() -> None:
    engine = Engine()
    decider = Decider(engine, on_events=lambda _: None)  # type: ignore[arg-type] # what a decider needs of one
    decider.take(presence(1.0))
    decider.take(presence(2.0))
    assert [1.0, presence(1.0), 2.0, presence(2.0)] == engine.calls


def test_events_are_told() -> None:
    told: list[Event] = []
    decider = Decider(Engine(), on_events=told.extend)  # type: ignore[arg-type]
    decider.advance(4.0)
    decider.advance(5.0)
    assert [EVENT] == told


def test_one_entry_that_trips_the_engine_does_not_stop_the_collector(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine()
    decider = Decider(engine, on_events=lambda _: None)  # type: ignore[arg-type]
    decider.take(presence(1.0, "hostile"))
    decider.take(presence(2.0))
    decider.advance(13.0)
    assert 2 == decider.failures
    assert presence(2.0) == engine.calls[-1]
    assert "engine.failed" in capsys.readouterr().out
