"""What is kept beside OONI's form comes back as it was, and what others put there does no harm."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.export.anonymous import anonymise, strip
from rabta_collector.ooni.own import KEY, Own, addresses_of, read_own, write_own
from rabta_collector.verdict.background import Background
from rabta_proto.model import Measurement
from support.factories import FORGED, NEAR, NOON, dns_lie, works
from support.strategies import measurements

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def again(own: Own) -> Own | None:
    return read_own({KEY: json.loads(json.dumps(write_own(own)))})


@given(measurements())
def test_a_measurement_comes_back_as_it_was(measurement: Measurement) -> None:
    found = again(Own(measurement=strip(measurement)))
    assert found is not None
    assert anonymise(measurement) == found.measurement


def test_controls_and_what_else_was_known_come_back() -> None:
    own = Own(
        measurement=strip(works().measurement()),
        controls=(strip(works().measurement(at=NOON + 60)),),
        references=(strip(dns_lie("127.0.0.1").measurement(at=NOON - 60)),),
        background=Background(quic_works=True, ipv6_works=False, controls_sound=True, asn_of={NEAR: 13414}.get),
    )
    found = again(own)
    assert found is not None
    assert (own.controls, own.references) == (found.controls, found.references)
    background = found.background
    assert background.asn_of is not None
    assert (True, False, True, 13414, None) == (
        background.quic_works,
        background.ipv6_works,
        background.controls_sound,
        background.asn_of(NEAR),
        background.asn_of(FORGED),
    )


@given(st.floats(0, 3), st.floats(0, 3))
def test_whole_minutes_leave_a_control_before_or_after(measured: float, controlled: float) -> None:
    """A control that began in the same second, and before, must not come to stand after the measurement."""
    one, other = works().measurement(at=NOON + measured), works().measurement(at=NOON + controlled)
    found = again(Own(measurement=one, controls=(other,)))
    assert found is not None
    assert (other.started_at >= one.started_at) == (found.controls[0].started_at >= found.measurement.started_at)
    assert abs(found.controls[0].started_at - other.started_at) <= timedelta(minutes=2)
    assert 0 == found.controls[0].started_at.microsecond == found.measurement.started_at.microsecond


@given(anything)
def test_whatever_else_stands_there_is_as_if_absent(value: object) -> None:
    for keys in ({KEY: value}, {KEY: {"measurement": value}}):
        assert read_own(keys) is None or isinstance(keys[KEY], dict)


@given(anything, st.sampled_from(["controls", "references", "background"]))
def test_a_good_measurement_is_read_whatever_is_wrong_beside_it(value: object, name: str) -> None:
    told = {**write_own(Own(measurement=works().measurement())), name: value}
    found = read_own({KEY: told})
    assert found is not None
    assert anonymise(works().measurement()).observations == found.measurement.observations


def test_a_text_that_is_no_unicode_is_mended_or_left_out() -> None:
    told = write_own(Own(measurement=works().measurement()))
    assert isinstance(told["measurement"], dict)
    told["measurement"]["target"] = "https://\ud800/"
    told["measurement"]["\ud800"] = 1
    found = read_own({KEY: told})
    assert found is not None
    assert "https://?/" == found.measurement.target


def test_addresses_are_those_that_were_named_and_those_that_were_tried() -> None:
    assert {NEAR, "10.0.0.1"} == addresses_of(dns_lie("10.0.0.1").measurement())
