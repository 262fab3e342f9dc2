"""Agents that have joined already: in the registry of a data directory, before the process that has it starts."""

import time
from contextlib import closing
from pathlib import Path

from rabta_collector.datadir import DataDir
from rabta_collector.registry import Invite, Newcomer, Registry
from rabta_proto.vocabulary import Role

JOINED_AGO_S = 86_400
INVITED_S = 3600


def invite(data: Path, isp: str, *, role: Role = Role.PROBE, uses: int = 1) -> str:
    """A token."""
    now = time.time()
    with closing(Registry(DataDir(data).state)) as registry:
        return registry.invite(Invite(role=role, isp=isp, uses=uses, expires_at=now + INVITED_S), now=now)


def join(data: Path, isp: str, count: int, *, role: Role = Role.PROBE) -> list[str]:
    """The credentials of so many, who joined a day ago."""
    token, newcomer = invite(data, isp, role=role, uses=count), Newcomer(isp=isp, province="", version="0")
    with closing(Registry(DataDir(data).state)) as registry:
        joined = [registry.enrol(token, newcomer, now=time.time() - JOINED_AGO_S) for _ in range(count)]
    return [f"{agent.id}.{secret}" for agent, secret in joined]
