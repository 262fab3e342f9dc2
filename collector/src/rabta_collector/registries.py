"""What a registry promises: `registry.Registry` keeps it in a file, `jetstream.registry.BucketRegistry` on NATS.

On NATS it is where `ingest` has put it: then all processes and commands have the same one. `serve` has it in its
data directory, wherever its journal is.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import structlog

from rabta_collector.config import Config
from rabta_collector.datadir import DataDir, DataDirError
from rabta_collector.jetstream.place import Place
from rabta_collector.registry import AGENT_COLUMNS, Agent, Asked, Invite, Newcomer, Registry
from rabta_collector.registry_file import UnusableRegistryError
from rabta_collector.rows import where_of
from rabta_collector.transaction import transaction

WAIT_S = 1.0
BROUGHT = (
    "a data directory's registry is not all there: start its `ingest` again (`state.sqlite` and `name` are its own)"
)
UNKNOWN = (
    "{state}: the journal has rows, and no registry knows who sent them: start the `ingest` first whose data "
    "directory has the `state.sqlite` of the collector before (an empty file, where there never was one)"
)
log = structlog.get_logger()
MARKS = ", ".join("?" * len(AGENT_COLUMNS.split(",")))


class AnyRegistry(Protocol):
    """Blocking calls, of one thread at a time; each may raise one of `registry.FAILING`."""

    def close(self) -> None: ...

    def invite(self, invite: Invite, *, now: float) -> str: ...

    def enrol(self, token: str, newcomer: Newcomer, *, now: float) -> tuple[Agent, str]: ...

    def agents(self) -> tuple[Agent, ...]: ...

    def offer(self, agent: str, *, now: float) -> str: ...

    def promote(self, agent: str, used: bytes, *, now: float) -> None: ...

    def keep_asked(self, targets: Iterable[Asked], *, now: float, kept_s: float) -> frozenset[Asked]: ...

    def asked(self) -> frozenset[Asked]: ...

    def export_key(self, agent: str) -> bytes: ...

    def revoke(self, agent: str, *, now: float) -> bool: ...

    def forget(self, agent: str, *, now: float) -> None: ...

    def saw(self, agents: Sequence[tuple[str, str]], *, now: float) -> None: ...

    def heard(self, moments: Mapping[str, float]) -> None: ...

    def change_mark(self) -> int: ...

    def fact(self, key: str) -> str | None: ...

    def facts(self) -> Mapping[str, str]: ...

    def keep_fact(self, key: str, value: str) -> None: ...


def open_registry(config: Config) -> AnyRegistry:
    """That of collectors that run with this configuration, for commands beside them.

    Raises `DataDirError`, `UnusableRegistryError`, `UnreachableRegistryError`, `UnusableJournalError`.
    """
    where = where_of(config)
    if not isinstance(where, Path):
        from rabta_collector.jetstream.moving import is_open  # the extra `[nats]`
        from rabta_collector.jetstream.registry import BucketRegistry

        if is_open(where):
            return BucketRegistry(where)
    if not (config.data / "state.sqlite").exists():
        raise DataDirError(
            f"{config.data}: no collector's data directory; see --data, or run `rabta-collector serve` first"
        )
    return Registry(DataDir(config.data).state)


def move_in(place: Place, data: DataDir, *, rows: bool = False) -> AnyRegistry:
    """The registry on NATS; what that of a data directory knows is brought there where there was none before.

    Where another data directory's is being brought, it waits until that is whole, and says so in the log: whoever has
    that directory goes on with it. `rows`: agents have sent some already, so somebody knows them, and nobody begins
    without: who is told that nobody does ends for good.

    Raises `UnreachableRegistryError`, `UnusableRegistryError`, `DataDirError`.
    """
    from rabta_collector.jetstream.registry import BucketRegistry

    shared = BucketRegistry(place)
    try:
        if data.state.exists():
            if shared.begin_move(data.name()):
                with closing(Registry(data.state)) as own:
                    shared.take_over(own)
        elif rows and shared.is_empty():
            raise UnusableRegistryError(UNKNOWN.format(state=data.state))
        told = ""
        while name := shared.moved_from():
            if name != told:
                log.warning("registry.awaited", directory=name, message=BROUGHT)
            told = name
            time.sleep(WAIT_S)
    except BaseException:
        shared.close()
        raise
    return shared


def move_out(place: Place, data: DataDir) -> int:
    """What the registry on NATS knows, into that of a data directory, in place of what this knew; how many agents.

    None where there is none on NATS. Raises `UnreachableRegistryError`, `sqlite3.Error`.
    """
    from rabta_collector.jetstream.moving import is_open
    from rabta_collector.jetstream.registry import BucketRegistry

    if not is_open(place):
        return 0
    Registry(data.state).close()  # which makes the file
    with (
        closing(BucketRegistry(place)) as shared,
        closing(sqlite3.connect(data.state, timeout=10, isolation_level=None)) as own,
        transaction(own),
    ):
        agents = shared.agents()
        for table in ("agents", "invites", "facts", "asked", "export_keys"):
            own.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        own.executemany(f"INSERT INTO agents ({AGENT_COLUMNS}) VALUES ({MARKS})", map(_row, agents))  # noqa: S608
        keys = ((agent.id, shared.export_key(agent.id)) for agent in agents)
        own.executemany("INSERT INTO export_keys VALUES (?, ?)", [pair for pair in keys if pair[1]])
        own.executemany(
            "INSERT INTO invites VALUES (?, ?, ?, ?, ?, 0, ?)",
            [(id_, kept, str(i.role), i.isp, i.uses, i.expires_at) for id_, kept, i in shared.invitations()],
        )
        own.executemany("INSERT INTO facts VALUES (?, ?)", shared.facts().items())
        own.executemany("INSERT INTO asked VALUES (?, ?, NULL)", sorted(shared.asked()))
    return len(agents)


def _row(one: Agent) -> tuple[object, ...]:
    """In the order of `AGENT_COLUMNS`."""
    times = one.enrolled_at, one.revoked_at, one.last_seen
    secrets = b"".join(one.pending), one.secret_at, one.offered_at
    return (one.id, one.digest, str(one.role), one.isp, one.province, *times, one.version, *secrets, one.invite)
