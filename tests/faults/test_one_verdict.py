"""Agents of a collector in parts, whichever part has them, make one verdict, and a rolling restart moves it not."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S
from faults.fleet import Part, fleet, one_tells
from lab.system import free_port
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats
from support.web_server import serving

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]


async def test_agents_of_two_processes_make_one_verdict_and_are_asked_through_the_one_that_has_them(
    tmp_path: Path,
) -> None:
    """Whole agents, which measure a site on loopback that then goes away; what is decided is the same at both."""
    async with Nats(tmp_path).running() as nats, AsyncExitStack() as site:
        url = await site.enter_async_context(serving(port=free_port()))  # which nobody has once it is gone
        port = urlsplit(url).port or 0
        async with fleet(tmp_path, parse_place(nats.url()), site=port, interval="5s") as system:
            await system.start()
            joins = (
                system.join(f"agent{number}", url=part.url, whole=True, control=number > 3)
                for number, part in enumerate(system.ingests * 3)
            )
            for member in await asyncio.gather(*joins):
                await member.program.start()

            async def state_is(reachable: bool) -> bool:
                verdicts = [await verdict(part) for part in system.decides]
                return all((one == "reachable") is reachable and one for one in verdicts)

            await until(lambda: state_is(True), within=PATIENCE_S)
            await site.aclose()
            await until(lambda: state_is(False), within=PATIENCE_S)
            await until(lambda: all_say(system.decides, "down"), within=PATIENCE_S)  # to which it comes in the end

            async def all_were_asked() -> bool:
                name = "rabta_collector_measure_now_requests_total"
                return all([await part.sum_of(name, result="given") > 0 for part in system.ingests])

            await until(all_were_asked, within=PATIENCE_S)
            await until(lambda: one_tells(system.decides), within=PATIENCE_S)
            await until(lambda: all_say(system.ingests, "down"), within=PATIENCE_S)
            before = await changes(system.decides[0])
            for part in system.parts:  # a rolling restart moves no verdict
                await part.program.stop()
                await part.start()
            assert await state_is(False)
            assert [before] * 2 == [await changes(part) for part in system.decides]


async def changes(part: Part) -> list[str]:
    """To what the only verdict changed, one time after the other."""
    rows = json.loads((await part.ask("api/v1/events?isp=ptcl&platform=x")).text)["events"]
    return [str(row["to"]) for row in rows]


async def verdict(part: Part) -> str:
    """On the only platform at the only ISP with agents; empty where there is none yet."""
    answer = await part.ask("api/v1/verdicts?isp=ptcl&platform=x")
    rows = json.loads(answer.text)["verdicts"] if answer.status == 200 else []
    return str(rows[0]["state"]) if rows else ""


async def all_say(parts: Iterable[Part], state: str) -> bool:
    return {state} == {await verdict(part) for part in parts}
