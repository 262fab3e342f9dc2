"""What is kept of measurements that many others are held against."""

from rabta_collector.verdict.legs import read_legs
from rabta_collector.verdict.readings import KEPT, Readings
from support.factories import NOON, RESET, tls_trouble, works


def test_each_measurement_is_read_once_and_none_for_another() -> None:
    readings = Readings()
    one, other = works().measurement(at=NOON), tls_trouble(RESET).measurement(at=NOON)
    first = readings.of(one)
    assert first == read_legs(one)
    assert readings.of(other) == read_legs(other) != first
    assert readings.of(one) is first


def test_no_more_are_kept_than_is_said() -> None:
    readings = Readings()
    first = works().measurement(at=NOON)
    legs = readings.of(first)
    kept = [works().measurement(at=NOON + number) for number in range(KEPT)]
    for one in kept:
        readings.of(one)
    assert readings.of(first) is not legs  # it was forgotten, and is read anew
    assert readings.of(kept[-1]) is readings.of(kept[-1])
