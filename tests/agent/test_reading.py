"""The bytes of timed reads are those of a day."""

from datetime import UTC, datetime, timedelta

import pytest

from rabta_agent.reading import Reading, plain
from rabta_proto.vocabulary import Depth

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_what_reads_cost_adds_up_within_a_day() -> None:
    reading = Reading()
    reading.add(5, NOON)
    reading.add(7, NOON + timedelta(hours=3))
    assert 12 == reading.spent(NOON + timedelta(hours=4))


def test_a_new_day_begins_with_none() -> None:
    reading = Reading()
    reading.add(5, NOON)
    assert 0 == reading.spent(NOON + timedelta(hours=13))
    reading.add(1, NOON + timedelta(hours=13))
    assert 1 == reading.spent(NOON + timedelta(hours=14))


@pytest.mark.parametrize(
    ("depth", "without"),
    [(Depth.TRANSFER, Depth.FULL), (Depth.FULL, Depth.FULL), (Depth.LIGHT, Depth.LIGHT)],
)
def test_a_measurement_without_its_reads_is_a_full_one(depth: Depth, without: Depth) -> None:
    assert without is plain(depth)
