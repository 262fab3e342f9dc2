"""Of the times at which controls looked no more counts than whose look is on which side, and which is nearer."""

import pytest

from rabta_collector.verdict.around import Around, arrange
from rabta_proto.model import Measurement
from support.factories import NOON, works


def looks(told: str) -> list[Measurement]:
    """`7-5`: five seconds before, under the epoch 7."""
    return [works().measurement(at=NOON + float(one[1:]), epoch=int(one[0])) for one in told.split()]


@pytest.mark.parametrize(
    ("told", "around"),
    [
        ("", []),
        ("7-5 7+5", [(0, False, 0), (0, True, 0)]),
        ("8-5 7-9", [(0, False, 0), (1, False, 0)]),
        ("7+0", [(0, True, 0)]),
        ("7+9 7+5 8+7", [(0, True, 1), (0, True, 0), (1, True, 0)]),
        ("7-5 7-9 7-5 7+1", [(0, False, 0), (0, False, 1), (0, False, 0), (0, True, 0)]),
    ],
)
def test_looks_lie_by_control_by_side_and_by_order(told: str, around: list[tuple[int, bool, int]]) -> None:
    assert tuple(Around(*one) for one in around) == arrange(works().measurement(at=NOON), looks(told))


def test_how_far_off_they_are_is_of_no_account() -> None:
    measurement = works().measurement(at=NOON)
    assert arrange(measurement, looks("7-1 7+1 8+2")) == arrange(measurement, looks("3-300 3+9 4+1"))
