"""Agents in one process that send on and on; the first says what it is told, and how its sessions end, as that happens.

    python -m faults.witness ERRAND     JSON: `Errand`

What was not acknowledged is sent again, cut otherwise. Each line has Unix seconds and a word: of a message (`ack`,
`slow_down`), or of an end (`UNAVAILABLE`). On SIGTERM everybody stops; then one line of JSON says of each agent its
epoch, how many of its numbers, from 1 on, were acknowledged, and how many it had sent.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import grpc.aio

from faults.calling import ANSWER_S, greeted
from faults.producer import invent
from rabta_proto.codec import to_message
from rabta_proto.model import NetworkContext
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import Measurement

REST_S = 0.5
BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """`credentials`: a file with a line AGENT.SECRET for each; a batch of so many every so often, for `targets`."""

    ports: tuple[int, ...]
    credentials: str
    targets: tuple[str, ...]
    batch: int
    every_s: float


class Agent:
    """One of them. `acked`: up to this number all is acknowledged."""

    def __init__(self, errand: Errand, number: int, credential: str) -> None:
        self._errand, self._credential, self._number = errand, credential, number
        self._rng = Random(number)
        self.epoch, self.acked, self.sent = time.time_ns() // 1000 + number, 0, 0
        network = NetworkContext(isp="ptcl")
        now = datetime.now(UTC)
        self._made = [to_message(invent(target, "x", now, self._rng, network)) for target in errand.targets]

    @property
    def id(self) -> str:
        return self._credential.partition(".")[0]

    def note(self, what: str) -> None:
        """What the agent is told, or how its session ended."""
        if self._number == 0:
            sys.stdout.write(f"{time.time():.3f} {what}\n")
            sys.stdout.flush()

    async def live(self, stopping: asyncio.Event) -> None:
        """From one place to the next, until it is to stop."""
        place = self._number
        while not stopping.is_set():
            try:
                await self._session(self._errand.ports[place % len(self._errand.ports)], stopping)
            except grpc.aio.AioRpcError as ended:
                self.note(ended.code().name)
            except BROKEN as broken:
                self.note(type(broken).__name__)
            place += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_S * (1 + self._rng.random())):
                    await stopping.wait()

    async def _session(self, port: int, stopping: asyncio.Event) -> None:
        async with greeted(port, self._credential) as call:
            while not stopping.is_set():
                size = self._errand.batch if self.sent == self.acked else self._rng.randint(1, self._errand.batch)
                async with asyncio.timeout(ANSWER_S):
                    await self._deliver(call, size)
                await asyncio.sleep(self._errand.every_s * (0.5 + self._rng.random()))

    async def _deliver(self, call: object, size: int) -> None:
        first, last = self.acked + 1, self.acked + size
        self.sent = max(self.sent, last)
        batch = wire.MeasurementBatch(measurements=self._measurements(first, last))
        await call.write(wire.SessionRequest(batch=batch).SerializeToString())  # type: ignore[attr-defined]
        while (raw := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
            response = wire.SessionResponse.FromString(raw)
            self.note(str(response.WhichOneof("message")))
            if response.HasField("ack"):
                taken = sum(
                    run.last - run.first + 1 for run in response.ack.ranges if run.outcome != wire.OUTCOME_REJECTED
                )
                assert taken == size, f"not taken: {response.ack}"
                self.acked = last
                return
        raise ConnectionError("the session ended")

    def _measurements(self, first: int, last: int) -> Iterator[Measurement]:
        now = datetime.now(UTC)
        for sequence in range(first, last + 1):
            one = self._made[sequence % len(self._made)]
            one.epoch, one.sequence = self.epoch, sequence
            one.started_at.FromDatetime(now)
            one.duration_us = 1000 + sequence  # no two of an agent are the same
            yield one


async def main(errand: Errand, lines: list[str]) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    agents = [Agent(errand, number, line) for number, line in enumerate(lines)]
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.live(stopping))
    told = {agent.id: [agent.epoch, agent.acked, agent.sent] for agent in agents}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asked = Errand(**json.loads(sys.argv[1]))
    asyncio.run(main(asked, Path(asked.credentials).read_text(encoding="utf-8").split()))
