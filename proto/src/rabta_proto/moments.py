"""Moments on the wire and back."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_timestamp(moment: datetime) -> Timestamp:
    """The wire's form of an aware moment."""
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """An aware moment in UTC. Raises `ValueError` outside of the years 1 to 9999."""
    nanos = stamp.nanos
    if not 0 <= nanos < 1_000_000_000:
        raise ValueError("a timestamp whose fraction is no fraction")
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise ValueError("a timestamp outside of the years 1 to 9999") from None
