from datetime import UTC

from rabta_agent.clock import SystemClock


def test_the_wall_clock_is_aware_and_utc() -> None:
    assert UTC == SystemClock().now().tzinfo


def test_the_monotonic_clock_never_falls() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert sorted(readings) == readings
