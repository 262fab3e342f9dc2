"""Many agents in one process that measure on and on, and send it each over a connection of its own to any place.

    python -m faults.crowd ERRAND     JSON: `Errand`

An agent measures so many platforms of truth.py each `every_s`, one after the other, collector or none, and owes what is
not acknowledged: after a session that broke it goes to another place and sends that again, cut otherwise. It slows down
where it is asked to. A control measures one platform each `control_s`.
Prints a line of JSON a second (`Second`). On SIGTERM nobody measures any more, and when all is acknowledged, or after
`PATIENCE_S`, the last line says of each agent its epoch, its role, how many of its numbers, from 1 on, were
acknowledged, and how many it had sent.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import grpc.aio

from faults.calling import ANSWER_S, greeted
from faults.truth import PLATFORMS, Truth, target_of
from fuzz.mutation import varint
from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import Measurement
from support.factories import RESET, Story, tls_trouble, works

EACH = 10
MOST = 5 * EACH
"""Measurements in a batch."""

PATIENCE_S = 60.0
REST_S = 0.5
BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, ConnectionError, TimeoutError)
Call = Any  # grpc has no types of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """`credentials`: a file with a line `AGENT.SECRET ROLE` for each. `begin`, `blocked`: Unix seconds; see `Truth`."""

    ports: tuple[int, ...]
    credentials: str
    every_s: float
    control_s: float
    begin: float
    blocked: tuple[float, float]


@dataclass(slots=True, kw_only=True)
class Second:
    """So far. `owed`: measured and not acknowledged; `silent_s`: the longest that nobody was acknowledged anything.

    `waited_s`: the longest that an agent owed something and nothing of it was acknowledged.
    """

    at: float = 0.0
    up: int = 0
    acked: int = 0
    owed: int = 0
    sessions: int = 0
    slowed: int = 0
    silent_s: float = 0.0
    waited_s: float = 0.0
    cpu_s: float = 0.0


class Pool:
    """Bytes of measurements without what makes each of them new; by their number they go through the platforms."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._works, self._fails = (
            [_bare(story, platform) for platform, story in zip(PLATFORMS, stories, strict=True)]
            for stories in ([works(*_named(one)) for one in PLATFORMS], [_walled(one) for one in PLATFORMS])
        )

    def of(self, number: int, role: str, at: float) -> bytes:
        place = number % len(PLATFORMS)
        fails = role == "probe" and self._truth.of(PLATFORMS[place], at) == "blocked"
        return (self._fails if fails else self._works)[place]


def _named(platform: str) -> tuple[str, str]:
    return target_of(platform), f"{platform}.example"


def _walled(platform: str) -> Story:
    target, name = _named(platform)
    return tls_trouble(RESET, target=target, name=name)


def _bare(story: Story, platform: str) -> bytes:
    message = to_message(story.measurement(platform=platform))
    for name in ("epoch", "sequence", "duration_us", "started_at"):
        message.ClearField(name)
    return message.SerializeToString()


