"""Measurements that are alike: the same ones with other numbers, and as a collector has them."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from rabta_proto.alike import VARYING
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire


def sent(measurement: Measurement) -> Measurement:
    """As a collector has it."""
    return from_message(wire.Measurement.FromString(to_message(measurement).SerializeToString()))


def at_another_time(thing: Any) -> Any:
    """The same with other numbers in every field that varies."""
    return varied(thing, _another)


def varied(thing: Any, other: Callable[[Any], Any]) -> Any:
    """The same with what is made of each value that varies."""
    if isinstance(thing, tuple):
        return tuple(varied(part, other) for part in thing)
    if (varying := VARYING.get(type(thing))) is None:
        return thing
    values = {field.name: getattr(thing, field.name) for field in fields(thing)}
    return replace(
        thing, **{name: other(value) if name in varying else varied(value, other) for name, value in values.items()}
    )


def _another(value: Any) -> Any:
    if value is None:
        return 1
    if isinstance(value, bytes):
        return value + b"1"
    return value + (timedelta(seconds=1) if not isinstance(value, int) else 1 if value < 2**62 else -1)
