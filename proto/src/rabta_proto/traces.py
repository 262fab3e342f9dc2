"""A trace of the path, on the wire and back. Total in both directions."""

from rabta_proto.numbers import SOURCES, inverse
from rabta_proto.trace import PathTrace, Reset, TraceStep
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import AddressSource

_SOURCES = inverse(SOURCES)


def trace_to_message(trace: PathTrace) -> wire.PathTrace:
    """The wire's form of a trace."""
    return wire.PathTrace(
        address=trace.address,
        port=trace.port,
        source=wire.AddressSource.ValueType(SOURCES.get(trace.source, 0)),
        server_name=trace.server_name,
        isolation=trace.isolation,
        tls=trace.tls,
        steps=map(_step_to_message, trace.steps),
    )


def trace_from_message(message: wire.PathTrace) -> PathTrace:
    """The trace that a message holds."""
    return PathTrace(
        address=message.address,
        port=message.port,
        source=_SOURCES.get(message.source, AddressSource.UNKNOWN),
        server_name=message.server_name,
        isolation=message.isolation,
        tls=message.tls,
        steps=tuple(map(_step_from_message, message.steps)),
    )


def _step_to_message(step: TraceStep) -> wire.TraceStep:
    return wire.TraceStep(
        ttl=step.ttl,
        connected=step.connected,
        sent=step.sent,
        expired=step.expired,
        answered=step.answered,
        answer_ttl=step.answer_ttl,
        resets=step.resets,
        first_resets=[wire.Reset(ttl=one.ttl, ip_id=one.ip_id) for one in step.first_resets],
        first_us=step.first_us,
    )


def _step_from_message(message: wire.TraceStep) -> TraceStep:
    return TraceStep(
        ttl=message.ttl,
        connected=message.connected,
        sent=message.sent,
        expired=message.expired,
        answered=message.answered,
        answer_ttl=message.answer_ttl if message.HasField("answer_ttl") else None,
        resets=message.resets,
        first_resets=tuple(
            Reset(ttl=one.ttl, ip_id=one.ip_id if one.HasField("ip_id") else None) for one in message.first_resets
        ),
        first_us=message.first_us if message.HasField("first_us") else None,
    )
