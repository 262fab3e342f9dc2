"""What measurements have in common that differ in nothing but numbers of their own: when, how long, how many bytes.

A site that works looks the same again and again; whatever follows from that look is worked out once. Measurements are
alike where all of their fields but those in `VARYING` are equal, which is seen on their bytes. What they share is kept
as a measurement that lacks these fields (`Alike.bare`): whoever asks it for one gets an `AttributeError`, so nothing
that hangs on one can be taken for what all of them have in common.

Measurements with timed reads are like no others, nor are traces, nor large ones, nor those with a step which this code
does not know.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from rabta_proto import model
from rabta_proto.v1 import measurement_pb2 as wire

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

Value = TypeVar("Value")

VARYING: Mapping[type, frozenset[str]] = {
    model.Measurement: frozenset(
        {
            *("epoch", "sequence", "plan_version", "request", "started_at", "duration_us"),
            *("bytes_sent", "bytes_received", "clock_offset_us"),
        }
    ),
    model.Observation: frozenset({"offset_us", "duration_us"}),
    model.DnsQuery: frozenset(),
    model.DnsReply: frozenset(),
    model.DnsAnswer: frozenset({"ttl_s"}),
    model.TlsHandshake: frozenset({"first_byte_us"}),
    model.QuicHandshake: frozenset({"first_byte_us"}),
    model.VpnHandshake: frozenset({"first_byte_us"}),
    model.HttpRoundTrip: frozenset({"body_bytes", "declared_bytes", "body_sha256", "body_simhash"}),
}
"""Fields by class, and by the message of that name: most pages are made anew for everyone."""

MOST_BYTES, MOST_VALUES = 4096, 400
"""Of a measurement that others may be like; a usual one has 800 and 200. What strangers make up takes no more room."""


class Alike:
    """What some measurements have in common. `steps`: how many observations each of them has.

    `place`: their platform and target. `key`: their likeness.
    """

    __slots__ = ("bare", "key", "known", "place", "steps")

    def __init__(self, measurement: model.Measurement, key: bytes) -> None:
        self.key = key
        self.bare: model.Measurement = _without(measurement)
        self.place = (measurement.platform, measurement.target)
        self.steps = len(measurement.observations)
        self.known: dict[object, Any] = {}
        """By what was asked of them: its answer."""


def by_likeness(work: Callable[[model.Measurement], Value]) -> Callable[[model.Measurement], Value]:
    """Has pure work done once for all measurements that are alike; it may ask for no field that varies."""

    @wraps(work)
    def known(measurement: model.Measurement) -> Value:
        alike = measurement.alike
        if alike is None:
            return work(measurement)
        try:
            value: Value = alike.known[work]
        except KeyError:
            value = alike.known[work] = work(alike.bare)
        return value

    return known


def likeness(raw: bytes) -> bytes:
    """The bytes of a measurement without the fields that vary; equal for those that are alike. Raises `DecodeError`."""
    return _discard(_bare_class("Measurement"), raw)


def likenesses(body: bytes) -> bytes:
    """The same of every measurement of a `MeasurementBatch`, as another such batch."""
    return _discard(_bare_class("MeasurementBatch"), body)


def _discard(kind: Any, raw: bytes) -> bytes:
    bare = kind.FromString(raw)
    bare.DiscardUnknownFields()
    return bytes(bare.SerializeToString())


class Looks:
    """What is known of measurements that are alike, by their likeness: the `most` that were asked for last, about."""

    def __init__(self, make: Callable[[bytes], Alike | None], most: int) -> None:
        """`make`: of one that is not known; `None` where nothing is like it."""
        self._make, self._most = make, most
        self._young: dict[bytes, Alike | bool] = {}
        self._old: dict[bytes, Alike | bool] = {}

    def of(self, key: bytes) -> Alike | None:
        """What those of a likeness have in common."""
        found = self._young.get(key)
        return (self._find(key) if found is None else found) or None  # type: ignore[return-value] # True is never kept

    def _find(self, key: bytes) -> Alike | bool:
        found = self._old.pop(key, None)
        if found is None:
            found = self._make(key) or False
        if 2 * len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = found
        return found


def count_values(thing: Any) -> int:
    """How many values are in a measurement, or in a part of one."""
    if isinstance(thing, tuple):
        return sum(map(count_values, thing))
    if type(thing) not in VARYING:
        return 1
    return sum(count_values(getattr(thing, field.name)) for field in fields(thing))


def _without(thing: Any) -> Any:
    """The same, and of the same class, without the fields that vary."""
    if isinstance(thing, tuple):
        return tuple(map(_without, thing))
    if (varying := VARYING.get(type(thing))) is None:
        return thing
    bare = object.__new__(type(thing))
    for field in fields(thing):
        if field.name not in varying:
            object.__setattr__(bare, field.name, _without(getattr(thing, field.name)))
    if isinstance(thing, model.Measurement):
        object.__setattr__(bare, "alike", None)
    return bare


@cache
def _bare_class(name: str) -> Any:
    """A message class that knows all fields but those that vary; to it they are unknown, and can be discarded."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_bare_pool().FindMessageTypeByName(f"{wire.DESCRIPTOR.package}.{name}"))


