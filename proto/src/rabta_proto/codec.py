"""Joins the model and the wire: total in both directions.

`to_message` then `from_message` gives back an equal measurement. From the wire, an enum value or a step that this code
does not know becomes `UNKNOWN` or is left out: a newer agent never breaks an older collector.
Raises `ValueError` from `from_message` for a message that names no target or carries an impossible time.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import cast

from google.protobuf.message import DecodeError

from rabta_proto import model
from rabta_proto.alike import MOST_BYTES, MOST_VALUES, Alike, Looks, count_values, likeness
from rabta_proto.details import SHARED, read_detail, write_detail
from rabta_proto.moments import from_timestamp, microseconds_of, to_timestamp
from rabta_proto.numbers import inverse
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.varying import Numbers
from rabta_proto.vocabulary import Depth, NetworkKind, Trigger

__all__ = [
    "alike_of",
    "from_message",
    "from_numbers",
    "from_timestamp",
    "network_from_message",
    "network_to_message",
    "read_alike",
    "to_message",
    "to_timestamp",
    "whole_of",
]

LOOKS = 2048
"""How many are remembered that measurements may have in common: some kilobytes each, as the largest 30 kB."""

# Numbers of the wire's enums by word; a number outside of a table is a word of the future.
TRIGGERS = {Trigger.SCHEDULED: 1, Trigger.MANUAL: 2, Trigger.REQUESTED: 3}
DEPTHS = {Depth.FULL: 1, Depth.LIGHT: 2, Depth.TRANSFER: 3, Depth.TRACE: 4}
KINDS = {NetworkKind.ETHERNET: 1, NetworkKind.WIFI: 2, NetworkKind.MOBILE: 3}
_TRIGGERS, _DEPTHS, _KINDS = inverse(TRIGGERS), inverse(DEPTHS), inverse(KINDS)


def to_message(measurement: model.Measurement) -> wire.Measurement:
    """The wire's form of a measurement."""
    return wire.Measurement(
        epoch=measurement.epoch,
        sequence=measurement.sequence,
        agent_version=measurement.agent_version,
        plan_version=measurement.plan_version,
        platform=measurement.platform,
        target=measurement.target,
        started_at=to_timestamp(measurement.started_at),
        duration_us=measurement.duration_us,
        trigger=wire.Trigger.ValueType(TRIGGERS.get(measurement.trigger, 0)),
        depth=wire.Depth.ValueType(DEPTHS.get(measurement.depth, 0)),
        network=network_to_message(measurement.network),
        observations=[_observation_to_message(observation) for observation in measurement.observations],
        bytes_sent=measurement.bytes_sent,
        bytes_received=measurement.bytes_received,
        request=measurement.request,
        clock_offset_us=measurement.clock_offset_us,
        clock_jumped=measurement.clock_jumped,
    )


def network_to_message(network: model.NetworkContext) -> wire.NetworkContext:
    """The wire's form of a network context."""
    return wire.NetworkContext(
        isp=network.isp,
        kind=wire.NetworkKind.ValueType(KINDS.get(network.kind, 0)),
        vpn=network.vpn,
        ipv4=network.ipv4,
        ipv6=network.ipv6,
        metered=network.metered,
        captive_portal=network.captive_portal,
        lab=network.lab,
        changed=network.changed,
        seen_isp=network.seen_isp,
    )


def _observation_to_message(observation: model.Observation) -> wire.Observation:
    message = wire.Observation(
        hop=observation.hop,
        attempt=observation.attempt,
        offset_us=observation.offset_us,
        duration_us=observation.duration_us,
        failure=observation.failure,
        failure_detail=observation.failure_detail,
    )
    write_detail(observation.detail, message)
    return message


def from_message(message: wire.Measurement, raw: bytes | None = None) -> model.Measurement:
    """The measurement that a message holds, without observations of unknown steps. `raw`: its bytes, where at hand."""
    if not message.target:
        raise ValueError("a measurement names no target")
    raw = raw or message.SerializeToString()
    alike = alike_of(likeness(raw)) if len(raw) <= MOST_BYTES else None
    if alike is None:
        return _read(message)
    return _read_alike(message, tuple([one.duration_us for one in message.observations]), raw, alike)


def from_numbers(numbers: Numbers, raw: bytes, key: bytes) -> model.Measurement:
    """The same, of what was read for a whole batch: numbers, bytes and likeness. Raises `DecodeError`, too."""
    alike = alike_of(key)
    usual = None if alike is None else read_alike(numbers, raw, alike)
    return from_message(wire.Measurement.FromString(raw), raw) if usual is None else usual


def alike_of(key: bytes) -> Alike | None:
    """What measurements of a likeness have in common; `None` where no other is like one of that."""
    return _LOOKS.of(key) if len(key) <= MOST_BYTES else None


def whole_of(alike: Alike) -> model.Measurement:
    """The one of those that are alike in which every field that varies is zero, empty or not known."""
    known = alike.known.get(whole_of)
    if known is None:
        known = alike.known[whole_of] = _read(wire.Measurement.FromString(alike.key))
    return cast(model.Measurement, known)


def _make_alike(key: bytes) -> Alike | None:
    try:
        message = wire.Measurement.FromString(key)
    except DecodeError:
        return None  # nor can be read what it is the likeness of
    if not message.target or message.depth in (wire.DEPTH_TRANSFER, wire.DEPTH_TRACE):
        return None
    try:
        measurement = _read(message)
    except ValueError:
        return None  # an impossible time, which is said of each that is read by itself
    known = len(measurement.observations) == len(message.observations)
    return Alike(measurement, key) if known and count_values(measurement) <= MOST_VALUES else None


