"""What is taken from an agent and what is not, on raw bytes first: nothing is decoded before it is admitted. Pure.

A message is bounded in bytes and, by a walk over its fields (https://protobuf.dev/programming-guides/encoding/), in
measurements; only then is it decoded, and each measurement looked at by itself (judging.py). A message that cannot be
read ends the session.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

Decoded = TypeVar("Decoded", bound=Message)

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_MEASUREMENTS = 500
MAX_REQUESTS = 64  # of a session in one exchange


class Reason(StrEnum):
    """Why something was not taken: label values of `rabta_collector_rejected_total`."""

    # The call
    UNAUTHENTICATED = "unauthenticated"  # no credential, an unknown one, or a wrong secret
    REVOKED = "revoked"  # a credential that was revoked
    INVITATION = "invitation"  # an unknown, expired or used-up invitation
    LAB = "lab"  # a lab agent, or its measurement, at a collector that is not in lab mode
    TOO_LARGE = "too_large"  # more bytes or measurements than a message may have
    UNFINISHED = "unfinished"  # a call whose first message did not come whole: see openings.py
    UNREADABLE = "unreadable"  # not a message of ours, or not at this point of the session
    JOURNAL = "journal"  # the journal could not be written
    RATE = "rate"  # an agent that sends more than it may, long after it was told
    PREFIX = "prefix"  # more calls or sessions from one address prefix than may be
    SESSIONS = "sessions"  # more sessions than the collector takes
    ENROLMENTS = "enrolments"  # more agents joined from one address prefix within an hour than may
    # One measurement
    NO_SEQUENCE = "no_sequence"  # epoch or sequence number zero, or beyond 63 bits
    NO_TARGET = "no_target"  # names nothing that was measured
    NOT_ASKED = "not_asked"  # of a target that no agent was asked to measure within the last month
    FROM_THE_FUTURE = "from_the_future"  # began more than a day after now
    BEFORE_JOINING = "before_joining"  # began more than a day before its agent joined
    REPLAYED = "replayed"  # came before, under another agent's name or another epoch
    IMPOSSIBLE = "impossible"  # a time outside of the calendar
    OVERSIZED = "oversized"  # one measurement larger than any that an agent makes
    FORGOTTEN = "forgotten"  # so far behind what came since that nobody can tell whether it is new: see sequences.py
    TOO_MANY_EPOCHS = "too_many_epochs"  # more spools than one agent can have lost


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The call ends with this reason; the message is one line for the agent's log."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Kind(StrEnum):
    """Which message of a session it is."""

    HELLO = "hello"
    BATCH = "batch"
    HEARTBEAT = "heartbeat"
    GOODBYE = "goodbye"
    UNKNOWN = "unknown"  # of an agent newer than this code: ignored


_BATCHED = 1 << 3 | 2
"""Tag of a measurement in a `MeasurementBatch`: field 1, which has a length."""

KINDS = {1: Kind.HELLO, 2: Kind.BATCH, 3: Kind.HEARTBEAT, 4: Kind.GOODBYE}  # field numbers of SessionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message of a session, not decoded: which one, its bytes, and those of each measurement in a batch."""

    kind: Kind
    body: bytes
    parts: Sequence[bytes] = ()


def parse_bearer(authorization: str) -> tuple[str, str]:
    """Agent and secret of `Bearer AGENT.SECRET`. Raises `Refused`."""
    scheme, _, credential = authorization.partition(" ")
    agent, _, secret = credential.strip().partition(".")
    if scheme.lower() != "bearer" or not agent or not secret or len(credential) > 200:
        raise Refused(Reason.UNAUTHENTICATED, "expected the metadata `authorization: Bearer AGENT.SECRET`")
    return agent, secret


def open_envelope(raw: bytes) -> Envelope:
    """Which message of a session this is, within its bounds. Raises `Refused`."""
    check_size(raw)
    known = [(KINDS[number], body) for number, body in _fields(raw) if number in KINDS and body is not None]
    if len(known) > 1:
        raise Refused(Reason.UNREADABLE, "a request holds two messages")
    if not known:
        return Envelope(kind=Kind.UNKNOWN, body=b"")
    kind, body = known[0]
    parts = split_batch(body) if kind is Kind.BATCH else []
    if (count := len(parts)) > MAX_MEASUREMENTS:
        raise Refused(Reason.TOO_LARGE, f"a batch holds {count} measurements; at most {MAX_MEASUREMENTS} are taken")
    return Envelope(kind=kind, body=body, parts=parts)


def open_exchange(raw: bytes) -> list[bytes]:
    """The requests in an `ExchangeRequest`, one at the least, none of them decoded. Raises `Refused`."""
    check_size(raw)
    requests = [body for number, body in _fields(raw) if number == 1 and body is not None]
    if not requests:
        raise Refused(Reason.UNREADABLE, "an exchange begins with a Hello")
    if len(requests) > MAX_REQUESTS:
        raise Refused(Reason.TOO_LARGE, f"an exchange holds {len(requests)} requests; at most {MAX_REQUESTS} are taken")
    return requests


def split_batch(body: bytes) -> list[bytes]:
    """The bytes of each measurement in those of a `MeasurementBatch`, as they came. Raises `Refused`."""
    parts: list[bytes] = []
    at, end = 0, len(body)
    try:
        while at < end:
            if body[at] != _BATCHED:
                return [value for number, value in _fields(body) if number == 1 and value is not None]
            length, begin = body[at + 1], at + 2
            if length > 0x7F:
                length, begin = _varint(body, at + 1)
            at = begin + length
            parts.append(body[begin:at])
    except (ValueError, IndexError) as wrong:
        raise Refused(Reason.UNREADABLE, "a message cannot be read") from wrong
    if at > end:
        raise Refused(Reason.UNREADABLE, "a message cannot be read")
    return parts


def check_size(raw: bytes) -> None:
    """Raises `Refused` for a message with too many bytes."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise Refused(Reason.TOO_LARGE, f"a message holds {len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are taken")


def _fields(raw: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Numbers of the fields of a message, with the bytes of those that have a length. Raises `Refused`."""
    at, end = 0, len(raw)
    try:
        while at < end:
            tag, at = _varint(raw, at)
            match tag & 7:
                case 0:
                    _, at = _varint(raw, at)
                    value = None
                case 1:
                    value, at = None, at + 8
                case 2:
                    length, at = _varint(raw, at)
                    value, at = raw[at : at + length], at + length
                case 5:
                    value, at = None, at + 4
                case _:
                    raise ValueError("a wire type of no use")
            if at > end:
                raise ValueError("a field that goes beyond its message")
            yield tag >> 3, value
    except (ValueError, IndexError) as wrong:
        raise Refused(Reason.UNREADABLE, "a message cannot be read") from wrong


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")


def decode(kind: type[Decoded], body: bytes) -> Decoded:
    """The message in admitted bytes. Raises `Refused`."""
    try:
        return kind.FromString(body)
    except DecodeError as wrong:
        raise Refused(Reason.UNREADABLE, "a message cannot be read") from wrong
