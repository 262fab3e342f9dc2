"""Many agents' sessions from one process: real measurements, sent as the agent sends them, each batch acknowledged.

`python -m bench.load PORT PID CREDENTIALS BATCH BATCHES [EVERY_S]`: each line of CREDENTIALS is one session. Each
session sends BATCHES batches of BATCH measurements, one after the other, with EVERY_S one in so many seconds. Prints
one JSON object; `server_s` is the CPU of process PID meanwhile, from when all sessions stand until all is acknowledged.
"""

import asyncio
import gzip
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import grpc
import grpc.aio

from bench import record
from bench.process import cpu_s
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import Measurement, Observation

METHOD = "/rabta.v1.Collector/Session"
CONNECTIONS = 8
MEASURED_EVERY_US = 1000
ACK_S = 60.0  # after which something hangs
SETTLED_S, LOOK_S, CALM = 10.0, 0.25, 0.1
Call = Any  # grpc has no types of its own


class Maker:
    """Makes one session's measurements of recorded ones, each new to a collector.

    What varies in life varies: times, TTLs, and the bytes of the page, since most are made anew for everyone.
    """

    def __init__(self, number: int, templates: list[Measurement], began_us: int | None = None) -> None:
        """`began_us`: when the first began; a while ago where it is not said."""
        self._templates = templates
        self._sequence = 0
        self._epoch = time.time_ns() // 1000 + number
        self._began_us = time.time_ns() // 1000 - 20_000_000 + number if began_us is None else began_us
        self._random = Random(number)

    def batches(self, size: int, count: int) -> Iterator[bytes]:
        """Serialised requests."""
        for _ in range(count):
            yield wire.SessionRequest(
                batch=wire.MeasurementBatch(measurements=[self._next() for _ in range(size)])
            ).SerializeToString()

    def _next(self) -> Measurement:
        self._sequence += 1
        self._began_us += MEASURED_EVERY_US
        one = Measurement()
        one.CopyFrom(self._templates[self._sequence % len(self._templates)])
        one.epoch, one.sequence = self._epoch, self._sequence
        one.started_at.seconds, rest = divmod(self._began_us, 1_000_000)
        one.started_at.nanos = rest * 1000
        pace = self._random.uniform(0.7, 1.5)
        one.duration_us = int(one.duration_us * pace)
        for seen in one.observations:
            self._vary(seen, pace)
        return one

    def _vary(self, seen: Observation, pace: float) -> None:
        seen.offset_us, seen.duration_us = int(seen.offset_us * pace), int(seen.duration_us * pace)
        for answer in seen.dns.answers if seen.HasField("dns") else ():
            answer.ttl_s = self._random.randrange(1, 300)
        if seen.HasField("tls"):
            seen.tls.first_byte_us = int(seen.tls.first_byte_us * pace)
        if seen.HasField("http"):
            seen.http.body_sha256, seen.http.body_simhash = self._random.randbytes(32), self._random.getrandbits(64)


class Load:
    """What was sent, and how long acknowledgements took."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []
        self.bytes = self.acknowledged = 0

    async def send(self, call: Call, batches: Iterable[bytes], every_s: float = 0.0, first_s: float = 0.0) -> None:
        """One after the other, each when the one before it is acknowledged, and not before its turn."""
        loop = asyncio.get_running_loop()
        due = loop.time() + first_s
        for raw in batches:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += every_s
            self.bytes += len(raw)
            began = time.perf_counter()
            async with asyncio.timeout(ACK_S):
                await call.write(raw)
                ack = await _acknowledgement(call)
            self.waits_s.append(time.perf_counter() - began)
            for run in ack.ranges:
                if run.outcome != wire.OUTCOME_ACCEPTED:
                    raise SystemExit(f"not accepted: {run.reason or run.outcome}")
                self.acknowledged += run.last - run.first + 1


def _open(channel: grpc.aio.Channel, credential: str) -> Call:
    metadata = (("authorization", f"Bearer {credential}"),)
    return channel.stream_stream(METHOD)(metadata=metadata, compression=grpc.Compression.Gzip)


async def _acknowledgement(call: Call) -> wire.Ack:
    """The next one, whatever else is said before it."""
    while (raw := await call.read()) is not grpc.aio.EOF:
        if (response := wire.SessionResponse.FromString(raw)).HasField("ack"):
            return response.ack
    raise SystemExit(f"the session ended: {await call.code()}: {await call.details()}")


async def _end(call: Call) -> None:
    await call.done_writing()
    while await call.read() is not grpc.aio.EOF:
        pass


async def _settle(pid: int) -> None:
    """Until the server has done with what the beginning of sessions costs it, plans above all."""
    end = time.monotonic() + SETTLED_S
    before = cpu_s(pid)
    while time.monotonic() < end:
        await asyncio.sleep(LOOK_S)
        if (now := cpu_s(pid)) - before < CALM * LOOK_S:
            return
        before = now


async def run(
    port: int, server: int, sessions: Sequence[Sequence[str]], size: int, count: int, every_s: float = 0.0
) -> dict[str, float]:
    """Sends so many batches of so many measurements in each session; what it took, and what it cost `server`."""
    recorded = record.load().measurements
    templates = {
        "probe": [one for one in recorded if one.network.isp],
        "control": [one for one in recorded if not one.network.isp],
    }
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(min(CONNECTIONS, len(sessions)))
    ]
    calls = [_open(channels[number % len(channels)], credential) for number, (credential, _) in enumerate(sessions)]
    batches = [
        list(Maker(number, templates[role]).batches(size, count + 1)) for number, (_, role) in enumerate(sessions)
    ]
    hello = wire.SessionRequest(hello=wire.Hello(agent_version="bench")).SerializeToString()
    for call in calls:
        await call.write(hello)
    first, load = Load(), Load()
    await asyncio.gather(*(first.send(call, own[:1]) for call, own in zip(calls, batches, strict=True)))
    await _settle(server)
    began, before, spent = time.perf_counter(), os.times(), cpu_s(server)
    turns = (every_s * number / len(calls) for number in range(len(calls)))
    ready = zip(calls, batches, turns, strict=True)
    await asyncio.gather(*(load.send(call, own[1:], every_s, turn) for call, own, turn in ready))
    spent, after, took = cpu_s(server) - spent, os.times(), time.perf_counter() - began
    await asyncio.gather(*map(_end, calls))
    for channel in channels:
        await channel.close()
    waits = sorted(load.waits_s)
    return {
        "measurements": load.acknowledged,
        "seconds": took,
        "server_s": spent,
        "cpu_s": after.user + after.system - before.user - before.system,
        "wire_bytes": len(gzip.compress(batches[0][-1])) / size,
        "bytes": load.bytes / load.acknowledged,
        "p50_ms": waits[len(waits) // 2] * 1e3,
        "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
    }


if __name__ == "__main__":
    lines = [line.split() for line in Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()]
    to, of, in_each, batches_of_each = (int(sys.argv[place]) for place in (1, 2, 4, 5))
    pace_s = float(sys.argv[6]) if len(sys.argv) > 6 else 0.0
    told = asyncio.run(run(to, of, lines, in_each, batches_of_each, pace_s))
    sys.stdout.write(json.dumps(told) + "\n")
