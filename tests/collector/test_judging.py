"""Which measurements of a batch are taken, and why others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.admit import Reason, Refused
from rabta_collector.judging import (
    BYTES_PER_PART,
    FREE_PARTS,
    SMALL_BYTES,
    Came,
    Terms,
    count_parts,
    judge,
    judge_message,
    read_batch,
)
from rabta_proto.alike import likeness
from rabta_proto.codec import from_message, from_numbers, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from support.collector_server import measurement
from support.strategies import measurements

NOW = 2_000_000_000.0


ASKED = frozenset({("x", "https://x.com/"), ("", "https://www.example.com/")})


def terms(*, lab: bool = False, joined_at: float = -1e13) -> Terms:
    return Terms(now=NOW, lab=lab, joined_at=joined_at, asked=ASKED)


def came(message: wire.Measurement) -> Came:
    """It alone, in a batch."""
    (one,) = read_batch(link.MeasurementBatch(measurements=[message]).SerializeToString())
    return one


def judged(message: wire.Measurement, *, lab: bool = False, joined_at: float = -1e13) -> Reason | None:
    """Why a measurement is rejected, or `None`; that it is like others makes no difference."""
    held = terms(lab=lab, joined_at=joined_at)
    found = judge_message(message, held)
    assert found == judge(came(message), held)
    return found if isinstance(found, Reason) else None


@given(st.lists(measurements(), max_size=3))
def test_a_batch_is_read_with_the_bytes_and_the_likeness_of_each(found: list[Measurement]) -> None:
    messages = [to_message(one) for one in found]
    body = link.MeasurementBatch(measurements=messages).SerializeToString()
    all_of_them = read_batch(body)
    assert [one.SerializeToString() for one in messages] == [one.raw for one in all_of_them]
    assert [likeness(one.raw) for one in all_of_them] == [one.key for one in all_of_them]
    assert found == [from_numbers(one.numbers, one.raw, one.key) for one in all_of_them]
    assert [one[1:] for one in all_of_them] == [one[1:] for one in read_batch(body, [one.raw for one in all_of_them])]


def test_a_batch_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        read_batch(b"\x0a\x02\x2a\x05")


def test_a_fault_in_what_was_not_read_at_first_is_found_when_it_is() -> None:
    message = measurement(1)
    raw = message.SerializeToString() + b"\x5a\x02\x0a\x05"  # a network context that is cut off
    body = bytes([0x0A, len(raw) & 0x7F | 0x80, len(raw) >> 7]) + raw
    (one,) = read_batch(body)
    with pytest.raises(Refused, match="cannot be read"):
        judge(one, terms())


def test_a_time_outside_of_the_calendar_in_what_it_has_in_common_with_others_is_impossible() -> None:
    message = measurement(1)
    message.observations.add().quic.certificate.not_before.nanos = 2_000_000_000
    assert Reason.IMPOSSIBLE is judged(message)


@given(measurements(), measurements())
def test_what_others_were_like_does_not_change_what_a_measurement_is(one: Measurement, other: Measurement) -> None:
    """All of it is asked for: what is read later is read from the bytes that came."""
    for measured in (one, other, one):
        message = to_message(measured)
        message.platform, message.target = "x", "https://x.com/"
        known = judge(came(message), terms(lab=True))
        assert isinstance(known, Reason) or from_message(message) == known
        assert known == judge_message(message, terms(lab=True))


def test_a_measurement_is_taken_as_it_is() -> None:
    message = measurement(1)
    assert from_message(message) == judge_message(message, terms())


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
