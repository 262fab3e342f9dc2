"""Many agents' sessions from one process: real measurements, sent as the agent sends them, each batch acknowledged.

`python -m bench.load PORT CREDENTIALS BATCH BATCHES`: each line of CREDENTIALS is one session. Each session
sends BATCHES batches of BATCH measurements, one after the other. Prints one JSON object.
"""

import asyncio
import gzip
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio

from bench import record
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import Measurement

METHOD = "/rabta.v1.Collector/Session"
CONNECTIONS = 8
MEASURED_EVERY_US = 1000


class Maker:
    """Makes one session's measurements of recorded ones, each new to a collector."""

    def __init__(self, number: int, templates: list[Measurement], began_us: int | None = None) -> None:
        """`began_us`: when the first began; a while ago where it is not said."""
        self._templates = templates
        self._sequence = 0
        self._epoch = time.time_ns() // 1000 + number
        self._began_us = time.time_ns() // 1000 - 20_000_000 + number if began_us is None else began_us

    def batches(self, size: int, count: int) -> Iterator[bytes]:
        """Serialised requests."""
        for _ in range(count):
            request = wire.SessionRequest()
            for _ in range(size):
                self._sequence += 1
                self._began_us += MEASURED_EVERY_US
                one = request.batch.measurements.add()
                one.CopyFrom(self._templates[self._sequence % len(self._templates)])
                one.epoch, one.sequence = self._epoch, self._sequence
                one.started_at.seconds, rest = divmod(self._began_us, 1_000_000)
                one.started_at.nanos = rest * 1000
            yield request.SerializeToString()


class Load:
    """What was sent, and how long acknowledgements took."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []
        self.bytes = self.packed = self.acknowledged = 0

    async def session(self, channel: grpc.aio.Channel, credential: str, batches: Iterator[bytes]) -> None:
        authorization = f"Bearer {credential}"
        call = channel.stream_stream(METHOD)(
            metadata=(("authorization", authorization),), compression=grpc.Compression.Gzip
        )
        await call.write(wire.SessionRequest(hello=wire.Hello(agent_version="bench")).SerializeToString())
        for raw in batches:
            self.bytes += len(raw)
            began = time.perf_counter()
            await call.write(raw)
            while not (response := wire.SessionResponse.FromString(await call.read())).HasField("ack"):
                pass
            self.waits_s.append(time.perf_counter() - began)
            for run in response.ack.ranges:
                if run.outcome != wire.OUTCOME_ACCEPTED:
                    raise SystemExit(f"not accepted: {run.reason or run.outcome}")
                self.acknowledged += run.last - run.first + 1
        await call.done_writing()
        while await call.read() is not grpc.aio.EOF:
            pass


async def main(port: str, lines: list[list[str]], size: int, count: int) -> None:
    recorded = record.load().measurements
    templates = {
        "probe": [one for one in recorded if one.network.isp],
        "control": [one for one in recorded if not one.network.isp],
    }
    load = Load()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(min(CONNECTIONS, len(lines)))
    ]
    began, before = time.perf_counter(), os.times()
    async with asyncio.TaskGroup() as group:
        for number, (credential, role) in enumerate(lines):
            batches = Maker(number, templates[role]).batches(size, count)
            group.create_task(load.session(channels[number % len(channels)], credential, batches))
    after, took = os.times(), time.perf_counter() - began
    sample = next(Maker(0, templates["probe"]).batches(size, 1))
    waits = sorted(load.waits_s)
    told = {
        "measurements": load.acknowledged,
        "seconds": took,
        "cpu_s": after.user + after.system - before.user - before.system,
        "wire_bytes": len(gzip.compress(sample)) / size,
        "bytes": load.bytes / load.acknowledged,
        "p50_ms": waits[len(waits) // 2] * 1e3,
        "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    sessions = [line.split() for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()]
    asyncio.run(main(sys.argv[1], sessions, int(sys.argv[3]), int(sys.argv[4])))
