"""Many agents that send now and then, as agents do: each with a connection of its own, made again when it breaks.

`python -m bench.crowd` with an `Errand` as JSON. Prints one line of JSON a second (`Second`) until it is ended.
Measurements are recorded ones with keys, times and durations of their own; what was not acknowledged stays owed.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import grpc
import grpc.aio

from bench import record
from bench.load import METHOD, Maker
from fuzz.mutation import varint
from rabta_agent.backoff import delay_s
from rabta_agent.channel import OPTIONS
from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import Measurement
from support.factories import RESET, tls_trouble, works

VARIANTS = 50  # of each recorded measurement
WELCOME_S, ACK_S, BACKOFF_S = 30.0, 60.0, 60.0
OPENING = 200  # connections that one process makes at a time when it begins
TURNING = "turning"
"""A platform that can be told to be blocked for a while."""
TURNING_TARGETS = f"""
[[platform]]
id = "{TURNING}"
name = "{TURNING}"
[[platform.target]]
url = "https://x.com/"
interval = "60s"
"""
BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, ConnectionError, TimeoutError)
"""What a call raises whose connection broke; the second where it broke between two of our words."""

Call = Any  # grpc has no types of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a crowd is to do: lines of `credentials` from `first` on, a batch of so many every so often each.

    `begin`: when they begin to measure; `blocked`: from when until when probes find a platform blocked; Unix seconds.
    `roots`: to trust; empty: no TLS.
    """

    port: int
    credentials: str
    first: int
    count: int
    batch: int
    every_s: float
    roots: str = ""
    begin: float = 0.0
    blocked: tuple[float, float] = (0.0, 0.0)


@dataclass(slots=True, kw_only=True)
class Second:
    """`up`: sessions that stand; `moving`: of those, with something acknowledged since they began."""

    at: float = 0.0
    up: int = 0
    moving: int = 0
    acknowledged: int = 0
    refused: int = 0
    broken: int = 0
    cpu_s: float = 0.0
    waits_ms: list[float] = field(default_factory=list)


class Pool:
    """Bytes of measurements without what makes each of them new."""

    def __init__(self, errand: Errand) -> None:
        recorded = record.load().measurements
        self._usual = {
            role: [_bare(one) for one in self._varied([one for one in recorded if bool(one.network.isp) is probe])]
            for role, probe in (("probe", True), ("control", False))
        }
        self._blocked_from, self._blocked_until = errand.blocked
        self._works, self._fails = (
            _bare(to_message(story.measurement(platform=TURNING))) for story in (works(), tls_trouble(RESET))
        )

    @staticmethod
    def _varied(templates: list[Measurement]) -> list[Measurement]:
        maker = Maker(0, templates)
        return [one for raw in maker.batches(len(templates), VARIANTS) for one in _batch(raw)]

    def batch(self, role: str, epoch: int, first: int, count: int, began: float) -> bytes:
        """A request of `count` measurements, the last begun at a moment; one of them of the platform that turns."""
        usual, dice = self._usual[role], _DICE
        fails = role == "probe" and self._blocked_from <= began < self._blocked_until
        body = bytearray()
        for number in range(count):
            key = Measurement(epoch=epoch, sequence=first + number, duration_us=dice.randrange(40_000, 150_000))
            moment_us = int(began * 1e6) - (count - number) * 1000 - dice.randrange(1000)
            key.started_at.seconds, rest = divmod(moment_us, 1_000_000)
            key.started_at.nanos = rest * 1000
            bare = usual[dice.randrange(len(usual))] if number else self._fails if fails else self._works
            one = bare + key.SerializeToString()  # bytes of two messages, one after the other, are those of both merged
            body += b"\x0a" + varint(len(one)) + one
        return b"\x12" + varint(len(body)) + bytes(body)


_DICE = Random(os.getpid())


def _batch(raw: bytes) -> Iterator[Measurement]:
    yield from wire.SessionRequest.FromString(raw).batch.measurements


def _bare(message: Measurement) -> bytes:
    for name in ("epoch", "sequence", "duration_us", "started_at"):
        message.ClearField(name)
    return message.SerializeToString()


