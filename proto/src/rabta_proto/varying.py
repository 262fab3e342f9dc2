"""What varies from one measurement to the next, read for a whole batch and without the rest.

To the schema here texts and messages are mere bytes, which costs a third of reading them. And a measurement has one
observation: where a message that cannot be repeated comes again, its parts are put together
(https://protobuf.dev/programming-guides/encoding/#last-one-wins), so that the durations of all of them are one list.
Where that is shorter than there are observations, zeros were left out.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from rabta_proto.v1 import measurement_pb2 as wire

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

PACKAGE = "rabta.varying"


class Seen(Protocol):
    """Of all observations of a measurement."""

    duration_us: Sequence[int]


class Numbers(Protocol):
    """The fields of a `rabta.v1.Measurement` that are numbers of its own."""

    epoch: int
    sequence: int
    plan_version: int
    started_at: Timestamp
    duration_us: int
    bytes_sent: int
    bytes_received: int
    clock_offset_us: int
    request: int
    observations: Seen

    def HasField(self, name: str) -> bool: ...  # noqa: N802 - protobuf's own


def read_numbers(body: bytes) -> Sequence[Numbers]:
    """Of each measurement in the bytes of a `MeasurementBatch`. Raises `DecodeError`."""
    found: Sequence[Numbers] = _batch_class().FromString(body).measurements
    return found


@cache
def _batch_class() -> Any:
    """Made when it is first asked for: agents never ask."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    whole = descriptor_pb2.FileDescriptorProto.FromString(wire.DESCRIPTOR.serialized_pb)
    fields = {message.name: message.field for message in whole.message_type}
    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(whole.dependency)
    measurement, seen, batch = (file.message_type.add(name=name) for name in ("Measurement", "Seen", "Batch"))
    for field in fields["Measurement"]:
        _add(measurement, field)
    for field in fields["Observation"]:
        _add(seen, field)
    _named(measurement, "observations").MergeFrom(
        kinds(type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=f".{PACKAGE}.Seen")
    )
    _named(measurement, "started_at").MergeFrom(
        kinds(type=kinds.TYPE_MESSAGE, type_name=f".{Timestamp.DESCRIPTOR.full_name}")
    )
    _named(measurement, "clock_offset_us").MergeFrom(kinds(proto3_optional=True, oneof_index=0))
    measurement.oneof_decl.add(name="_clock_offset_us")
    _named(seen, "duration_us").label = kinds.LABEL_REPEATED
    one = batch.field.add(name="measurements", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED)
    one.type_name = f".{PACKAGE}.Measurement"
    pool = descriptor_pool.DescriptorPool()
    for needed in wire.DESCRIPTOR.dependencies:
        pool.AddSerializedFile(needed.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Batch"))


def _add(message: "DescriptorProto", field: "FieldDescriptorProto") -> None:
    """Adds a field of the schema, of the plainest type that is the same on the wire."""
    added = message.field.add(name=field.name, number=field.number, type=field.type, label=field.LABEL_OPTIONAL)
    if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE):
        added.type = field.TYPE_BYTES
    elif field.type == field.TYPE_ENUM:
        added.type = field.TYPE_INT32


def _named(message: "DescriptorProto", name: str) -> "FieldDescriptorProto":
    return next(field for field in message.field if field.name == name)