_LOOKS = Looks(_make_alike, LOOKS)


def _setter(name: str) -> Callable[[model.Measurement, object], None]:
    """Sets a field of a frozen measurement, in half the time that `object.__setattr__` takes."""
    setter: Callable[[model.Measurement, object], None] = getattr(model.Measurement, name).__set__
    return setter


_new: Callable[[type[model.Measurement]], model.Measurement] = object.__new__
_set_target, _set_platform = _setter("target"), _setter("platform")
_set_agent_version, _set_depth = _setter("agent_version"), _setter("depth")
_set_epoch, _set_sequence, _set_plan_version = _setter("epoch"), _setter("sequence"), _setter("plan_version")
_set_request, _set_duration_us = _setter("request"), _setter("duration_us")
_set_bytes_sent, _set_bytes_received = _setter("bytes_sent"), _setter("bytes_received")
_set_clock_offset_us, _set_clock_jumped = _setter("clock_offset_us"), _setter("clock_jumped")
_set_began_us, _set_durations_us, _set_alike = _setter("began_us"), _setter("durations_us"), _setter("alike")
_set_raw, _set_read = _setter("_raw"), _setter("_read")


def read_alike(numbers: Numbers, raw: bytes, alike: Alike) -> model.Measurement | None:
    """A measurement that is like others, of its numbers; `None` where they do not tell all. Raises `ValueError`."""
    durations_us = tuple(numbers.observations.duration_us[:])  # a slice is copied at once
    return _read_alike(numbers, durations_us, raw, alike) if len(durations_us) == alike.steps else None


def _read_alike(
    message: wire.Measurement | Numbers, durations_us: tuple[int, ...], raw: bytes, alike: Alike
) -> model.Measurement:
    """Reads what varies now, and leaves the rest for later: it can be read, since that of others like it could.

    Raises `ValueError` for an impossible time.
    """
    began_us, bare = microseconds_of(message.started_at), alike.bare
    one = _new(model.Measurement)
    _set_alike(one, alike)
    _set_target(one, bare.target)
    _set_platform(one, bare.platform)
    _set_agent_version(one, bare.agent_version)
    _set_depth(one, bare.depth)
    _set_clock_jumped(one, bare.clock_jumped)
    _set_began_us(one, began_us)
    _set_epoch(one, message.epoch)
    _set_sequence(one, message.sequence)
    _set_plan_version(one, message.plan_version)
    _set_request(one, message.request)
    _set_duration_us(one, message.duration_us)
    _set_bytes_sent(one, message.bytes_sent)
    _set_bytes_received(one, message.bytes_received)
    _set_clock_offset_us(one, message.clock_offset_us if message.HasField("clock_offset_us") else None)
    _set_durations_us(one, durations_us)
    _set_raw(one, raw)
    _set_read(one, _observations_of)
    return one


def _observations_of(raw: bytes) -> tuple[model.Observation, ...]:
    return _observations(wire.Measurement.FromString(raw))


def _observations(message: wire.Measurement) -> tuple[model.Observation, ...]:
    return tuple(filter(None, map(_observation_from_message, message.observations)))


def _read(message: wire.Measurement) -> model.Measurement:
    """All of it at once."""
    return model.Measurement(
        epoch=message.epoch,
        sequence=message.sequence,
        agent_version=message.agent_version,
        plan_version=message.plan_version,
        platform=message.platform,
        target=message.target,
        started_at=from_timestamp(message.started_at),
        duration_us=message.duration_us,
        trigger=_TRIGGERS.get(message.trigger, Trigger.UNKNOWN),
        depth=_DEPTHS.get(message.depth, Depth.UNKNOWN),
        network=_network(message.network.SerializeToString()),
        observations=_observations(message),
        bytes_sent=message.bytes_sent,
        bytes_received=message.bytes_received,
        request=message.request,
        clock_offset_us=message.clock_offset_us if message.HasField("clock_offset_us") else None,
        clock_jumped=message.clock_jumped if message.HasField("clock_jumped") else None,
    )


@lru_cache(SHARED)
def _network(raw: bytes) -> model.NetworkContext:
    return network_from_message(wire.NetworkContext.FromString(raw))


def network_from_message(message: wire.NetworkContext) -> model.NetworkContext:
    """The network context that a message holds."""
    return model.NetworkContext(
        isp=message.isp,
        kind=_KINDS.get(message.kind, NetworkKind.UNKNOWN),
        vpn=message.vpn if message.HasField("vpn") else None,
        ipv4=message.ipv4 if message.HasField("ipv4") else None,
        ipv6=message.ipv6 if message.HasField("ipv6") else None,
        metered=message.metered if message.HasField("metered") else None,
        captive_portal=message.captive_portal if message.HasField("captive_portal") else None,
        lab=message.lab,
        changed=message.changed if message.HasField("changed") else None,
        seen_isp=message.seen_isp,
    )


def _observation_from_message(message: wire.Observation) -> model.Observation | None:
    detail = read_detail(message)
    if detail is None:
        return None
    return model.Observation(
        detail=detail,
        hop=message.hop,
        attempt=message.attempt,
        offset_us=message.offset_us,
        duration_us=message.duration_us,
        failure=message.failure if message.HasField("failure") else None,
        failure_detail=message.failure_detail,
    )
