"""Looks at what a fleet tells of the country, again and again, and holds it against what is so."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from faults.fleet import Fleet, Part
from faults.truth import ISPS, PLATFORMS, Held
from lab.waiting import until
from rabta_collector.isps import default_isps
from rabta_proto.vocabulary import IspState

LOOK_S = 1.0
LOST = (str(IspState.DEGRADED), str(IspState.DOWN))


@dataclass(slots=True, kw_only=True)
class Watch:
    """`held` has all verdicts that were told; `lost`: lines about ISPs that were said to be down, and never were."""

    system: Fleet
    held: Held
    lost: list[str] = field(default_factory=list)
    looks: int = 0
    unheard_s: float = 0.0
    """The longest that no process told of any verdict."""

    async def run(self) -> None:
        """Until it is cancelled."""
        heard_at = time.monotonic()
        while True:
            if any(await asyncio.gather(*map(self._look, self.system.decides))):
                heard_at = time.monotonic()
            self.looks += 1
            self.unheard_s = max(self.unheard_s, time.monotonic() - heard_at)
            await asyncio.sleep(LOOK_S)

    async def _look(self, part: Part) -> bool:
        """What one of them tells; not of one that has to read the journal again first."""
        answer, at = await part.ask("api/v1/verdicts"), time.time()
        if answer.status != 200:
            return False
        verdicts = json.loads(answer.text)["verdicts"]
        self.held.hear(part.name, verdicts, at)
        isps = await part.ask("api/v1/isps")
        if isps.status == 200:
            told = ((str(one["isp"]), str(one["state"])) for one in json.loads(isps.text)["isps"])
            self.lost += [f"{part.name} tells {state} of {isp}, {at:.1f}" for isp, state in told if state in LOST]
        return bool(verdicts)


@asynccontextmanager
async def watching(system: Fleet, held: Held) -> AsyncIterator[Watch]:
    """While the block runs."""
    watch = Watch(system=system, held=held)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(watch.run())
        yield watch
        running.cancel()


async def decided(system: Fleet, held: Held, within_s: float) -> None:
    """Until every process that decides has told of all platforms at its ISPs."""
    listed = [isp.id for isp in default_isps()]

    async def all_of_them() -> bool:
        owned = [(part.name, {*part.share.owned(listed)} & {*ISPS}) for part in system.decides]
        return all(held.decided(name, isp) == len(PLATFORMS) for name, isps in owned for isp in isps)

    await until(all_of_them, within=within_s)
