"""When a measurement was made, whatever its agent's clock says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.eventtime import Doubt, placed, reckon
from rabta_proto.model import Measurement

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY_US = 86_400_000_000


def measured(started: datetime, offset_us: int | None = None, *, jumped: bool | None = False) -> Measurement:
    return Measurement(
        target="https://x.com/",
        started_at=started,
        duration_us=1,
        agent_version="1",
        clock_offset_us=offset_us,
        clock_jumped=jumped,
    )


def test_a_time_by_a_clock_of_which_nothing_is_known_stands() -> None:
    moment = reckon(measured(NOW - timedelta(days=3), jumped=None), NOW.timestamp())
    assert (NOW.timestamp() - 3 * 86_400, None) == (moment.at, moment.doubt)


@pytest.mark.parametrize("days", [-4000, -1, 1, 700])
def test_a_clock_that_is_off_is_set_right(days: int) -> None:
    moment = reckon(measured(NOW + timedelta(days=days), -days * DAY_US), NOW.timestamp())
    assert (pytest.approx(NOW.timestamp()), None) == (moment.at, moment.doubt)


def test_an_offset_within_its_error_changes_nothing() -> None:
    assert NOW.timestamp() == reckon(measured(NOW, 999_999), NOW.timestamp()).at
    assert NOW.timestamp() - 1 == reckon(measured(NOW, -1_000_000), NOW.timestamp()).at


@pytest.mark.parametrize(
    ("started", "offset_us", "jumped", "doubt"),
    [
        (NOW, None, True, Doubt.JUMPED),
        (NOW, 5, True, Doubt.JUMPED),
        (datetime(1970, 1, 1, tzinfo=UTC), None, False, Doubt.ANCIENT),
        (datetime(2023, 12, 31, tzinfo=UTC), 0, False, Doubt.ANCIENT),
        (NOW - timedelta(days=16), None, False, Doubt.STALE),
        (NOW - timedelta(days=16), 0, False, None),
        (NOW - timedelta(days=14), None, False, None),
        (NOW + timedelta(days=2), None, False, Doubt.AHEAD),
        (NOW, 2 * DAY_US, False, Doubt.AHEAD),
    ],
)
def test_what_cannot_be_placed_is_doubted(
    started: datetime, offset_us: int | None, jumped: bool, doubt: Doubt | None
) -> None:
    assert doubt is reckon(measured(started, offset_us, jumped=jumped), NOW.timestamp()).doubt


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 - made aware below
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.sampled_from([None, False, True]),
)
def test_nothing_that_an_agent_says_raises_and_what_is_believed_is_of_this_age(
    started: datetime, offset_us: int | None, jumped: bool | None
) -> None:
    moment = reckon(measured(started.replace(tzinfo=UTC), offset_us, jumped=jumped), NOW.timestamp())
    if moment.doubt is None:
        assert 2024 <= datetime.fromtimestamp(moment.at, UTC).year
        assert moment.at <= NOW.timestamp() + 86_400


@given(
    st.integers(0, 4 * 10**9),
    st.none() | st.integers(-3_000_000, 3_000_000) | st.integers(-(2**62), 2**62),
    st.none() | st.booleans(),
)
def test_the_short_answer_is_the_long_one(seconds: int, offset_us: int | None, jumped: bool | None) -> None:
    measurement = measured(datetime.fromtimestamp(seconds, UTC), offset_us, jumped=jumped)
    for now in (
        seconds - 90_000.0,
        seconds - 80_000.0,
        seconds + 1.0,
        seconds + 14 * 86_400.0,
        seconds + 16 * 86_400.0,
    ):
        moment = reckon(measurement, now)
        assert placed(measurement, now) == (moment.at if moment.doubt is None else None)
