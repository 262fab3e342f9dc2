"""Keeps the plan that the agent follows: on disk, so that it starts without the network, and in memory.

A plan from the collector is followed only after it was checked (plan.py) and is on disk.
"""

import asyncio

import structlog

from rabta_agent.ceilings import Ceilings
from rabta_agent.clock import Clock
from rabta_agent.home import Credential, Home
from rabta_agent.plan import InvalidPlanError, Plan, accept, open_plan, stored_plan
from rabta_proto.v1.plan_pb2 import SignedPlan

logger = structlog.get_logger()


class PlanKeeper:
    """`changed` is set when `current` has become another plan."""

    def __init__(self, home: Home, credential: Credential, *, limits: Ceilings, clock: Clock) -> None:
        self._home = home
        self._credential = credential
        self._limits = limits
        self._clock = clock
        key = bytes.fromhex(credential.plan_public_key)
        self.current = stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)
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
            accept(plan, self.current, self._clock.now())
            await asyncio.to_thread(self._home.save_plan, signed.SerializeToString())
        except (InvalidPlanError, OSError) as wrong:
            logger.warning("plan.refused", reason=str(wrong))
            return
        self.current = plan
        self.changed.set()
        logger.info("plan.new", version=plan.version, targets=len(plan.assignments), refused=plan.refused)
