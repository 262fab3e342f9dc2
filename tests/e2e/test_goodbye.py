"""Volunteers with the same quiet hours: real agents' links, the collector's own ingest, and its decision.

Their silence is no outage; that of agents which say nothing before it is one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, time
from pathlib import Path

import pytest

from rabta_agent import surroundings
from rabta_agent.endpoint import parse_endpoint
from rabta_agent.holds import Hold, Wishes
from rabta_agent.line import Road
from rabta_agent.network import Vantage
from rabta_agent.surroundings import Senses, Surroundings
from rabta_collector.entries import Presence
from rabta_proto.vocabulary import IspState, Role
from support.collector_server import Server
from support.feeds import make_engine
from support.linked import Linked
from support.waiting import until

AGENTS = 4
EVENING, NIGHT = datetime(2026, 1, 1, 22, 59).astimezone(), datetime(2026, 1, 1, 23, 0).astimezone()
QUIET = Wishes(quiet=(time(23), time(7)))


class Clock:
    """What every volunteer's clock shows."""

    now = EVENING


@asynccontextmanager
async def volunteer(server: Server, path: Path, scheme: str) -> AsyncIterator[Linked]:
    """An agent's line to the collector, kept as a running agent keeps it."""
    credential = await server.join(isp="ptcl")
    places = {"http": server.listener.endpoint, "http+post": server.web.endpoint}
    endpoint = parse_endpoint(f"{scheme}://{places[scheme]}", lab=True)
    linked = Linked(path, f"Bearer {credential.id}.{credential.enrolment.secret}", [endpoint], Road())
    around = Surroundings(
        isp="ptcl",
        vantage=Vantage(lab=True),
        wishes=QUIET,
        paused_until=lambda: None,
        senses=Senses(metered=lambda _: None, now=lambda: Clock.now),
    )
    around.look()
    tasks = [
        asyncio.create_task(around.heard(linked.uplink.run, linked.uplink.farewell)),
        asyncio.create_task(around.watch()),
    ]
    try:
        await until(lambda: linked.uplink.connected)
        yield linked
        if Clock.now == NIGHT:
            await until(lambda: around.hold is Hold.QUIET_HOURS and not linked.uplink.connected)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await linked.spool.close()


def last(server: Server) -> dict[str, Presence]:
    """The newest of each agent's comings and goings."""
    return {entry.agent: entry for entry in server.entries if isinstance(entry, Presence)}


def judged(presences: list[Presence]) -> IspState:
    """What the decision says of the ISP an hour after the last of them went, while a control bears witness."""
    engine, first = make_engine(), presences[0].at
    engine.apply(Presence(at=first, agent="control", isp="", role=Role.CONTROL, connected=True))
    for presence in presences:
        engine.advance(presence.at)
        engine.apply(presence)
    engine.advance(presences[-1].at + 3600)
    return next(one.state for one in engine.snapshot().isps if one.isp == "ptcl")


@pytest.mark.parametrize("scheme", ["http", "http+post"])
@pytest.mark.parametrize("quiet", [True, False])
async def test_the_same_quiet_hours_are_no_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, quiet: bool
) -> None:
    monkeypatch.setattr(surroundings, "LOOK_S", 0.01)
    monkeypatch.setattr(Clock, "now", EVENING)
    async with Server(tmp_path / "collector", lab=True, heartbeat_s=2.0).running() as server:
        async with AsyncExitStack() as crew:
            for number in range(AGENTS):
                await crew.enter_async_context(volunteer(server, tmp_path / str(number), scheme))
            if quiet:
                monkeypatch.setattr(Clock, "now", NIGHT)
        await until(lambda: not any(one.connected for one in last(server).values()))
        assert [quiet] * AGENTS == [entry.left for entry in last(server).values()]
        presences = [entry for entry in server.entries if isinstance(entry, Presence)]
    assert judged(presences) is (IspState.UNKNOWN if quiet else IspState.DOWN)
