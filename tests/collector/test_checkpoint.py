"""The checkpoint's file gives back what was put in, and makes nothing that it should not."""

import pickle
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector import checkpoint
from rabta_collector.agenda import Agenda
from rabta_collector.checkpoint import Frozen, Head, Stored, UnfitCheckpointError, freeze, read, write
from rabta_collector.controls import Look
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import State
from support.strategies import measurements

HEAD = Head(row=7, at_us=1, crc=2, decided_to=3.5, stamp={"program": "x"})


def through(path: Path, state: object, outside: dict[str, object] | None = None) -> object:
    write(path, HEAD, freeze(state, outside or {}))
    stored = read(path)
    assert stored is not None
    assert HEAD == stored.head
    return stored.thaw(outside or {})


@settings(max_examples=20)
@given(st.lists(measurements(), max_size=3))
def test_what_was_put_in_comes_out(tmp_path_factory: pytest.TempPathFactory, some: list[Measurement]) -> None:
    path = tmp_path_factory.mktemp("checkpoint") / "c"
    state = {"looks": [Look(1.5, one) for one in some], "state": State.BLOCKED, "counts": Counter(a=2), "some": {1, 2}}
    assert state == through(path, state)


def test_one_measurement_in_two_places_is_one_again(tmp_path: Path) -> None:
    one = Measurement(target="x", started_at=datetime(2026, 1, 1, tzinfo=UTC), duration_us=1, agent_version="0")
    first, second = through(tmp_path / "c", [one, one])  # type: ignore[misc]
    assert first is second


def test_bound_methods_and_what_is_outside_are_joined_anew(tmp_path: Path) -> None:
    agenda, numbers = Agenda(grid_s=0.5), deque([1], maxlen=2)
    state = {"enter": agenda.enter_at, "append": numbers.append, "numbers": numbers}
    found = through(tmp_path / "c", state, {"agenda": agenda})
    assert isinstance(found, dict)
    assert found["enter"].__self__ is agenda
    found["append"](5)
    found["append"](6)
    assert deque([5, 6]) == found["numbers"]


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read(tmp_path / "nothing") is None


def test_a_cut_one_is_not_read(tmp_path: Path) -> None:
    size = write(tmp_path / "c", HEAD, freeze({"a": [1, 2]}, {}))
    content = (tmp_path / "c").read_bytes()
    assert size == len(content)
    for length in range(size):
        with pytest.raises(UnfitCheckpointError, match="damaged"):
            Stored(content[:length])


class Hostile:
    """Would be run by a careless reader."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> object:  # type: ignore[override]
        return self._call


@pytest.mark.parametrize(
    "thing",
    [
        Hostile(print, "run"),
        Hostile(getattr, Path, "home"),
        Hostile(eval, "1"),
        Hostile(checkpoint.read, Path("x")),
        Hostile(checkpoint.method, [1], "append"),
        Hostile(checkpoint.method, deque([1]), "clear"),
        Hostile(checkpoint.outsider, "nobody"),
        Hostile(checkpoint.look, 3),
    ],
    ids=["print", "getattr", "eval", "a function of ours", "a list's", "another of a deque", "nobody", "no look"],
)
def test_nothing_but_plain_classes_and_ours_is_made(
    tmp_path: Path, thing: Hostile, capsys: pytest.CaptureFixture[str]
) -> None:
    frozen = Frozen(state=pickle.dumps(thing, protocol=5), looks=())
    write(tmp_path / "c", HEAD, frozen)
    stored = read(tmp_path / "c")
    assert stored is not None
    with pytest.raises(UnfitCheckpointError, match="cannot be taken up"):
        stored.thaw({})
    assert "" == capsys.readouterr().out
