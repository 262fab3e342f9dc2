"""A process of many hostile agents: each sends as fast as it is told to, obeys nothing, and keeps each acknowledgement.

    python -m faults.flooder HOST:PORT TOKEN OUT --sessions N --rate MEASUREMENTS_A_SECOND --shape small|large|dense

Until it is told to stop (SIGTERM); then OUT holds, as JSON, what was offered (what the schedule came to, sent or not),
what was sent, what was acknowledged by agent, and how the collector answered. All agents join with the one token.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from support.collector_server import Agent

SESSION = "/rabta.v1.Collector/Session"
HELLO = link.SessionRequest(hello=link.Hello(agent_version="0.1.0")).SerializeToString()
EPOCH = 1
TARGET = "http://127.0.0.1:9/0"  # of rig.py's catalogue
PER_BATCH = {"small": 500, "large": 4, "dense": 500}
LARGE_OBSERVATIONS, LARGE_DETAIL = 200, "x" * 1000  # about 205 kB a measurement


@dataclass(slots=True, kw_only=True)
class Account:
    """What became of it all."""

    offered: int = 0
    sent: int = 0
    slow_downs: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    acked: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))


def template(shape: str) -> Callable[[int], bytes]:
    """Makes a batch of the shape whose first sequence number is given; quickly, or it would flood nobody."""
    message = wire.Measurement(epoch=EPOCH, target=TARGET, platform="x", agent_version="0")
    message.started_at.GetCurrentTime()
    message.observations.add(duration_us=1000).tcp.address = "127.0.0.1"
    if shape == "dense":  # as many values as few bytes may make
        message.observations[0].dns.MergeFrom(wire.DnsQuery(answers=[wire.DnsAnswer()] * 80))
    if shape == "large":
        for _ in range(LARGE_OBSERVATIONS):
            message.observations.add(duration_us=1, failure="unknown_failure", failure_detail=LARGE_DETAIL)
    fixed, drawn = message.SerializeToString(), random.randrange(2**40)

    def batch(first: int) -> bytes:
        numbers = range(first, first + PER_BATCH[shape])
        # Each has a duration of its own, or it would be a replay of another agent's.
        ours = (fixed + b"\x10" + _varint(number) + b"\x40" + _varint(drawn + number) for number in numbers)
        body = b"".join(b"\x0a" + _varint(len(one)) + one for one in ours)
        return b"\x12" + _varint(len(body)) + body  # SessionRequest.batch

    return batch


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Flooder:
    """One agent. A session that was ended is opened again."""

    def __init__(self, agent: Agent, target: str, shape: str, account: Account) -> None:
        self._agent, self._target, self._account = agent, target, account
        self._batch, self._count, self._next = template(shape), PER_BATCH[shape], 1

    async def run(self, rate: float) -> None:
        began, due = time.monotonic(), 0
        while True:
            try:
                async with grpc.aio.insecure_channel(self._target) as channel:
                    call = channel.stream_stream(SESSION)(metadata=self._agent.credential)
                    await call.write(HELLO)
                    hearing = asyncio.create_task(self._hear(call))
                    try:
                        with suppress(asyncio.InvalidStateError):  # it has ended: who hears knows how
                            while not hearing.done():
                                due = await self._send(call, began, due, rate)
                        await hearing
                    finally:
                        hearing.cancel()
                        await asyncio.wait({hearing})
            except grpc.aio.AioRpcError as ended:
                self._account.answers[ended.code().name] += 1
            await asyncio.sleep(0.2)

    async def _send(self, call: grpc.aio.StreamStreamCall, began: float, due: int, rate: float) -> int:
        """The next batch, when it is due; how many measurements were due then."""
        await asyncio.sleep(max(0.0, began + due / rate - time.monotonic()))
        first, self._next = self._next, self._next + self._count
        await call.write(self._batch(first))
        self._account.sent += self._count
        return max(due + self._count, round((time.monotonic() - began) * rate))

    async def _hear(self, call: grpc.aio.StreamStreamCall) -> None:
        """Until the collector ends the session, which raises."""
        while (raw := await call.read()) is not grpc.aio.EOF:
            response = link.SessionResponse.FromString(raw)
            self._account.slow_downs += response.HasField("slow_down")
            for entry in response.ack.ranges:
                if entry.outcome == link.OUTCOME_ACCEPTED:
                    self._account.acked[self._agent.id].append((entry.first, entry.last))
                else:
                    self._account.answers[entry.reason or "duplicate"] += entry.last - entry.first + 1


async def flood(options: argparse.Namespace) -> None:
    stop, account = asyncio.Event(), Account()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    agents = [await Agent.join(options.target, options.token) for _ in range(options.sessions)]
    began = time.monotonic()
    each = options.rate / options.sessions
    running = [
        asyncio.create_task(Flooder(agent, options.target, options.shape, account).run(each)) for agent in agents
    ]
    sys.stdout.write("flooding\n")
    await stop.wait()
    account.offered = round((time.monotonic() - began) * options.rate)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    draft = options.out.with_suffix(".new")
    draft.write_text(
        json.dumps(
            {
                "offered": account.offered,
                "sent": account.sent,
                "slow_downs": account.slow_downs,
                "answers": account.answers,
                "acked": account.acked,
            }
        )
    )
    draft.replace(options.out)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("token")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--shape", choices=sorted(PER_BATCH), required=True)
    asyncio.run(flood(parser.parse_args()))


if __name__ == "__main__":
    main()
