"""What a collector that serves looks after, again and again, until it is cancelled."""

import asyncio
import gc
import json
from collections.abc import Callable, Mapping
from time import perf_counter

import structlog

from rabta_collector.accounts import Accounts
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.outliers import fact_of
from rabta_collector.planner import NOBODY, Planner, Present
from rabta_collector.service import Service
from rabta_collector.session import Session

REVOCATION_S = 1.0  # between looks at what other processes have changed
HEARD_S = 60.0  # between two notes of when agents were last heard
SLICE_S = 0.005  # of planning at a stretch: ten thousand agents take seconds
SCORES_S = 600.0  # between two notes of how often agents find otherwise than all others
TIDY_S = 600.0  # between two looks through all objects, each of which holds everything up for up to a second
log = structlog.get_logger()


async def watch_registry(accounts: Accounts, service: Service) -> None:
    """Ends the sessions of agents that another process revoked, or that left by a call that was cut off."""
    while True:
        await asyncio.sleep(REVOCATION_S)
        await accounts.catch_up()
        service.end_revoked()


async def keep_heard(accounts: Accounts, service: Service) -> None:
    """Notes when agents were last heard, and gives new secrets to those whose own are old."""
    while True:
        await asyncio.sleep(HEARD_S)
        await accounts.keep_heard()
        await service.rotate()


async def keep_scores(
    accounts: Accounts,
    scores: Callable[[], Mapping[str, float]],
    share: IspShare = WHOLE,
    may: Callable[[], bool] = lambda: True,
) -> None:
    """Notes how often each agent finds otherwise than its ISP's verdict, where `agents` reads it; to the hundredth.

    `share`: of the ISPs, whose agents these are. `may`: whether it is for this process to do so.
    """
    noted = ""
    while True:
        await asyncio.sleep(SCORES_S)
        if not may():
            continue
        now = json.dumps({agent: round(score, 2) for agent, score in sorted(scores().items())})
        if now != noted:
            await accounts.keep_fact(fact_of(share), now)
            noted = now


async def keep_tidy() -> None:
    """Gives back what broken sessions left behind (garbage.py)."""
    while True:
        await asyncio.sleep(TIDY_S)
        gc.collect()


async def keep_planning(
    planner: Planner,
    service: Service,
    accounts: Accounts,
    pause_s: float,
    others: Callable[[], Mapping[str, Present]],
) -> None:
    """Gives agents their plans when shares have changed; `others` have sessions with other processes."""
    while True:
        await planner.wait(pause_s)
        if offered := await share_out(planner, service.sessions, others()):
            await accounts.keep_fact("plan_version", str(planner.version))
            log.info("plans.offered", agents=offered)


async def share_out(planner: Planner, sessions: Mapping[str, Session], others: Mapping[str, Present] = NOBODY) -> int:
    """Offers plans in slices of time, so that the loop serves others in between; how many were offered."""
    offered, until = 0, perf_counter() + SLICE_S
    for one in planner.offers(sessions, others):
        offered += one
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + SLICE_S
    return offered
