"""A collector process asks agents to measure now, over their sessions, when one of them is at odds with the verdict."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role
from support.collector_server import Agent, Link
from support.factories import RESET, URL, Story, tls_trouble, works

from .test_app import Process, served

PATIENCE_S = 60
TARGETS = f'''
[[platform]]
id = "x"
name = "X"
category = "SOCIAL"
[[platform.target]]
url = "{URL}"
interval = "60s"
[[reference]]
url = "https://example.com/"
'''


def told(story: Story, sequence: int, *, ago_s: float) -> link.MeasurementBatch:
    """What an agent measured lately."""
    measurement = story.measurement(at=time.time() - ago_s)
    numbered = replace(measurement, epoch=1, sequence=sequence, platform="x", target=URL)
    return link.MeasurementBatch(measurements=[to_message(numbered)])


async def asked(session: Link) -> link.MeasureNow:
    async with asyncio.timeout(PATIENCE_S):
        while (response := await session.next()).WhichOneof("message") != "measure_now":
            continue
    return response.measure_now


async def reachable(collector: Process) -> None:
    while '"reachable"' not in collector.get("/api/v1/verdicts")[1]:  # noqa: ASYNC110 - another process decides
        await asyncio.sleep(0.1)


async def test_an_anomaly_has_the_other_agents_and_the_control_asked(tmp_path: Path) -> None:
    targets = tmp_path / "targets.toml"
    targets.write_text(TARGETS, encoding="utf-8")
    async with served(tmp_path, "--targets", str(targets)) as collector, AsyncExitStack() as stack:
        control = await Agent.join(collector.agents, collector.invite(tmp_path, "", Role.CONTROL))
        abroad = await stack.enter_async_context(control.session())
        await abroad.acknowledged(told(works(), 1, ago_s=90))
        sessions = []
        for _ in range(3):
            agent = await Agent.join(collector.agents, collector.invite(tmp_path))
            sessions.append(await stack.enter_async_context(agent.session()))
            await sessions[-1].acknowledged(told(works(), 1, ago_s=90))
        async with asyncio.timeout(PATIENCE_S):
            await reachable(collector)
        first, second, third = sessions
        await first.acknowledged(told(tls_trouble(RESET), 2, ago_s=10))
        requests = [await asked(session) for session in (second, third, abroad)]
        assert {("x", URL)} == {(request.platform, request.target) for request in requests}
        assert len(requests) == len({request.request for request in requests})
        _, metrics = collector.get("/metrics")
        assert 'rabta_collector_measure_now_requests_total{result="given"} 3' in metrics
        assert "rabta_collector_open_questions 1" in metrics
