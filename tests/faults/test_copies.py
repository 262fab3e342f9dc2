"""What an agent copies from another one decides nothing, whichever of the processes took the two."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S
from faults.calling import ANSWER_S, greeted
from faults.fleet import Fleet, fleet
from faults.joining import join
from faults.producer import invent
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from rabta_proto.codec import to_message
from rabta_proto.model import NetworkContext
from rabta_proto.v1 import collector_pb2 as wire
from support.nats import Nats

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

ISP, MEASURED = "ptcl", 20


def measured(system: Fleet) -> wire.MeasurementBatch:
    """What anybody may say that he measured just now."""
    rng, network = Random(1), NetworkContext(isp=ISP)
    target = re.findall(r'url = "(.*)"', system.targets.read_text(encoding="utf-8"))[0]
    made = [to_message(invent(target, "x", datetime.now(UTC), rng, network)) for _ in range(MEASURED)]
    for number, one in enumerate(made, start=1):
        one.epoch, one.sequence, one.duration_us = 1, number, 1000 + number
    return wire.MeasurementBatch(measurements=made)


async def deliver(port: int, credential: str, batch: wire.MeasurementBatch) -> dict[int, int]:
    """How many there are of each outcome."""
    async with asyncio.timeout(ANSWER_S), greeted(port, credential) as call:
        await call.write(wire.SessionRequest(batch=batch).SerializeToString())
        while True:
            response = wire.SessionResponse.FromString(await call.read())
            if response.HasField("ack"):
                return {run.outcome: run.last - run.first + 1 for run in response.ack.ranges}


def knowing(system: Fleet) -> Callable[[], Awaitable[bool]]:
    """Whether all who decide know of one copy of each, since their start."""

    async def know() -> bool:
        found = [await part.sum_of("rabta_collector_copied_total") for part in system.decides]
        return found == [MEASURED] * len(found)

    return know


async def test_what_is_copied_from_an_agent_of_another_process_decides_nothing(tmp_path: Path) -> None:
    async with (
        Nats(tmp_path).running() as nats,
        fleet(tmp_path, parse_place(nats.url()), ingests=3, decides=2) as system,
    ):
        honest, copying, late = join(system.ingests[0].data, ISP, 3)
        await system.start()
        here, elsewhere, third = system.ingests
        batch = measured(system)
        assert {wire.OUTCOME_ACCEPTED: MEASURED} == await deliver(here.grpc, honest, batch)
        assert {wire.OUTCOME_REJECTED: MEASURED} == await deliver(here.grpc, copying, batch)
        assert {wire.OUTCOME_ACCEPTED: MEASURED} == await deliver(elsewhere.grpc, copying, batch)

        await until(knowing(system), within=PATIENCE_S, beat=0.1)

        async def counted() -> bool:
            return MEASURED == await (await system.ruler()).sum_of("rabta_measurements_total", step="tcp")

        await until(counted, within=PATIENCE_S, beat=0.1)
        await asyncio.gather(*(part.program.stop() for part in system.decides))
        await asyncio.gather(*(part.start() for part in system.decides))  # from their checkpoints
        assert {wire.OUTCOME_ACCEPTED: MEASURED} == await deliver(third.grpc, late, batch)
        await until(knowing(system), within=PATIENCE_S, beat=0.1)
