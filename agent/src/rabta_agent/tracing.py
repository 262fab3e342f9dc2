"""A trace: where on the path a name is cut off that a measurement has just found cut off (cutoff.py).

First the innocuous name, then the target's, at one address, one connection after the other (sweep.py has which); within
the ceilings of one trace. It is a measurement of its own, `Depth.TRACE`, with one observation for each name: the one
before it goes up without waiting for it, and nothing that is seen here says whether the target is reached.
"""

import asyncio
from collections.abc import Callable

import h11

from rabta_agent.ceilings import TRACE_SECONDS
from rabta_agent.cutoff import Cutoff
from rabta_agent.notebook import Notebook
from rabta_agent.probes.http import write_request
from rabta_agent.probes.lookfar import Look, look_far
from rabta_agent.probes.step import Outcome
from rabta_agent.probes.tls import Engine
from rabta_agent.sweep import next_of_other, next_of_own, spent
from rabta_agent.urls import WebUrl
from rabta_proto.model import PathTrace
from rabta_proto.trace import TraceStep

LOOK_SECONDS = 8.0
"""For one connection, its handshake included."""

Next = Callable[[list[TraceStep]], int | None]


class Tracing:
    """One trace. `run` may be called once."""

    def __init__(self, notebook: Notebook, cutoff: Cutoff) -> None:
        self._notebook = notebook
        self._cutoff = cutoff
        self._taken: list[TraceStep] = []
        self._end = asyncio.get_running_loop().time() + TRACE_SECONDS

    async def run(self) -> None:
        url = self._cutoff.url
        names = [name for name in self._notebook.settings.innocuous_names if name != url.host]
        if not names:
            return
        other = await self._sweep(names[0], next_of_other, isolation=True)
        if any(step.connected for step in other):
            await self._sweep(url.host, lambda steps: next_of_own(steps, other, self._cutoff.cut), isolation=False)

    async def _sweep(self, name: str, find_next: Next, *, isolation: bool) -> list[TraceStep]:
        """One name, from distance to distance; what came of each connection."""
        cutoff, steps = self._cutoff, list[TraceStep]()

        async def work() -> None:
            while not spent(self._taken) and (ttl := find_next(steps)) is not None and self._has_time():
                steps.append(await self._look(name, ttl, thorough=not isolation))
                self._taken.append(steps[-1])

        def describe() -> PathTrace:
            return PathTrace(
                address=cutoff.address,
                port=cutoff.url.port,
                server_name=name,
                source=cutoff.source,
                isolation=isolation,
                tls=cutoff.url.tls,
                steps=tuple(steps),
            )

        outcome: Outcome[None] = await self._notebook.scene.timed(work(), describe, self._end + LOOK_SECONDS)
        self._notebook.keep(outcome)
        return steps

    def _has_time(self) -> bool:
        return self._notebook.allows(LOOK_SECONDS) and asyncio.get_running_loop().time() < self._end

    async def _look(self, name: str, ttl: int, *, thorough: bool) -> TraceStep:
        cutoff, loop = self._cutoff, asyncio.get_running_loop()
        words = self._words(name)
        look = Look(address=cutoff.address, port=cutoff.url.port, ttl=ttl, words=words, thorough=thorough)
        return await look_far(self._notebook.scene, look, loop.time() + LOOK_SECONDS)

    def _words(self, name: str) -> bytes:
        """What a connection to this name begins with, as it does in measurements: a ClientHello, or a request."""
        url = self._cutoff.url
        if url.tls:
            engine = Engine(self._notebook.equipment.contexts.unverified, name)
            engine.advance()
            return engine.take()
        return write_request(
            h11.Connection(h11.CLIENT), WebUrl(scheme=url.scheme, host=name, port=url.port, path=url.path)
        )