@cache
def _bare_pool() -> "DescriptorPool":
    """The schema of such classes. Texts, and messages in which nothing varies, are bytes to it, which is quick.

    Made where one is asked for: it is a second schema in memory, and agents never ask.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool

    names = {kind.__name__: varying for kind, varying in VARYING.items()}
    file = descriptor_pb2.FileDescriptorProto.FromString(wire.DESCRIPTOR.serialized_pb)
    bare = {message.name for message in file.message_type if not _varies(message.name, file, names)}
    for message in file.message_type:
        kept = [field for field in message.field if field.name not in names.get(message.name, ())]
        for field in kept:
            whole = field.type == field.TYPE_MESSAGE and field.type_name.rpartition(".")[2] in bare
            if whole or field.type == field.TYPE_STRING:
                field.type = field.TYPE_BYTES
                field.ClearField("type_name")
        _keep(message, kept)
    batch = file.message_type.add(name="MeasurementBatch").field.add(name="measurements", number=1)
    batch.type, batch.label, batch.type_name = batch.TYPE_MESSAGE, batch.LABEL_REPEATED, ".rabta.v1.Measurement"
    pool = descriptor_pool.DescriptorPool()
    for needed in wire.DESCRIPTOR.dependencies:
        pool.AddSerializedFile(needed.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _varies(name: str, file: "FileDescriptorProto", names: Mapping[str, Collection[str]]) -> bool:
    """Whether anything varies in a message of that name, or in one that it holds."""
    message = next((message for message in file.message_type if message.name == name), None)
    if message is None:
        return False
    inner = (field.type_name.rpartition(".")[2] for field in message.field if field.type == field.TYPE_MESSAGE)
    return bool(names.get(name)) or any(_varies(one, file, names) for one in inner)


def _keep(message: "DescriptorProto", kept: "list[FieldDescriptorProto]") -> None:
    """Leaves a message so many fields, and the `oneof`s that they belong to."""
    from google.protobuf import descriptor_pb2

    left = sorted({field.oneof_index for field in kept if field.HasField("oneof_index")})
    oneofs = [descriptor_pb2.OneofDescriptorProto(name=message.oneof_decl[index].name) for index in left]
    copies = [descriptor_pb2.FieldDescriptorProto.FromString(field.SerializeToString()) for field in kept]
    for field in copies:
        if field.HasField("oneof_index"):
            field.oneof_index = left.index(field.oneof_index)
    del message.field[:], message.oneof_decl[:]
    message.field.extend(copies)
    message.oneof_decl.extend(oneofs)
