"""What every step of a measurement has in common: its place, its clock, its deadline, and the one place that catches.

`Scene.timed` always returns an observation, and a value only on success; it holds the single `except` of all probes.
Cancellation from outside is never swallowed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from rabta_agent.clock import Clock
from rabta_agent.failure import classify
from rabta_agent.network import Meter, Network
from rabta_proto.model import Detail, Observation

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What a step has seen, and what it opened or found if it succeeded."""

    observation: Observation
    value: T | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and when the steps of one measurement happen. `zero` is the clock's reading at the measurement's start."""

    network: Network
    clock: Clock
    meter: Meter
    zero: float
    hop: int = 0
    attempt: int = 1

    def at(self, *, hop: int, attempt: int) -> "Scene":
        return replace(self, hop=hop, attempt=attempt)

    def elapsed_us(self) -> int:
        """Microseconds since the measurement began."""
        return max(0, round((self.clock.monotonic() - self.zero) * 1e6))

    async def timed(self, work: Awaitable[T], describe: Callable[[], Detail], deadline: float) -> Outcome[T]:
        """Does the work until the event loop's time `deadline`; `describe` tells afterwards what was seen."""
        begun_us = self.elapsed_us()
        failure: str | None = None
        cause, value = "", None
        try:
            async with asyncio.timeout_at(deadline):
                value = await work
        except Exception as error:  # what a stranger sends may break any parser: none of it may end the measurement
            trouble = classify(error)
            failure, cause = str(trouble.failure), trouble.detail
        observation = Observation(
            detail=describe(),
            offset_us=begun_us,
            duration_us=self.elapsed_us() - begun_us,
            failure=failure,
            failure_detail=cause,
            hop=self.hop,
            attempt=self.attempt,
        )
        return Outcome(observation=observation, value=value)
