"""Processes that share the ISPs, watched by the real Prometheus by the rules that ship: one country, whoever tells."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S
from faults.crowd import EACH
from faults.fleet import Fleet, fleet, one_tells
from faults.gathering import Crowd, assemble, gather
from faults.test_crowd import SETTINGS
from faults.truth import ISPS, PLATFORMS, WALLED, Truth, targets_file
from lab.monitoring import Monitoring, Places
from lab.system import free_port
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats
from support.programs import require

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

AGENTS, RATE, CONTROL_S = 42, 200.0, 0.05
NEVER = (4e9, 5e9)
CELLS = len(ISPS) * len(PLATFORMS)
OF_COUNTRY = '{__name__=~"rabta_.+", __name__!~"rabta_collector_.+"}'
TOLD_TWICE = f'count without (instance) (label_replace({OF_COUNTRY}, "series", "$1", "__name__", "(.+)")) > 1'
BLOCKED = 'count(ALERTS{alertname="RabtaPlatformBlocked", alertstate="firing"})'
NATIONWIDE = 'count(ALERTS{alertname="RabtaPlatformBlockedNationwide", alertstate="firing"})'
OTHERS = (
    'ALERTS{alertstate="firing", alertname!~"RabtaWatchdog|RabtaPlatformBlocked|RabtaPlatformBlockedNationwide'
    '|RabtaProcessDown|RabtaTooFewAgents"}'
)
STOOD_S = 20


async def begin(stack: AsyncExitStack, system: Fleet) -> Crowd:
    """The parts, and agents that send."""
    system.targets.write_text(targets_file(), encoding="utf-8")
    credentials = assemble(system, AGENTS)
    await system.start()
    pace = (EACH * AGENTS / RATE, CONTROL_S)
    crowd = gather(system, credentials, pace=pace, begin=time.time() + 1.0, truth=Truth(blocked=NEVER))
    await crowd.program.start()
    stack.push_async_callback(crowd.program.stop)
    return crowd


async def test_prometheus_sees_one_country_whoever_of_several_tells_of_it(tmp_path: Path) -> None:
    require("prometheus", "prometheus")
    require("prometheus-alertmanager", "prometheus-alertmanager")
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(Nats(tmp_path).running())
        place = parse_place(nats.url())
        system = await stack.enter_async_context(fleet(tmp_path, place, shares=2, settings=SETTINGS))
        await begin(stack, system)
        first, *others = (part.http for part in system.parts)
        places = Places(collector=first, prometheus=free_port(), alertmanager=free_port(), others=tuple(others))
        monitoring = Monitoring(tmp_path / "monitoring", places)
        stack.push_async_callback(monitoring.stop)
        await monitoring.start()

        async def gives(expression: str, value: float) -> bool:
            rows = await monitoring.query(expression)
            return [value] == [float(row["value"][1]) for row in rows]

        async def comes(expression: str, value: float) -> None:
            await until(lambda: gives(expression, value), within=PATIENCE_S, beat=0.5)

        await comes('count(rabta_verdict{state=~"blocked|reachable"} == 1)', CELLS)
        await comes(BLOCKED, len(WALLED) * len(ISPS))
        await comes(NATIONWIDE, len(WALLED))
        assert [] == await monitoring.query(TOLD_TWICE)
        await comes("sum(rabta_collector_share_told)", 2)
        await comes("count(rabta_controls_connected)", 1)
        await comes('sum(rabta_agents_connected{isp=~"ptcl|nayatel|zong|jazz"})', AGENTS - 2)

        share = system.shares[1]
        ruler = await system.ruler(share)
        ruler.program.kill()
        await ruler.program.ended()
        heir = await system.ruler(share)
        assert heir is not ruler
        await until(lambda: one_tells(system.of_share(system.shares[0])), within=PATIENCE_S)
        await asyncio.sleep(STOOD_S)  # for which everything has to stand: no wait
        stood = f"[{STOOD_S}s:1s]"
        assert await gives(f"min_over_time({BLOCKED}{stood})", len(WALLED) * len(ISPS))
        assert await gives(f"min_over_time({NATIONWIDE}{stood})", len(WALLED))
        await comes('count(rabta_verdict{state=~"blocked|reachable"} == 1)', CELLS)
        assert [] == await monitoring.query(TOLD_TWICE)
        assert [] == await monitoring.query(OTHERS)
