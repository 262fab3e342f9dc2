"""An agent's parts for tests: a measurer that measures nothing, and a clock that the test sets."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from rabta_agent.app import Parts
from rabta_agent.ceilings import AT_ONCE
from rabta_agent.clock import SystemClock
from rabta_agent.config import Config
from rabta_agent.home import Credential, Home
from rabta_agent.session import Pace
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.task import Settings, Task
from rabta_proto.model import Measurement, NetworkContext
from support.scripted_collector import AGENT, PUBLIC_KEY
from support.waiting import PATIENCE_S

QUICK = Pace(welcome_s=PATIENCE_S, ack_s=PATIENCE_S, linger_s=0.0, backoff_cap_s=0.01, steady_s=10.0)


@dataclass(slots=True)
class FakeMeasurer:
    """Says at once, or when `gate` opens, that all went well."""

    cost: int = 1000
    tasks: list[Task] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    crowded: asyncio.Event = field(default_factory=asyncio.Event)  # as many as may be run at once
    closed: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        self.tasks.append(task)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.begun.set()
        if self.running == AT_ONCE:
            self.crowded.set()
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return Measurement(
            target=task.target,
            platform=task.platform,
            started_at=datetime.now(UTC),
            duration_us=1,
            agent_version="0",
            trigger=task.trigger,
            depth=task.depth,
            plan_version=task.plan_version,
            network=network,
            bytes_received=self.cost,
        )

    async def close(self) -> None:
        self.closed = True


def credential(*urls: str) -> Credential:
    """What joining the scripted collector would have given."""
    return Credential(
        agent_id=AGENT,
        secret="s3cret",
        role="probe",
        isp="ptcl",
        plan_public_key=PUBLIC_KEY.hex(),
        endpoints=urls or ("http://127.0.0.1:1",),
    )


def parts(path: Path, url: str, measurer: FakeMeasurer, *, config: Config | None = None) -> Parts:
    """A lab agent in a directory."""
    return Parts(
        home=Home(path=path),
        config=config or Config(lab=True),
        credential=credential(url),
        spool=SpoolThread(Spool(path / "spool.sqlite", limit_bytes=10**8, today=SystemClock().now)),
        measurer=measurer,
        network=lambda: NetworkContext(isp="ptcl"),
        clock=SystemClock(),
        rng=Random(1),
        pace=QUICK,
    )
