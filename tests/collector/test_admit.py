"""What is taken from an agent: bounds on raw bytes, then one measurement after the other."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.admit import (
    BYTES_PER_PART,
    FREE_PARTS,
    MAX_MEASUREMENTS,
    MAX_MESSAGE_BYTES,
    SMALL_BYTES,
    Kind,
    Reason,
    Refused,
    Terms,
    check_size,
    count_parts,
    decode,
    judge,
    open_envelope,
    parse_bearer,
    split_batch,
)
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from support.collector_server import batch, measurement
from support.strategies import measurements

NOW = 2_000_000_000.0


ASKED = frozenset({("x", "https://x.com/"), ("", "https://www.example.com/")})


def terms(*, lab: bool = False, joined_at: float = -1e13) -> Terms:
    return Terms(now=NOW, lab=lab, joined_at=joined_at, asked=ASKED)


def judged(message: wire.Measurement, *, lab: bool = False, joined_at: float = -1e13) -> Reason | None:
    """Why a measurement is rejected, or `None`."""
    found = judge(message, terms(lab=lab, joined_at=joined_at))
    return found if isinstance(found, Reason) else None


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


def test_a_measurement_is_taken_as_it_is() -> None:
    message = measurement(1)
    assert from_message(message) == judge(message, terms())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"started_at": {"seconds": int(NOW) + 86_401}}, Reason.FROM_THE_FUTURE),
        ({"started_at": {"seconds": -(10**12)}}, Reason.IMPOSSIBLE),
        ({"started_at": {"nanos": -5}}, Reason.IMPOSSIBLE),
        ({"observations": [wire.Observation()] * 300}, Reason.OVERSIZED),
        ({"agent_version": "x" * 300_000}, Reason.OVERSIZED),
        ({"target": "https://x.com/other"}, Reason.NOT_ASKED),
        ({"platform": "y"}, Reason.NOT_ASKED),
        ({"network": {"lab": True}}, Reason.LAB),
    ],
)
def test_what_cannot_be_believed_is_rejected_with_a_reason(fields: dict[str, object], reason: Reason) -> None:
    assert reason is judged(measurement(1, **fields))  # type: ignore[arg-type]


def test_numbers_and_a_target_are_needed() -> None:
    assert Reason.NO_SEQUENCE is judged(measurement(0))
    assert Reason.NO_SEQUENCE is judged(measurement(2**63))
    assert Reason.NO_SEQUENCE is judged(measurement(1, epoch=2**64 - 1))
    assert Reason.NO_SEQUENCE is judged(measurement(1, epoch=0))
    nameless = measurement(1)
    nameless.target = ""
    assert Reason.NO_TARGET is judged(nameless)


def at(seconds: float, **fields: object) -> wire.Measurement:
    """A measurement of that time."""
    return measurement(1, started_at={"seconds": int(seconds)}, **fields)  # type: ignore[arg-type]


def test_a_reference_has_no_platform() -> None:
    message = at(NOW, target="https://www.example.com/")
    assert Reason.NOT_ASKED is judged(message)
    message.platform = ""
    assert judged(message) is None


def test_a_clock_may_be_a_day_ahead_of_now_and_a_day_behind_the_joining() -> None:
    assert judged(at(NOW + 86_400)) is None
    assert judged(at(NOW - 86_400), joined_at=NOW) is None
    assert Reason.BEFORE_JOINING is judged(at(NOW - 86_401), joined_at=NOW)


def test_a_wrong_clock_counts_as_far_as_it_is_not_known_how_wrong() -> None:
    behind, ahead = at(5, clock_offset_us=int(NOW - 5) * 1_000_000), at(2 * NOW, clock_offset_us=-int(NOW) * 1_000_000)
    assert judged(behind, joined_at=NOW) is None
    assert judged(ahead, joined_at=NOW) is None
    assert Reason.FROM_THE_FUTURE is judged(at(NOW, clock_offset_us=90_000_000_000))


def test_what_was_measured_before_a_clock_was_set_is_kept_however_old_it_looks() -> None:
    assert Reason.BEFORE_JOINING is judged(at(5), joined_at=NOW)
    assert judged(at(5, clock_jumped=True), joined_at=NOW) is None
    assert Reason.FROM_THE_FUTURE is judged(at(2 * NOW, clock_jumped=True))


def test_few_bytes_that_unfold_to_many_values_are_rejected() -> None:
    message = measurement(1)
    for _ in range(FREE_PARTS):
        message.observations[0].dns.answers.add()
    assert judged(message) is None
    for _ in range(FREE_PARTS):
        message.observations[0].dns.answers.add()
    assert Reason.OVERSIZED is judged(message)
    for answer in message.observations[0].dns.answers:
        answer.value = "www.example.com"
    assert judged(message) is None


MANY = 3 * FREE_PARTS


@pytest.mark.parametrize(
    "observation",
    [
        wire.Observation(dns={"answers": [{}] * MANY}),
        wire.Observation(dns={"later_replies": [{}] * MANY}),
        wire.Observation(dns={"later_replies": [{"answers": [{}] * MANY}]}),
        wire.Observation(tls={"chain": [{}] * MANY}),
        wire.Observation(http={"header_names": [""] * MANY}),
        wire.Observation(http={"marks": [""] * MANY}),
    ],
)
@pytest.mark.parametrize("more", [0, 2 * SMALL_BYTES], ids=["small", "large"])
def test_whatever_unfolds_is_found_out_before_and_after_decoding(observation: wire.Observation, more: int) -> None:
    message = measurement(1, observations=[observation, wire.Observation(http={"title": "x" * more})])
    while count_parts(message) <= FREE_PARTS + message.ByteSize() // BYTES_PER_PART:
        message.observations.append(observation)
    assert (message.ByteSize() > SMALL_BYTES) is bool(more)
    assert Reason.OVERSIZED is judged(message)


@pytest.mark.parametrize(
    ("observation", "parts"),
    [
        (wire.Observation(), 1),
        (wire.Observation(dns={"answers": [{}], "later_replies": [{"answers": [{}, {}]}]}), 5),
        (wire.Observation(tls={"chain": [{}]}), 2),
        (wire.Observation(http={"header_names": ["a"], "marks": ["b"]}), 3),
    ],
)
def test_everything_that_is_listed_counts(observation: wire.Observation, parts: int) -> None:
    assert 3 * parts == count_parts(wire.Measurement(observations=[observation] * 3))


def test_a_lab_measurement_is_taken_in_the_lab() -> None:
    assert judged(measurement(1, network=wire.NetworkContext(lab=True)), lab=True) is None


@given(measurements())
def test_judging_is_total(found: object) -> None:
    judged(to_message(found))  # type: ignore[arg-type]
