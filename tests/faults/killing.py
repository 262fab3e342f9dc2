"""Kills a part of a fleet, or a node under it, waits until the others go on, and starts it again."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from random import Random

from faults.fleet import Fleet, Part
from faults.tellers import Turn
from rabta_collector.isp_share import IspShare
from support.nats import Nats

CUT_S = 4.0
"""Longer than it takes until agents are asked for patience, and shorter than until sessions end."""


RETURN_S = 45.0
"""For which the next kill waits; one that decides has much to read on a full machine, and others can die meanwhile."""


class Victim(StrEnum):
    """Who is killed."""

    INGEST = "ingest"
    DECIDE = "decide"
    """One that tells Prometheus of the country, or of its share of it."""

    STANDBY = "standby"
    """Another one of a share."""

    LEADER = "leader"
    """The node that leads the journal."""

    NODE = "node"
    """Another one."""

    CUT = "cut"
    """Nobody: for a while no node answers anybody, as behind a cut."""


KILLED = tuple(victim for victim in Victim if victim is not Victim.CUT)


@dataclass(slots=True, kw_only=True)
class Killer:
    """`goes_on` returns when more is acknowledged. What was done: how often, and the longest that it took.

    `take_over_s`: until another process told of the country; `back_s`: until one that was started again was ready.
    """

    system: Fleet
    nats: Nats
    random: Random
    goes_on: Callable[[], Awaitable[None]]
    kills: Counter[Victim] = field(default_factory=Counter)
    ended: list[Turn] = field(default_factory=list)
    """When each process was killed that decides, or takes agents."""

    take_over_s: float = 0.0
    back_s: float = 0.0
    resumed_s: float = 0.0
    _returning: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Of each that was killed: until it is ready again."""

    async def kill(self, victim: Victim) -> None:
        if victim in (Victim.DECIDE, Victim.STANDBY):
            await self.all_back()
        self.kills[victim] += 1
        match victim:
            case Victim.INGEST:
                await self._kill_part(self.random.choice(self.system.ingests))
            case Victim.DECIDE:
                share = self.random.choice(self.system.shares)
                await self._kill_part(await self.system.ruler(share), then=partial(self._taken_over, share))
            case Victim.STANDBY:
                share = self.random.choice(self.system.shares)
                ruler = await self.system.ruler(share)
                others = [one for one in self.system.of_share(share) if one is not ruler]
                await self._kill_part(self.random.choice(others))
            case Victim.CUT:
                await self._cut()
            case _:
                await self._kill_node(leader=victim is Victim.LEADER)
        await self.nats.whole()

    async def _kill_part(self, part: Part, then: Callable[[], Awaitable[None]] | None = None) -> None:
        if (returning := self._returning.get(part.name)) is not None:
            await returning
        self.ended.append(Turn(time.time(), part.name, tells=False))
        part.program.kill()
        await part.program.ended()
        await (then or self._resumed)()
        self._returning[part.name] = returning = asyncio.create_task(self._bring_back(part))
        await asyncio.wait([returning], timeout=RETURN_S)
        if returning.done():
            returning.result()

    async def _bring_back(self, part: Part) -> None:
        began = time.monotonic()
        await part.start()
        self.back_s = max(self.back_s, time.monotonic() - began)

    async def all_back(self) -> None:
        """Until everything that was killed is ready again."""
        for returning in self._returning.values():
            await returning

    async def _kill_node(self, *, leader: bool) -> None:
        first = await self.nats.leader()
        node = first if leader else self.random.choice([one for one in self.nats.nodes if one is not first])
        node.kill()
        await self._resumed()
        node.start()

    async def _cut(self) -> None:
        with contextlib.ExitStack() as stack:
            for node in self.nats.nodes:
                node.stand_still()
                stack.callback(node.go_on)
            await asyncio.sleep(CUT_S)
        await self._resumed()

    async def _resumed(self) -> None:
        began = time.monotonic()
        await self.goes_on()
        self.resumed_s = max(self.resumed_s, time.monotonic() - began)

    async def _taken_over(self, share: IspShare) -> None:
        """By the log of the one that took over, which knows it sooner than who asks all of them in turn."""
        killed = self.ended[-1]
        await self.system.ruler(share)
        began = [turn.at for turn in self.system.turns(share) if turn.tells and turn.at > killed.at]
        self.take_over_s = max(self.take_over_s, min(began, default=killed.at) - killed.at)

    async def roll(self) -> None:
        """Restarts everything, one after the other: each is asked to end, and is ready again before the next one is."""
        await self.all_back()
        for part in self.system.parts:
            await part.program.stop()
            await part.start()
        for node in self.nats.nodes:
            node.stop()
            node.start()
            await self.nats.whole()
            await self.goes_on()
