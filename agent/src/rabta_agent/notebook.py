"""What one measurement has seen so far, and how much longer it may go on."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from rabta_agent.ceilings import MEASUREMENT_MOST_BYTES
from rabta_agent.clock import Clock
from rabta_agent.network import Meter, Network
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.resolve import Listening
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.task import STEP_CEILING_S, Settings
from rabta_proto.model import HttpRoundTrip, Observation
from rabta_proto.vocabulary import Depth, Failure

T = TypeVar("T")

CEILING_S = 90.0
"""No measurement takes longer: a step begins only if its whole deadline still fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What all measurements of one agent share."""

    network: Network
    clock: Clock
    contexts: TlsContexts
    doh: DohClient
    rng: random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ear:
    """A query that is still heard on."""

    listening: Listening
    task: asyncio.Task[None]


class Notebook:
    """One measurement. Mutable: observations are added as steps end, and read once it is over."""

    def __init__(
        self,
        equipment: Equipment,
        settings: Settings,
        *,
        depth: Depth,
        ipv6: bool,
        byte_limit: int = MEASUREMENT_MOST_BYTES,
        authority: bytes = b"",
    ) -> None:
        self.equipment = equipment
        self.settings = settings
        self.depth = depth
        self.ipv6 = ipv6
        self.authority = authority
        self.meter = Meter()
        self._byte_limit = byte_limit
        self.started_at: datetime = equipment.clock.now()
        self.scene = Scene(
            network=equipment.network, clock=equipment.clock, meter=self.meter, zero=equipment.clock.monotonic()
        )
        self._observations: list[Observation] = []
        self._group = asyncio.TaskGroup()
        self._ears: dict[int, _Ear] = {}  # by position among the observations
        self._proved: set[tuple[int, int]] = set()
        self._end = self._loop_time() + CEILING_S

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()

    def allows(self, *steps_s: float) -> bool:
        """Whether steps with these deadlines may still begin, one after the other; none may once the bytes are used."""
        if self.meter.sent + self.meter.received > self._byte_limit:
            return False
        return self._loop_time() + sum(min(step_s, STEP_CEILING_S) for step_s in steps_s) <= self._end

    def affords(self, count: int) -> bool:
        """Whether so many bytes more are within the measurement's."""
        return self.meter.sent + self.meter.received + count <= self._byte_limit

    def deadline(self, step_s: float) -> float:
        """The event loop's time at which a step that begins now has to end."""
        return min(self._loop_time() + min(step_s, STEP_CEILING_S), self._end)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The measurement's time: queries are heard on while its steps go on, and heard out at its end.

        Those of a pass that proved its addresses are given up at the end: what else might be said of them is not waited
        for. All sockets are closed afterwards, whatever happened.
        """
        try:
            async with self._group:
                yield
                for position, ear in self._ears.items():
                    if self._pass_of(self._observations[position]) in self._proved:
                        ear.task.cancel()
        finally:
            for ear in self._ears.values():
                ear.listening.close()

    def keep(self, outcome: Outcome[T], listening: Listening | None = None) -> T | None:
        """Writes an observation down; gives back what the step opened or found. Owns `listening` from here on."""
        if listening is not None:
            task = self._group.create_task(listening.run())
            self._ears[len(self._observations)] = _Ear(listening=listening, task=task)
        self._observations.append(outcome.observation)
        return outcome.value

    def prove(self, scene: Scene) -> None:
        """Notes that a certificate vouches for an address that the machine's own resolver gave in this pass."""
        self._proved.add((scene.hop, scene.attempt))

    @staticmethod
    def _pass_of(observation: Observation) -> tuple[int, int]:
        return observation.hop, observation.attempt

    async def pause(self) -> bool:
        """The jittered pause before the second repeat; `False` when no time is left for it."""
        seconds = self.settings.repeat_pause_s * self.equipment.rng.uniform(0.5, 1.5)
        if self._loop_time() + seconds >= self._end:
            return False
        await asyncio.sleep(seconds)
        return True

    def end_redirects(self, cause: str) -> None:
        """Marks the last response as one whose redirect was not followed."""
        for index in range(len(self._observations) - 1, -1, -1):
            observation = self._observations[index]
            if isinstance(observation.detail, HttpRoundTrip):
                self._observations[index] = replace(
                    observation, failure=str(Failure.HTTP_TOO_MANY_REDIRECTS), failure_detail=cause
                )
                return

    @property
    def observations(self) -> tuple[Observation, ...]:
        """All of them, in the order in which they began, with all that was heard."""
        amended = [
            self._ears[position].listening.amend(observation) if position in self._ears else observation
            for position, observation in enumerate(self._observations)
        ]
        return tuple(sorted(amended, key=lambda observation: observation.offset_us))
