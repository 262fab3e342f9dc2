"""What is taken from an agent: bounds on raw bytes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.admit import (
    MAX_MEASUREMENTS,
    MAX_MESSAGE_BYTES,
    Kind,
    Reason,
    Refused,
    check_size,
    decode,
    open_envelope,
    parse_bearer,
    split_batch,
)
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from support.collector_server import batch
from support.strategies import measurements


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_refusal(raw: bytes) -> None:
    with suppress(Refused):
        assert open_envelope(raw).kind in Kind


@given(st.lists(measurements(), max_size=3))
def test_a_batch_is_opened_to_the_very_bytes_that_came(found: list[object]) -> None:
    sent = link.MeasurementBatch(measurements=[to_message(entry) for entry in found])  # type: ignore[arg-type]
    envelope = open_envelope(link.SessionRequest(batch=sent).SerializeToString())
    assert (Kind.BATCH, sent.SerializeToString()) == (envelope.kind, envelope.body)


@given(st.lists(measurements(), max_size=3), st.booleans())
def test_a_batch_is_split_into_the_bytes_of_each_measurement(found: list[Measurement], newer: bool) -> None:
    each = [to_message(entry).SerializeToString() for entry in found]
    body = link.MeasurementBatch(measurements=map(wire.Measurement.FromString, each)).SerializeToString()
    assert each == split_batch(body + b"\x10\x07" * newer)  # of a newer agent: a field that nobody knows here


@given(st.binary(max_size=60))
def test_any_bytes_are_split_as_they_are_decoded_or_refused(raw: bytes) -> None:
    with suppress(Refused):
        messages = decode(link.MeasurementBatch, raw).measurements
        assert list(messages) == [wire.Measurement.FromString(part) for part in split_batch(raw)]


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (link.SessionRequest(hello=link.Hello()), Kind.HELLO),
        (link.SessionRequest(heartbeat=link.Heartbeat(backlog=3)), Kind.HEARTBEAT),
        (link.SessionRequest(goodbye=link.Goodbye()), Kind.GOODBYE),
        (link.SessionRequest(), Kind.UNKNOWN),
        (link.SessionRequest.FromString(b"\x7a\x03new"), Kind.UNKNOWN),
    ],
)
def test_each_message_is_known_without_decoding(request_: link.SessionRequest, kind: Kind) -> None:
    assert kind is open_envelope(request_.SerializeToString()).kind


def test_a_field_of_the_future_beside_a_known_one_is_no_matter() -> None:
    raw = link.SessionRequest(batch=batch(1)).SerializeToString() + b"\x7a\x03new\x80\x02\x07"
    assert batch(1).SerializeToString()[:2] == open_envelope(raw).body[:2]


@pytest.mark.parametrize(
    "raw", [b"\x12\x05ab", b"\x80", b"\x0b", b"\x12\x00\x0a\x00", b"\xff" * 20, b"\x12\x02\x0a\x05"]
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        open_envelope(raw)
    assert Reason.UNREADABLE is refused.value.reason


def test_too_many_bytes_are_refused() -> None:
    check_size(bytes(MAX_MESSAGE_BYTES))
    with pytest.raises(Refused, match=r"holds 1048577 bytes; at most 1048576") as refused:
        open_envelope(bytes(MAX_MESSAGE_BYTES + 1))
    assert Reason.TOO_LARGE is refused.value.reason


def test_too_many_measurements_are_refused_undecoded() -> None:
    def raw(count: int) -> bytes:
        return link.SessionRequest(
            batch=link.MeasurementBatch(measurements=[wire.Measurement()] * count)
        ).SerializeToString()

    assert Kind.BATCH is open_envelope(raw(MAX_MEASUREMENTS)).kind
    with pytest.raises(Refused, match="holds 501 measurements"):
        open_envelope(raw(MAX_MEASUREMENTS + 1))


def test_bytes_that_hide_their_fault_deeper_are_refused_at_decoding() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        decode(link.MeasurementBatch, b"\x0a\x02\x2a\x05")


def test_a_credential_is_agent_and_secret() -> None:
    assert ("a", "s.t") == parse_bearer("Bearer a.s.t")
    assert ("a", "s") == parse_bearer("bearer a.s")


@pytest.mark.parametrize("text", ["", "Bearer", "Bearer ", "Bearer a", "Bearer a.", "Bearer .s", "Basic a.s", "a.s"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(Refused, match="expected the metadata") as refused:
        parse_bearer(text)
    assert Reason.UNAUTHENTICATED is refused.value.reason
