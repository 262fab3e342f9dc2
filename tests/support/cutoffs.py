"""Measurements of a host that was cut off by its name, or reached; and traces of where."""

from dataclasses import replace
from datetime import UTC, datetime

from rabta_proto.model import Measurement, Observation, PathTrace, TcpConnect, TlsHandshake
from rabta_proto.trace import Reset, TraceStep
from rabta_proto.vocabulary import AddressSource, Depth, Failure

ADDRESS, SYSTEM = "104.244.42.1", AddressSource.SYSTEM
MORNING = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _measured(host: str, *observations: Observation) -> Measurement:
    return Measurement(
        target=f"https://{host}/",
        platform="x",
        started_at=MORNING,
        duration_us=1000,
        agent_version="1",
        observations=observations,
    )


def _tls(host: str, failure: Failure | None) -> tuple[Observation, Observation]:
    tcp = TcpConnect(address=ADDRESS, port=443, source=SYSTEM)
    tls = TlsHandshake(address=ADDRESS, port=443, server_name=host, source=SYSTEM, verified=failure is None)
    return (
        Observation(detail=tcp, offset_us=0, duration_us=1),
        Observation(detail=tls, offset_us=1, duration_us=1, failure=failure),
    )


def cut_off(host: str = "a.example") -> Measurement:
    """By RST, each time."""
    return _measured(host, *_tls(host, Failure.CONNECTION_RESET), *_tls(host, Failure.CONNECTION_RESET))


def reached(host: str = "a.example") -> Measurement:
    return _measured(host, *_tls(host, None))


def traced(host: str = "a.example", *, begins: int = 5, server: int = 9, at: datetime = MORNING) -> Measurement:
    """A trace of a reset that begins so far away."""
    reset = TraceStep(ttl=begins, sent=1, resets=1, first_resets=(Reset(ttl=61, ip_id=7),), first_us=9000)
    passed = [TraceStep(ttl=ttl, sent=2, expired=True, first_us=9000) for ttl in range(1, server)]
    answered = TraceStep(ttl=server, sent=1, answered=True, answer_ttl=55, first_us=9000)
    own = (*passed[: begins - 1], reset, *passed[begins - 2 : begins - 1], reset)
    traces = (
        _trace("www.example.com", (*passed, answered), isolation=True),
        _trace(host, own, isolation=False),
    )
    seen = (Observation(detail=trace, offset_us=number, duration_us=1) for number, trace in enumerate(traces))
    return replace(_measured(host, *seen), depth=Depth.TRACE, started_at=at)


def _trace(name: str, steps: tuple[TraceStep, ...], *, isolation: bool) -> PathTrace:
    return PathTrace(address=ADDRESS, port=443, server_name=name, source=SYSTEM, isolation=isolation, steps=steps)
