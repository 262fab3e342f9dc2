"""Moments on the wire and back."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S, _END_S = -62_135_596_800, 253_402_300_800  # the years 1 to 9999
_US = timedelta(microseconds=1)


def to_timestamp(moment: datetime) -> Timestamp:
    """The wire's form of an aware moment."""
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """An aware moment in UTC. Raises `ValueError` outside of the years 1 to 9999."""
    return from_microseconds(microseconds_of(stamp))


def microseconds_of(stamp: Timestamp) -> int:
    """From 1970 on, the rest of a microsecond cut off. Raises `ValueError` outside of the years 1 to 9999."""
    seconds, nanos = stamp.seconds, stamp.nanos
    if not 0 <= nanos < 1_000_000_000:
        raise ValueError("a timestamp whose fraction is no fraction")
    if not _FIRST_S <= seconds < _END_S:
        raise ValueError("a timestamp outside of the years 1 to 9999")
    return seconds * 1_000_000 + nanos // 1000


def from_microseconds(count: int) -> datetime:
    """An aware moment in UTC, of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=count)


def to_microseconds(moment: datetime) -> int:
    """Microseconds from 1970 to an aware moment."""
    return (moment - _EPOCH) // _US
