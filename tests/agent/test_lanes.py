"""The present goes at once and the past at a rate, whatever a collector asks for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.inflight import Waiting
from rabta_agent.lanes import BACKLOG_BATCHES, BURST_S, LIVE_BATCHES, LONGEST_LIVE_PAUSE_S, LONGEST_SLOW_S, Lanes
from rabta_proto.v1 import collector_pb2 as wire

RATE = 16_000
SIZE = 2_000  # bytes of a measurement


def make(now: float = 100.0) -> Lanes:
    return Lanes(backlog_bytes_per_s=RATE, now=now)


def waiting(row: int) -> Waiting:
    return Waiting(row=row, epoch=1, sequence=row, payload=b"x")


def slow(*, for_s: int = 60, rate: int = 0, pause_ms: int = 0) -> wire.SlowDown:
    return wire.SlowDown(for_s=for_s, backlog_bytes_per_s=rate, live_pause_ms=pause_ms)


def send(lanes: Lanes, start: float, end: float, *, size: int = SIZE) -> list[tuple[float, int]]:
    """Sends backlog as fast as it may go; when and how many bytes."""
    sent, now = [], start
    while now < end:
        if most := lanes.backlog_bytes(now):
            batch = max(size, most // size * size)
            lanes.backlog_sent(batch)
            sent.append((now, batch))
        else:
            now += max(lanes.backlog_wait_s(now), 1e-6)
    return sent


def test_the_present_goes_at_once() -> None:
    lanes = make()
    lanes.live_sent(100.0)
    assert 0.0 == lanes.live_wait_s(100.0)


def test_the_past_goes_at_its_rate_in_batches_of_two_seconds() -> None:
    sent = send(make(), 100.0, 200.0)
    assert RATE * 100 <= sum(size for _, size in sent) + RATE * BURST_S <= RATE * (100 + 3 * BURST_S)
    assert all(later - sooner > 0.9 * BURST_S for (sooner, _), (later, _) in pairwise(sent[1:]))


def test_a_measurement_larger_than_what_may_go_is_paid_for_by_a_longer_wait() -> None:
    lanes = make()
    lanes.slow_down(slow(rate=10, for_s=600), 100.0)
    sent = send(lanes, 100.0, 700.0)
    assert 3 <= len(sent) <= 4  # 2,000 bytes at 10 a second take 200 s


def test_a_collector_that_asks_for_patience_is_heeded_and_then_all_is_as_before() -> None:
    lanes = make()
    lanes.slow_down(slow(rate=1_000, for_s=60, pause_ms=5_000), 100.0)
    lanes.live_sent(100.0)
    assert [5.0, 2.0, 0.0] == [lanes.live_wait_s(now) for now in (100.0, 103.0, 105.0)]
    assert sum(size for _, size in send(lanes, 100.0, 159.9)) <= 60 * 1_000 + SIZE
    lanes.live_sent(159.9)
    assert 0.0 == lanes.live_wait_s(160.0)
    assert sum(size for _, size in send(lanes, 160.0, 260.0)) > 0.9 * RATE * 100


def test_a_backlog_that_is_to_wait_waits_and_no_longer() -> None:
    lanes = make()
    lanes.slow_down(slow(rate=0, for_s=30), 100.0)
    assert (0, 30.0) == (lanes.backlog_bytes(100.0), lanes.backlog_wait_s(100.0))
    assert 130.0 < send(lanes, 100.0, 140.0)[0][0] < 130.0 + 2 * BURST_S


def test_a_later_request_goes_before_an_earlier_one() -> None:
    lanes = make()
    lanes.slow_down(slow(rate=0, for_s=600, pause_ms=60_000), 100.0)
    lanes.slow_down(slow(for_s=0), 101.0)
    lanes.live_sent(101.0)
    assert 0.0 == lanes.live_wait_s(101.0)
    assert sum(size for _, size in send(lanes, 101.0, 111.0)) > 0.7 * RATE * 10


@given(
    st.lists(
        st.tuples(st.floats(0, 2_000), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        max_size=6,
    ),
    st.integers(1, 200_000),
)
def test_no_collector_silences_an_agent_or_makes_it_faster(
    requests: list[tuple[float, int, int, int]], size: int
) -> None:
    """The backlog stays within its rate at all times, and a bounded time after the last request all is as before."""
    lanes, now, total = make(0.0), 0.0, 0
    for pause_s, for_s, rate, pause_ms in requests:
        total += sum(sent for _, sent in send(lanes, now, now + min(pause_s, 20.0), size=size))
        now += pause_s
        lanes.slow_down(slow(for_s=for_s, rate=rate, pause_ms=pause_ms), now)
        lanes.live_sent(now)
        assert lanes.live_wait_s(now) <= LONGEST_LIVE_PAUSE_S + 1e-6
        assert lanes.backlog_wait_s(now) <= LONGEST_SLOW_S + 1e-6
    assert total <= RATE * (now + BURST_S) + size
    assert 0.0 == lanes.live_wait_s(now + LONGEST_SLOW_S + 1e-6)
    idle = now + LONGEST_SLOW_S + 1.0 + size / RATE + BURST_S
    assert lanes.backlog_bytes(idle) == RATE * BURST_S


def test_a_backlog_on_its_way_leaves_the_present_its_room() -> None:
    lanes = make()
    for row in range(BACKLOG_BATCHES):
        lanes.backlog.add([waiting(row)], sent_at=1.0)
    assert (True, False) == (lanes.backlog.full, lanes.live.full)
    for row in range(10, 10 + LIVE_BATCHES):
        lanes.live.add([waiting(row)], sent_at=2.0)
    assert (True, 1.0) == (lanes.live.full, lanes.oldest_sent_at)


@pytest.mark.parametrize("row", [1, 2])
def test_an_acknowledgement_settles_what_is_on_its_way_in_either_lane(row: int) -> None:
    lanes = make()
    lanes.live.add([waiting(1)], sent_at=1.0)
    lanes.backlog.add([waiting(2)], sent_at=2.0)
    part = wire.AckRange(first=row, last=row, outcome=wire.OUTCOME_ACCEPTED)
    assert (row,) == lanes.settle(wire.Ack(epoch=1, ranges=[part])).accepted
    assert 3.0 - row == lanes.oldest_sent_at
