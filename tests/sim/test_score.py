"""What was said against what was true: each way of being right and wrong."""

import pytest

from rabta_collector.state import Event
from rabta_proto.vocabulary import IspState, State
from sim.scene import Truth
from sim.score import Score, score

START, END = 1000.0, 10_000.0
BLOCK = Truth(isp="ptcl", platform="x", since=2000.0, until=4000.0)
AGAIN = Truth(isp="ptcl", platform="x", since=4300.0, until=6000.0)


def changes(*told: tuple[float, str], platform: str | None = "x") -> list[Event]:
    return [
        Event(
            id=number,
            at=at,
            platform=platform,
            isp="ptcl",
            from_state="",
            to_state=state,
            mechanism=None,
            detected_after_seconds=None,
        )
        for number, (at, state) in enumerate(told)
    ]


def judge(*told: tuple[float, str], truths: tuple[Truth, ...] = (BLOCK,), platform: str | None = "x") -> Score:
    return score(truths, changes(*told, platform=platform), (), END)


def test_a_block_is_found_when_the_verdict_says_so() -> None:
    result = judge((START, State.REACHABLE), (2030.0, State.BLOCKED), (4050.0, State.REACHABLE))
    assert [30.0] == [one.after_s for one in result.found]
    assert (1, []) == (result.right, result.false)


def test_a_block_that_nobody_saw_is_not_found() -> None:
    assert [None] == [one.after_s for one in judge((START, State.REACHABLE)).found]


@pytest.mark.parametrize(
    ("at", "wrong"), [(1500.0, 1), (4100.0, 0), (4130.0, 1)], ids=["before", "just after", "long after"]
)
def test_a_verdict_that_no_block_bears_out_is_wrong(at: float, wrong: int) -> None:
    assert wrong == len(judge((at, State.BLOCKED), (at + 20, State.REACHABLE)).false)


def test_an_isp_said_to_be_down_is_wrong_unless_it_is() -> None:
    silent = Truth(isp="ptcl", platform=None, since=2000.0, until=4000.0, states=(IspState.DOWN,))
    told = ((2060.0, IspState.DOWN), (4100.0, IspState.UP))
    assert 1 == len(judge(*told, truths=(), platform=None).false)
    right = judge(*told, truths=(silent,), platform=None)
    assert ([], [60.0]) == (right.false, [one.after_s for one in right.found])


def test_another_mechanism_found_in_a_verdict_that_outlives_its_block_is_no_second_verdict() -> None:
    told = ((START, State.REACHABLE), (2030.0, State.BLOCKED), (4300.0, State.BLOCKED), (4310.0, State.REACHABLE))
    result = judge(*told)
    assert ([], [310.0]) == (result.false, [one.after_s for one in result.over])


def test_what_need_not_show_is_neither_found_nor_outlived() -> None:
    brief = Truth(isp="ptcl", platform="x", since=2000.0, until=4000.0, states=(State.DISRUPTED, State.REACHABLE))
    result = judge((START, State.REACHABLE), (2100.0, State.DISRUPTED), (4100.0, State.REACHABLE), truths=(brief,))
    assert ([], [], []) == (result.found, result.over, result.false)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (((2030.0, State.BLOCKED), (4020.0, State.REACHABLE), (4330.0, State.BLOCKED)), True),
        (((2030.0, State.BLOCKED), (4020.0, State.DISRUPTED), (4330.0, State.BLOCKED)), True),
        (((2030.0, State.BLOCKED),), False),
    ],
)
def test_a_window_is_found_when_the_platform_is_said_to_be_back(told: tuple[tuple[float, str]], shown: bool) -> None:
    assert [(300.0, shown)] == judge(*told, truths=(BLOCK, AGAIN)).windows


@pytest.mark.parametrize(
    ("told", "after_s"),
    [
        (((2030.0, State.BLOCKED), (4090.0, State.REACHABLE)), [90.0]),
        (((2030.0, State.BLOCKED), (3900.0, State.REACHABLE)), []),  # it did not show any more
        (((2030.0, State.BLOCKED),), [END - 4000.0]),
        (((2030.0, State.BLOCKED), (4090.0, State.REACHABLE), (4200.0, State.BLOCKED)), [90.0]),
    ],
)
def test_a_block_may_be_said_after_its_end(told: tuple[tuple[float, str]], after_s: list[float]) -> None:
    assert after_s == [one.after_s for one in judge(*told).over]
