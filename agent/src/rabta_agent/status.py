"""What the agent is doing, read from its home beside a running agent: facts for `rabta-agent status`."""

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rabta_agent.ceilings import Ceilings
from rabta_agent.config import Config
from rabta_agent.home import Credential, Home
from rabta_agent.spool import Counts, read_counts, reading
from rabta_agent.version import agent_version as own_version

if TYPE_CHECKING:
    from rabta_agent.plan import Plan

_VERSION = re.compile(r"\d+(\.\d+)*")
Facts = dict[str, Any]


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
        **_of_surroundings(home, running, now),
        **_of_traces(home, config, now),
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
        "newest_version": newer_than_own(plan.newest_agent) if plan else None,
        "plan_expires": f"{plan.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if plan else None,
    }


def _of_surroundings(home: Home, running: bool, now: datetime) -> Facts:
    """What the running agent last noted of them, and what the volunteer and the collector said."""
    until, noted, standing = home.paused_until(), home.note("now") if running else {}, home.note("standing")
    paused = until is not None and now.timestamp() < until
    hold = noted.get("hold")
    if hold in (None, "paused"):
        hold = "paused" if paused else None
    return {
        "hold": hold,
        "paused_until": _moment(until) if paused and until is not None and until != math.inf else None,
        "network": noted.get("network"),
        "standing_at": _moment(standing["at"]) if standing.get("at") else None,
        "standing": standing.get("held") or {},
    }


def _of_traces(home: Home, config: Config, now: datetime) -> Facts:
    """Whether the volunteer lets the agent trace, what kept the running one from it, and what was traced today."""
    noted = home.note("traces")
    today = noted.get("hosts") if noted.get("day") == f"{now.astimezone(UTC):%Y-%m-%d}" else None
    return {
        "trace_path": config.trace_path,
        "trace_obstacle": (str(noted.get("obstacle") or "") or None) if config.trace_path else None,
        "traced_today": len(today) if isinstance(today, list) else 0,
    }


def _moment(seconds: Any) -> str:
    return f"{datetime.fromtimestamp(float(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def newer_than_own(version: str) -> str | None:
    """A version, where it is above this agent's own."""
    parts = [tuple(map(int, text.split("."))) for text in (version, own_version()) if _VERSION.fullmatch(text)]
    return version if len(parts) == 2 and parts[0] > parts[1] else None


def _plan(home: Home, credential: Credential, config: Config) -> "Plan | None":
    from rabta_agent.plan import stored_plan  # brings cryptography along, which only who joined waits for

    key = bytes.fromhex(credential.plan_public_key)
    limits = Ceilings.of(lab=config.lab, left_out=config.left_out)
    return stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)
