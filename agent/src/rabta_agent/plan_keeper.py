"""Keeps the plan that the agent follows: on disk, so that it starts without the network, and in memory.

A plan from the collector is followed only after it was checked (plan.py) and is on disk, and the version of the newest
is noted beside it: a plan file that was lost, damaged or put back from a backup does not make room for an older plan.
"""

import asyncio
from collections.abc import Callable

import structlog

from rabta_agent.ceilings import Ceilings
from rabta_agent.clock import Clock
from rabta_agent.diary import PlanChange, compare
from rabta_agent.home import Credential, Home
from rabta_agent.plan import InvalidPlanError, Plan, accept, open_plan, stored_plan
from rabta_proto.v1.plan_pb2 import SignedPlan

logger = structlog.get_logger()


class PlanKeeper:
    """`changed` is set when `current` has become another plan."""

    def __init__(
        self,
        home: Home,
        credential: Credential,
        *,
        limits: Ceilings,
        clock: Clock,
        noted: Callable[[PlanChange], None] = lambda _change: None,
    ) -> None:
        """`noted` hears of every change, on a thread."""
        self._home = home
        self._noted = noted
        self._credential = credential
        self._limits = limits
        self._clock = clock
        key = bytes.fromhex(credential.plan_public_key)
        stored = stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)
        floor = home.plan_floor(credential.agent_id)
        self.current = stored if stored is not None and stored.version >= floor else None
        self._floor = max(floor, self.current.version if self.current else 0)
        self.changed = asyncio.Event()

    @property
    def usable(self) -> Plan | None:
        """The current plan, unless it has ended or asks for nothing."""
        plan = self.current
        return None if plan is None or plan.expired(self._clock.now()) or not plan.assignments else plan

    async def offer(self, signed: SignedPlan) -> None:
        """Takes a plan from the collector, or says in the log why not."""
        key = bytes.fromhex(self._credential.plan_public_key)
        try:
            plan = open_plan(signed, public_key=key, agent_id=self._credential.agent_id, limits=self._limits)
            accept(plan, self.current, self._clock.now(), floor=self._floor)
            await asyncio.to_thread(self._save, signed, plan.version)
        except (InvalidPlanError, OSError) as wrong:
            logger.warning("plan.refused", reason=str(wrong))
            return
        change = compare(self.current, plan, self._clock.now())
        self.current, self._floor = plan, plan.version
        self.changed.set()
        await asyncio.to_thread(self._noted, change)
        logger.info("plan.new", version=plan.version, targets=len(plan.assignments), refused=plan.refused)

    def _save(self, signed: SignedPlan, version: int) -> None:
        """The plan first: a crash between the two leaves a plan whose own version is the floor."""
        self._home.save_plan(signed.SerializeToString())
        self._home.save_plan_floor(self._credential.agent_id, version)
