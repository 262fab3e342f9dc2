"""What the collector asks for at once is done within the agent's own allowance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.ceilings import ERRAND_SECONDS, ERRANDS_DAY, ERRANDS_HOUR, ERRANDS_WAITING
from rabta_agent.errands import DAY_S, HOUR_S, Errand, Errands, read_errand
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1 import measurement_pb2
from rabta_proto.vocabulary import Depth

T0 = 1_800_000_000.0


def errand(number: int = 1, *, until: float = T0 + 60) -> Errand:
    return Errand(request=number, platform="x", target=f"https://x{number}.com/", depth=Depth.FULL, until=until)


def at_once(_: Errand) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("depth", "read"),
    [
        (measurement_pb2.DEPTH_UNSPECIFIED, Depth.FULL),
        (measurement_pb2.DEPTH_FULL, Depth.FULL),
        (measurement_pb2.DEPTH_LIGHT, Depth.LIGHT),
        (measurement_pb2.DEPTH_TRANSFER, Depth.TRANSFER),
        (99, Depth.FULL),
    ],
)
def test_a_request_is_read(depth: "measurement_pb2.Depth.ValueType", read: Depth) -> None:
    message = wire.MeasureNow(request=7, platform="x", target="https://x.com/", depth=depth, within_ms=5000)
    assert Errand(request=7, platform="x", target="https://x.com/", depth=read, until=T0 + 5) == read_errand(
        message, T0
    )


def test_a_request_may_want_fewer_reads_than_a_round() -> None:
    assert 1 == read_errand(wire.MeasureNow(request=1, depth=measurement_pb2.DEPTH_TRANSFER, reads=1), T0).reads


def test_no_request_waits_for_ever() -> None:
    assert T0 + ERRAND_SECONDS == read_errand(wire.MeasureNow(request=1, within_ms=2**32 - 1), T0).until


def test_an_errand_is_done_once() -> None:
    errands = Errands()
    assert errands.offer(errand())
    assert errand() == errands.pop(T0, at_once)
    assert errands.pop(T0, at_once) is None


def test_an_errand_waits_until_the_limits_let_it_begin() -> None:
    errands = Errands()
    errands.offer(errand())
    assert 10.0 == errands.wait_s(T0, lambda _: T0 + 10)
    assert errands.pop(T0 + 9, lambda _: T0 + 10) is None
    assert errands.pop(T0 + 10, lambda _: T0 + 10) is not None


def test_an_errand_that_came_to_nothing_in_time_is_dropped_and_counted() -> None:
    errands = Errands()
    errands.offer(errand(until=T0 + 5))
    assert errands.wait_s(T0, lambda _: T0 + 10) is None
    assert errands.pop(T0 + 10, at_once) is None
    assert 1 == errands.refused


def test_a_target_waits_once_and_the_queue_is_short() -> None:
    errands = Errands()
    assert errands.offer(errand())
    assert not errands.offer(errand())
    assert not errands.offer(errand(0))
    taken = [errands.offer(errand(number)) for number in range(2, ERRANDS_WAITING + 3)]
    assert ERRANDS_WAITING - 1 == sum(taken)
    assert 2 + len(taken) - sum(taken) == errands.refused


@given(st.lists(st.floats(0.0, 900.0), max_size=500))
def test_no_collector_gets_more_than_the_allowance(pauses: list[float]) -> None:
    errands, now, begun = Errands(), T0, list[float]()
    for number, pause in enumerate(pauses, 1):
        now += pause
        errands.offer(errand(number, until=now + 1))
        if errands.pop(now, at_once) is not None:
            begun.append(now)
    for at in begun:
        assert sum(at - HOUR_S < then <= at for then in begun) <= ERRANDS_HOUR
        assert sum(at - DAY_S < then <= at for then in begun) <= ERRANDS_DAY


def test_a_clock_that_is_set_back_gives_nobody_a_second_allowance() -> None:
    errands = Errands()
    for number in range(1, ERRANDS_HOUR + 1):
        errands.offer(errand(number))
        assert errands.pop(T0, at_once) is not None
    errands.offer(errand(until=T0))
    assert errands.pop(T0 - 7200, at_once) is None