class Agent:
    """One of them."""

    def __init__(self, errand: Errand, number: int, line: str, pool: Pool, told: Second) -> None:
        self._errand, self._pool, self._told = errand, pool, told
        self._credential, self._role = line.split()
        self._roots = Path(errand.roots).read_bytes() if errand.roots else b""
        self._epoch = time.time_ns() // 1000 + number
        self._sequence = 1
        self._due = max(time.time(), errand.begin) + _DICE.random() * errand.every_s
        self._ack: asyncio.Future[wire.Ack] | None = None

    async def live(self, opening: asyncio.Semaphore) -> None:
        """For ever, whatever breaks."""
        failures = 0
        await opening.acquire()
        while True:
            with contextlib.suppress(*BROKEN):
                if await self._session(opening, first=not failures):
                    failures = 0
            self._told.broken += 1
            failures += 1
            await asyncio.sleep(delay_s(failures, _DICE.random(), cap_s=BACKOFF_S))

    def _channel(self) -> grpc.aio.Channel:
        target = f"127.0.0.1:{self._errand.port}"
        if not self._roots:
            return grpc.aio.insecure_channel(target, options=OPTIONS)
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(self._roots), options=OPTIONS)

    async def _session(self, opening: asyncio.Semaphore, *, first: bool) -> bool:
        """One connection until it breaks; whether anything was acknowledged."""
        moving = False
        async with self._channel() as channel:
            metadata = (("authorization", f"Bearer {self._credential}"),)
            call = channel.stream_stream(METHOD)(metadata=metadata, compression=grpc.Compression.Gzip)
            try:
                async with asyncio.timeout(WELCOME_S):
                    await call.write(wire.SessionRequest(hello=wire.Hello(agent_version="bench")).SerializeToString())
                    await call.read()
            finally:
                if first:
                    opening.release()
            self._told.up += 1
            reading = asyncio.ensure_future(self._read(call))
            try:
                while True:
                    await self._until_due(reading)
                    await self._send(call, reading)
                    self._told.moving += not moving
                    moving = True
            finally:
                self._told.up -= 1
                self._told.moving -= moving
                reading.cancel()
                await asyncio.wait([reading])
        return moving

    async def _read(self, call: Call) -> None:
        while (raw := await call.read()) is not grpc.aio.EOF:
            response = wire.SessionResponse.FromString(raw)
            if response.HasField("ack") and self._ack is not None and not self._ack.done():
                self._ack.set_result(response.ack)
        raise ConnectionError("the session ended")

    async def _until_due(self, reading: "asyncio.Future[None]") -> None:
        if (pause_s := self._due - time.time()) > 0:
            await asyncio.wait([reading], timeout=pause_s)
        if reading.done():
            reading.result()

    async def _send(self, call: Call, reading: "asyncio.Future[None]") -> None:
        """The batch that is due, until it is acknowledged."""
        size, began = self._errand.batch, time.perf_counter()
        self._ack = asyncio.get_running_loop().create_future()
        await call.write(self._pool.batch(self._role, self._epoch, self._sequence, size, self._due))
        await asyncio.wait([reading, self._ack], timeout=ACK_S, return_when=asyncio.FIRST_COMPLETED)
        if not self._ack.done():
            reading.result() if reading.done() else None
            raise TimeoutError
        self._told.waits_ms.append((time.perf_counter() - began) * 1e3)
        for run in self._ack.result().ranges:
            taken = run.outcome != wire.OUTCOME_REJECTED
            self._told.acknowledged += (run.last - run.first + 1) * taken
            self._told.refused += (run.last - run.first + 1) * (not taken)
        self._sequence += size
        self._due += self._errand.every_s


async def tell(told: Second) -> None:
    """A line each second."""
    while True:
        await asyncio.sleep(1 - time.time() % 1)
        spent = os.times()
        told.at, told.cpu_s = time.time(), spent.user + spent.system
        sys.stdout.write(json.dumps(asdict(told)) + "\n")
        sys.stdout.flush()
        told.waits_ms = []


async def main(errand: Errand, lines: list[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nobody waits for thousands of farewells
    pool, told, opening = Pool(errand), Second(), asyncio.Semaphore(OPENING)
    async with asyncio.TaskGroup() as group:
        group.create_task(tell(told))
        for number in range(errand.first, min(errand.first + errand.count, len(lines))):
            group.create_task(Agent(errand, number, lines[number], pool, told).live(opening))


if __name__ == "__main__":
    asked = Errand(**json.loads(sys.argv[1]))
    asyncio.run(main(asked, Path(asked.credentials).read_text(encoding="utf-8").splitlines()))
