"""The joint between model and wire loses nothing that it knows, and survives what it does not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_proto.codec import from_message, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import Depth, NetworkKind, Trigger
from support.strategies import measurements

MOMENT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@given(measurements())
def test_a_measurement_survives_the_wire(measurement: Measurement) -> None:
    message = wire.Measurement.FromString(to_message(measurement).SerializeToString())
    assert measurement == from_message(message)


def test_absent_optional_fields_are_none_and_not_zero() -> None:
    message = wire.Measurement(target="https://x.com/")
    message.observations.add().http.url = "https://x.com/"
    (observation,) = from_message(message).observations
    assert (None, None, None) == (observation.failure, observation.detail.status, observation.detail.declared_bytes)


def test_an_observation_of_an_unknown_step_is_left_out() -> None:
    message = wire.Measurement(target="https://x.com/")
    message.observations.add(hop=3)
    assert () == from_message(message).observations


def test_words_of_the_future_become_unknown() -> None:
    message = wire.Measurement(target="https://x.com/", trigger=99, depth=98)
    message.network.kind = 97
    measurement = from_message(message)
    expected = (Trigger.UNKNOWN, Depth.UNKNOWN, NetworkKind.UNKNOWN)
    assert expected == (measurement.trigger, measurement.depth, measurement.network.kind)


def test_a_measurement_without_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="names no target"):
        from_message(wire.Measurement())


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_an_impossible_time_is_refused_and_nothing_else_is_raised(seconds: int) -> None:
    message = wire.Measurement(target="https://x.com/")
    message.started_at.seconds = seconds
    try:
        from_message(message)
    except ValueError:
        assert not -62135596800 <= seconds <= 253402300799


@pytest.mark.parametrize("nanos", [-1, 1_000_000_000])
def test_a_fraction_of_a_second_that_is_none_is_refused(nanos: int) -> None:
    message = wire.Measurement(target="https://x.com/")
    message.started_at.nanos = nanos
    with pytest.raises(ValueError, match="fraction"):
        from_message(message)


def test_what_measurements_have_in_common_is_read_once() -> None:
    """Collectors hold a great many: one certificate, one connection and one network of them each."""
    message = wire.Measurement(target="https://x.com/")
    message.network.isp = "ptcl"
    message.observations.add().tls.certificate.subject = "CN=x.com"
    message.observations.add().tcp.address = "192.0.2.1"
    one, other = from_message(message), from_message(message)
    assert one.network is other.network
    (tls, tcp), (other_tls, other_tcp) = one.observations, other.observations
    assert tls.detail.certificate is other_tls.detail.certificate
    assert tcp.detail is other_tcp.detail
