"""Which measurements of a batch are taken, and why others never will be. Pure.

One that cannot be believed is rejected by itself with a reason, so that its agent deletes it. Most are like others that
were looked at before (`rabta_proto.alike`): of these only the numbers are read.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import DecodeError

from rabta_collector.admit import Reason, Refused, decode, split_batch
from rabta_proto.alike import Alike, by_likeness, likenesses
from rabta_proto.codec import alike_of, from_message, read_alike
from rabta_proto.model import DnsQuery, HttpRoundTrip, Measurement, Observation, PathTrace, TlsHandshake
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.varying import Numbers, read_numbers

MAX_MEASUREMENT_BYTES = 256 * 1024
MAX_OBSERVATIONS = 256
FREE_PARTS, BYTES_PER_PART = 64, 12  # of a measurement: each part is a value in memory, and two bytes can make one
SMALL_BYTES = 8192  # what a measurement of so many holds is counted after it was decoded: it cannot be much
MAX_AHEAD_S = 86_400  # a clock may be wrong; more than a day ahead, its measurements cannot be put in order
MAX_BEHIND_S = 86_400  # likewise before its agent joined, when it had no plan
MAX_NUMBER = 2**63 - 1  # SQLite's integers are signed


class Came(NamedTuple):
    """A measurement as it came: its numbers, its bytes and its likeness. A tuple, for there are many."""

    numbers: Numbers
    raw: bytes
    key: bytes
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A measurement that will never be taken."""

    sequence: int
    reason: Reason


def read_batch(body: bytes, parts: Sequence[bytes] | None = None) -> list[Came]:
    """The measurements of a `MeasurementBatch`; `parts`: the bytes of each, where at hand. Raises `Refused`."""
    return [Came(one, raw, key, one.epoch, one.sequence) for one, raw, key in read_parts(body, parts)]


def read_parts(body: bytes, parts: Sequence[bytes] | None = None) -> Iterable[tuple[Numbers, bytes, bytes]]:
    """The same, of each no more than numbers, bytes and likeness. Raises `Refused` at once."""
    if parts is None:
        parts = split_batch(body)
    try:
        numbers, keys = read_numbers(body), split_batch(likenesses(body))
    except DecodeError as wrong:
        raise Refused(Reason.UNREADABLE, "a message cannot be read") from wrong
    if not len(numbers) == len(parts) == len(keys):
        raise Refused(Reason.UNREADABLE, "a message cannot be read")
    return zip(numbers, parts, keys, strict=True)


def count_parts(message: wire.Measurement) -> int:
    """Observations and what they list."""
    return sum(map(_parts, message.observations))


def _parts(observation: wire.Observation) -> int:
    match observation.WhichOneof("detail"):
        case "dns":
            dns = observation.dns
            return 1 + len(dns.answers) + sum(1 + len(reply.answers) for reply in dns.later_replies)
        case "tls":
            return 1 + len(observation.tls.chain)
        case "http":
            return 1 + len(observation.http.header_names) + len(observation.http.marks)
        case "trace":
            return 1 + sum(1 + len(step.first_resets) for step in observation.trace.steps)
        case _:
            return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a measurement is held against. Times are Unix seconds; `asked`: platforms and targets of plans."""

    now: float
    lab: bool
    joined_at: float
    asked: Container[tuple[str, str]]


def judge(one: Came, terms: Terms) -> Measurement | Reason:
    """The measurement that came, or why it will never be taken. Raises `Refused` where it cannot be read."""
    alike = alike_of(one.key)
    usual = None if alike is None else _judge_usual(one, terms, alike)
    return judge_message(decode(wire.Measurement, one.raw), terms, one.raw) if usual is None else usual


def _judge_usual(one: Came, terms: Terms, alike: Alike) -> Measurement | None:
    """One that is to be taken and like others, as most are: much of it was looked at before. `None`: it may not be."""
    raw = one.raw
    try:
        measurement = read_alike(one.numbers, raw, alike)
    except ValueError:
        return None
    if measurement is None:
        return None
    began = measurement.began_us // 1_000_000 + (measurement.clock_offset_us or 0) // 1_000_000
    listed, lab = _bounded(measurement)
    if (
        0 < measurement.sequence <= MAX_NUMBER
        and 0 < measurement.epoch <= MAX_NUMBER
        and alike.place in terms.asked
        and terms.joined_at - MAX_BEHIND_S <= began <= terms.now + MAX_AHEAD_S
        and (terms.lab or not lab)
        and alike.steps <= MAX_OBSERVATIONS
        and len(raw) <= SMALL_BYTES
        and alike.steps + listed <= FREE_PARTS + len(raw) // BYTES_PER_PART
    ):
        return measurement
    return None


def judge_message(message: wire.Measurement, terms: Terms, raw: bytes | None = None) -> Measurement | Reason:
    """The same of a message by itself. `raw`: its bytes, where at hand."""
    raw = raw or message.SerializeToString()
    if not 0 < message.sequence <= MAX_NUMBER or not 0 < message.epoch <= MAX_NUMBER:
        return Reason.NO_SEQUENCE
    if not message.target:
        return Reason.NO_TARGET
    if (message.platform, message.target) not in terms.asked:
        return Reason.NOT_ASKED
    began = message.started_at.seconds
    if message.HasField("clock_offset_us"):
        began += message.clock_offset_us // 1_000_000  # by our clock, as far as the agent knows it
    if began > terms.now + MAX_AHEAD_S:
        return Reason.FROM_THE_FUTURE
    if began < terms.joined_at - MAX_BEHIND_S and not message.clock_jumped:  # that one is kept, and decides nothing
        return Reason.BEFORE_JOINING
    if message.network.lab and not terms.lab:
        return Reason.LAB
    seen, size = len(message.observations), len(raw)
    if seen > MAX_OBSERVATIONS or size > MAX_MEASUREMENT_BYTES:
        return Reason.OVERSIZED
    parts_at_most, small = FREE_PARTS + size // BYTES_PER_PART, size <= SMALL_BYTES
    if not small and count_parts(message) > parts_at_most:
        return Reason.OVERSIZED
    try:
        measurement = from_message(message, raw)
    except ValueError:
        return Reason.IMPOSSIBLE
    if small and seen + _bounded(measurement)[0] > parts_at_most:
        return Reason.OVERSIZED
    return measurement


@by_likeness
def _bounded(measurement: Measurement) -> tuple[int, bool]:
    """What its observations list, as `count_parts` counts it and several times as fast; whether it is the lab's."""
    return sum(map(_listed, measurement.observations)), measurement.network.lab


def _listed(observation: Observation) -> int:
    """What an observation lists, as `count_parts` counts it; several times as fast as there."""
    match observation.detail:
        case DnsQuery(answers=answers, later_replies=replies):
            return len(answers) + (sum(1 + len(reply.answers) for reply in replies) if replies else 0)
        case TlsHandshake(chain=chain):
            return len(chain)
        case HttpRoundTrip(header_names=names, marks=marks):
            return len(names) + len(marks)
        case PathTrace(steps=steps):
            return sum(1 + len(step.first_resets) for step in steps)
    return 0
