"""Whether a trace follows a measurement: only where the volunteer lets the agent trace, the plan asks for it, the
target was just cut off, and the day's traces are not used up.

What was traced today is noted before the trace begins, in the home, so that neither a crash nor a restart makes room
for more. One trace runs at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from rabta_agent.ceilings import TRACE_BYTES, TRACES_DAY, TRACES_OF_ONE
from rabta_agent.cutoff import Cutoff, find_cutoff
from rabta_agent.task import Settings, Task
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth

NOTE = "traces"
"""Name of the note in the home."""

logger = structlog.get_logger()


class Traces(Protocol):
    """What makes a trace; `rabta_agent.measure.Prober` is the one there is."""

    async def trace(self, task: Task, cutoff: Cutoff, settings: Settings, network: NetworkContext) -> Measurement:
        """Never raises for what the network does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The traces of one UTC day, by host."""

    day: str
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, noted: dict[str, object], now: datetime) -> "Today":
        """As it was noted; nothing of another day, nor of a note that cannot be read."""
        day, hosts = f"{now.astimezone(UTC):%Y-%m-%d}", noted.get("hosts")
        if noted.get("day") != day or not isinstance(hosts, list):
            return cls(day=day)
        return cls(day=day, hosts=tuple(map(str, hosts)))

    def allows(self, host: str) -> bool:
        return len(self.hosts) < TRACES_DAY and self.hosts.count(host) < TRACES_OF_ONE

    def with_one_more(self, host: str) -> "Today":
        return replace(self, hosts=(*self.hosts, host))


class Tracer:
    """Follows measurements with traces. `read` and `write` are those of the home's note."""

    def __init__(
        self, traces: Traces, *, read: Callable[[], dict[str, object]], write: Callable[[dict[str, object]], None]
    ) -> None:
        self._traces = traces
        self._noted, self._write = read(), write
        self._busy = False

    async def follow(
        self, measurement: Measurement, task: Task, settings: Settings, network: Callable[[], NetworkContext]
    ) -> Measurement | None:
        """The trace that follows a measurement; `None`: none does. The caller has seen that bytes and time allow it."""
        cutoff, today = find_cutoff(measurement), Today.of(self._noted, measurement.started_at)
        if cutoff is None or self._busy or not today.allows(cutoff.url.host):
            return None
        self._busy = True
        try:
            today = today.with_one_more(cutoff.url.host)
            self._noted = {"day": today.day, "hosts": list(today.hosts)}
            self._write(self._noted)
            logger.info("trace.start", target=task.target, today=len(today.hosts))
            return await self._traces.trace(trace_task(task), cutoff, settings, network())
        finally:
            self._busy = False


def trace_task(task: Task) -> Task:
    """The trace of what a task measured."""
    return replace(task, depth=Depth.TRACE, request=0, transfer=None, byte_limit=TRACE_BYTES)
