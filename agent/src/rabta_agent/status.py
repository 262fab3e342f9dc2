"""What the agent is doing, read from its home beside a running agent: facts for `rabta-agent status`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rabta_agent.ceilings import Ceilings
from rabta_agent.config import Config
from rabta_agent.home import Credential, Home
from rabta_agent.spool import Counts, read_counts, reading

if TYPE_CHECKING:
    from rabta_agent.plan import Plan

Facts = dict[str, str | int | bool | None]


def read_status(home: Home, config: Config, now: datetime) -> Facts:
    """Keys are API, and only added to; `None`: there is none, or not known. Raises `CommandError` or `SpoolError`."""
    credential = home.credential()
    running = home.in_use()
    link = home.link()
    return {
        "joined": credential is not None,
        "agent_id": credential.agent_id if credential else None,
        "isp": (credential.isp or None) if credential else None,
        "role": credential.role if credential else None,
        "collector": _collector(credential, running, link.endpoint if link else None),
        "running": running,
        "connected": running and link is not None and link.connected,
        "trouble": (link.trouble or None) if link is not None and not link.connected else None,
        **_of_spool(home, now),
        "bytes_cap": config.day_allowance,
        **_of_plan(home, credential, config),
        "lab": config.lab,
        "home": str(home.path),
    }


def _collector(credential: Credential | None, running: bool, current: str | None) -> str | None:
    """The address in use, else the first to be tried."""
    if credential is None:
        return None
    return current if running and current else credential.endpoints[0]


def _of_spool(home: Home, now: datetime) -> Facts:
    with reading(home.spool_file) as connection:
        counts: Counts | None = read_counts(connection, now) if connection else None
    names = (
        "epoch",
        "produced",
        "acked",
        "waiting",
        "dropped",
        "dropped_old",
        "dropped_damaged",
        "rejected",
        "measured_today",
        "bytes_today",
    )
    return {name: getattr(counts, name) if counts else (None if name == "epoch" else 0) for name in names}


def _of_plan(home: Home, credential: Credential | None, config: Config) -> Facts:
    plan = _plan(home, credential, config) if credential else None
    return {
        "plan_version": plan.version if plan else None,
        "plan_targets": len(plan.assignments) if plan else None,
        "plan_expires": f"{plan.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if plan else None,
    }


def _plan(home: Home, credential: Credential, config: Config) -> "Plan | None":
    from rabta_agent.plan import stored_plan  # brings cryptography along, which only who joined waits for

    key = bytes.fromhex(credential.plan_public_key)
    limits = Ceilings.of(lab=config.lab)
    return stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)