class Agent:
    """One of them. `acked`: up to this number all is acknowledged; `sent`: nothing beyond it was ever sent."""

    def __init__(self, errand: Errand, number: int, line: str, pool: Pool, told: Second) -> None:
        self._errand, self._number, self._pool, self._told = errand, number, pool, told
        self._credential, self.role = line.split()
        self._rng = Random(number)
        self.epoch, self.acked, self.sent = time.time_ns() // 1000 + number, 0, 0
        controls = self.role == "control"
        every_s, self._each = (errand.control_s, 1) if controls else (errand.every_s, EACH)
        self._first = number * (len(PLATFORMS) // 2) if controls else 0  # two of them look at different times
        self._began_us = int((errand.begin + self._rng.random() * every_s) * 1e6)
        self._every_us = int(every_s * 1e6)
        self.owes_since = self._pause_s = self._slow_until = 0.0

    @property
    def id(self) -> str:
        return self._credential.partition(".")[0]

    def made(self, until: float) -> int:
        """How much it had measured at a moment."""
        rounds = int(until * 1e6 - self._began_us) // self._every_us
        return max(0, rounds) * self._each

    async def live(self, stopping: "Stopping") -> None:
        """From one place to the next, until it is to stop and owes nothing."""
        place = self._number
        while not stopping.over(self):
            with contextlib.suppress(*BROKEN):
                await self._session(self._errand.ports[place % len(self._errand.ports)], stopping)
            place += 1
            await asyncio.sleep(REST_S * (1 + self._rng.random()))

    async def _session(self, port: int, stopping: "Stopping") -> None:
        async with greeted(port, self._credential) as call:
            self._told.sessions += 1
            self._told.up += 1
            try:
                while not stopping.over(self):
                    await self._round(call, stopping)
            finally:
                self._told.up -= 1

    async def _round(self, call: Call, stopping: "Stopping") -> None:
        """Sends what is owed, else waits until something is."""
        now = time.time()
        if (made := self.made(stopping.until(now))) > self.acked:
            if now < self._slow_until:
                await asyncio.sleep(self._pause_s)
            async with asyncio.timeout(ANSWER_S):
                await self._deliver(call, min(MOST, made - self.acked))
            return
        rounds = self.acked // self._each + 1
        due = (self._began_us + rounds * self._every_us) / 1e6
        await asyncio.sleep(max(0.01, min(due - now, 1.0)))

    async def _deliver(self, call: Call, size: int) -> None:
        if self.sent > self.acked and self._rng.random() < 0.5:
            size = self._rng.randint(1, size)
        first, last = self.acked + 1, self.acked + size
        self.sent = max(self.sent, last)
        self.owes_since = self.owes_since or time.time()
        await call.write(self._batch(first, last))
        while (raw := await call.read()) is not grpc.aio.EOF:
            response = wire.SessionResponse.FromString(raw)
            if response.HasField("slow_down"):
                self._told.slowed += 1
                self._pause_s = response.slow_down.live_pause_ms / 1e3
                self._slow_until = time.time() + response.slow_down.for_s
            if response.HasField("ack"):
                return self._acked(response.ack, last)
        raise ConnectionError("the session ended")

    def _acked(self, ack: wire.Ack, last: int) -> None:
        taken = sum(run.last - run.first + 1 for run in ack.ranges if run.outcome != wire.OUTCOME_REJECTED)
        assert taken == last - self.acked, f"not taken: {ack}"
        self._told.acked += taken
        self._told.waited_s = max(self._told.waited_s, time.time() - self.owes_since)
        self.acked, self.owes_since = last, 0.0

    def _batch(self, first: int, last: int) -> bytes:
        body = bytearray()
        key = Measurement(epoch=self.epoch)
        for sequence in range(first, last + 1):
            turn, place = divmod(sequence - 1, self._each)
            at_us = self._began_us + turn * self._every_us + place * 1000
            key.sequence, key.duration_us = sequence, 40_000 + sequence  # no two of an agent are the same
            key.started_at.seconds, rest = divmod(at_us, 1_000_000)
            key.started_at.nanos = rest * 1000
            # Bytes of two messages, one after the other, are those of both merged.
            one = self._pool.of(self._first + sequence, self.role, at_us / 1e6) + key.SerializeToString()
            body += b"\x0a" + varint(len(one)) + one
        return b"\x12" + varint(len(body)) + bytes(body)


class Stopping:
    """The end: nobody measures after `at`."""

    def __init__(self) -> None:
        self.at = float("inf")

    def now(self) -> None:
        self.at = min(self.at, time.time())

    def until(self, now: float) -> float:
        return min(now, self.at)

    def over(self, agent: Agent) -> bool:
        now = time.time()
        return now >= self.at and (agent.acked >= agent.made(self.at) or now > self.at + PATIENCE_S)


async def tell(told: Second, agents: list[Agent], stopping: Stopping) -> None:
    """A line each second; nobody is acknowledged anything for as long as the sum stays the same."""
    acked, since = 0, time.time()
    while True:
        await asyncio.sleep(0.1)
        now = time.time()
        if told.acked != acked or not any(agent.owes_since for agent in agents):
            acked, since = told.acked, now
        told.silent_s = max(told.silent_s, now - since)
        if now - told.at >= 1.0:
            told.at, told.cpu_s = now, time.process_time()
            told.owed = sum(agent.made(stopping.until(now)) - agent.acked for agent in agents)
            sys.stdout.write(json.dumps(asdict(told)) + "\n")
            sys.stdout.flush()


async def main(errand: Errand, lines: list[str]) -> None:
    stopping, told, pool = Stopping(), Second(), Pool(Truth(blocked=errand.blocked))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.now)
    agents = [Agent(errand, number, line, pool, told) for number, line in enumerate(lines)]
    telling = asyncio.create_task(tell(told, agents, stopping))
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.live(stopping))
    telling.cancel()
    accounts = {agent.id: [agent.epoch, agent.role, agent.acked, agent.sent] for agent in agents}
    sys.stdout.write(json.dumps({"agents": accounts}) + "\n")


if __name__ == "__main__":
    asked = Errand(**json.loads(sys.argv[1]))
    asyncio.run(main(asked, Path(asked.credentials).read_text(encoding="utf-8").splitlines()))
