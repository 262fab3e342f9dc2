"""Measurements that differ in numbers of their own are alike; whatever else differs tells them apart."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given

from rabta_proto.alike import MOST_BYTES, MOST_VALUES, VARYING, by_likeness, count_values
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import Depth
from support.factories import NEAR, story, works
from support.strategies import measurements
from support.varied import at_another_time, sent

Change = Callable[[Measurement], Measurement]


def usual(measurement: Measurement) -> bool:
    small = to_message(measurement).ByteSize() < MOST_BYTES / 2 and count_values(measurement) <= MOST_VALUES
    return small and measurement.depth not in (Depth.TRANSFER, Depth.TRACE)


@given(measurements().filter(usual))
def test_when_and_how_long_makes_no_difference(measurement: Measurement) -> None:
    one, other = sent(measurement), sent(at_another_time(measurement))
    assert one != other
    assert one.alike is not None
    assert one.alike is other.alike


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, agent_version="9"),
        lambda m: replace(m, target="https://example.com/"),
        lambda m: replace(m, network=replace(m.network, vpn=True)),
        lambda m: replace(m, clock_jumped=False),
        lambda m: replace(m, observations=m.observations[::-1]),
        lambda m: replace(m, observations=m.observations[1:]),
        lambda m: replace(m, observations=(replace(m.observations[0], attempt=2), *m.observations[1:])),
        lambda m: replace(
            m, observations=(*m.observations[:-1], replace(m.observations[-1], failure="connection_reset"))
        ),
    ],
)
def test_anything_else_does(change: Change) -> None:
    measurement = works().measurement()
    assert sent(measurement).alike is not sent(change(measurement)).alike


def test_what_they_have_in_common_lacks_what_varies() -> None:
    alike = sent(works().measurement()).alike
    assert alike is not None
    for thing in (alike.bare, *alike.bare.observations, *(one.detail for one in alike.bare.observations)):
        for name in VARYING.get(type(thing), ()):
            with pytest.raises(AttributeError):
                getattr(thing, name)


def test_what_varies_is_a_field_of_the_model_and_of_the_message() -> None:
    for kind, names in VARYING.items():
        assert names <= {field.name for field in fields(kind)}
        assert names <= set(wire.DESCRIPTOR.message_types_by_name[kind.__name__].fields_by_name)


@given(measurements())
def test_observations_are_read_when_they_are_asked_for_and_are_the_same(measurement: Measurement) -> None:
    read = sent(measurement)
    assert measurement.durations_us == read.durations_us
    assert measurement.observations == read.observations
    assert replace(measurement, observations=()) == replace(read, observations=())


def test_work_is_done_once_for_all_that_are_alike() -> None:
    asked = []

    @by_likeness
    def count(measurement: Measurement) -> int:
        asked.append(measurement)
        return len(measurement.observations)

    told = works().measurement(at=1.0), works().measurement(at=2.0)
    assert [len(told[0].observations)] * 2 == [count(sent(one)) for one in told]
    assert 1 == len(asked)
    assert len(told[0].observations) == count(told[0])  # of one that nothing is known of
    assert told[0] is asked[-1]


def test_what_is_changed_is_like_nothing() -> None:
    measurement = sent(works().measurement())
    assert replace(measurement, observations=()).alike is None


def test_what_nobody_knows_and_what_reads_against_the_clock_is_like_nothing() -> None:
    message = to_message(works().measurement())
    message.observations.add(hop=3)
    assert from_message(message).alike is None
    assert sent(replace(works().measurement(), depth=Depth.TRANSFER)).alike is None


@pytest.mark.parametrize("steps", [MOST_VALUES, 2 * MOST_BYTES])
def test_what_is_large_is_like_nothing(steps: int) -> None:
    message = wire.Measurement(target="https://x.com/")
    message.observations.add().http.header_names.extend(["a"] * steps)
    assert from_message(message).alike is None


def test_likeness_is_no_part_of_what_is_kept() -> None:
    measurement = sent(story().names(NEAR).connects(NEAR).measurement())
    kept = pickle.loads(pickle.dumps(measurement))  # noqa: S301 - our own
    assert measurement == kept
    assert kept.alike is None
