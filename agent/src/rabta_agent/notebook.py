"""What one measurement has seen so far, and how much longer it may go on."""

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from rabta_agent.clock import Clock
from rabta_agent.network import Meter, Network
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import TlsContexts
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


class Notebook:
    """One measurement. Mutable: observations are added as steps end."""

    def __init__(self, equipment: Equipment, settings: Settings, *, depth: Depth, ipv6: bool) -> None:
        self.equipment = equipment
        self.settings = settings
        self.depth = depth
        self.ipv6 = ipv6
        self.meter = Meter()
        self.started_at: datetime = equipment.clock.now()
        self.scene = Scene(
            network=equipment.network, clock=equipment.clock, meter=self.meter, zero=equipment.clock.monotonic()
        )
        self._observations: list[Observation] = []
        self._end = self._loop_time() + CEILING_S

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()

    def allows(self, step_s: float) -> bool:
        """Whether a step with this deadline may still begin."""
        return self._loop_time() + min(step_s, STEP_CEILING_S) <= self._end

    def deadline(self, step_s: float) -> float:
        """The event loop's time at which a step that begins now has to end."""
        return min(self._loop_time() + min(step_s, STEP_CEILING_S), self._end)

    def keep(self, outcome: Outcome[T]) -> T | None:
        """Writes an observation down; gives back what the step opened or found."""
        self._observations.append(outcome.observation)
        return outcome.value

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
        """All of them, in the order in which they began."""
        return tuple(sorted(self._observations, key=lambda observation: observation.offset_us))
