"""What both parts need before anything else: a stream that is there, and a registry in which all find the same."""

import time
from contextlib import closing

import structlog

from rabta_collector.config import Config, InvalidFlagError
from rabta_collector.datadir import DataDir
from rabta_collector.jetstream.moving import is_shared
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.registry import BucketRegistry
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.registries import AnyRegistry
from rabta_collector.rows import where_of
from rabta_collector.signing import load_signer

PLAN_KEY, IMPORT_KEY = "plan_public_key", "import_public_key"
"""Facts of the registry: by which key agents know plans, and for which they seal what they export, so that every
process has the same ones."""
FILES = {PLAN_KEY: "plan.key", IMPORT_KEY: "import.key"}

SOUND = (2, 10, 25)
OLD = "a server that leads and is cut off may keep rows that no quorum took: see deploy/nats/README.md, or use 2.10.25"
"""Of a follower with rows beyond those that the leader names 2.9.10 keeps them (raft.go, `processAppendEntry`)."""

WAIT_S = 1.0
log = structlog.get_logger()


class OtherKeyError(RuntimeError):
    """The data directory holds another key than that of the other processes; one line for the operator."""


def place_of(config: Config, role: str) -> Place:
    """Where the journal is. Raises `InvalidFlagError` where that is in a file."""
    where = where_of(config)
    if not isinstance(where, Place):
        raise InvalidFlagError(f"--journal: {role} needs nats://HOST:PORT/STREAM; one process with a file is `serve`")
    return where


def make_ready(place: Place, lookback_s: float, *, make: bool) -> tuple[int, int]:
    """The row after which the last so many seconds begin, and the last one.

    `make`: the stream, where it is missing, which not every account may. Raises `UnusableJournalError`.
    """
    with closing(StreamRows(place, make=make)) as rows:
        if rows.replicas() == 1:
            log.warning("journal.alone", message="the stream is on one node, which syncs now and then: see ?replicas=3")
        elif rows.server() < SOUND:
            log.warning("journal.old_server", server=".".join(map(str, rows.server())), message=OLD)
        return rows.row_at(int((time.time() - lookback_s) * 1e6)) - 1, rows.last_position()[0]


def wait_for_registry(place: Place) -> BucketRegistry:
    """The registry, once a process that takes agents has made it. Raises `UnreachableRegistryError`."""
    told = False
    while not is_shared(place):
        if not told:
            log.info("registry.awaited", message="no `rabta-collector ingest` on this stream has made all of it yet")
        told = True
        time.sleep(WAIT_S)
    return BucketRegistry(place)


def wait_for_key(place: Place, data: DataDir) -> None:
    """Until processes that take agents have said by which key plans are known: that of the data directory.

    Raises `OtherKeyError`, `UnreachableRegistryError`.
    """
    while True:
        with closing(wait_for_registry(place)) as registry:
            if registry.fact(PLAN_KEY) is not None:
                return check_key(registry, PLAN_KEY, load_signer(data.plan_key).public_key)
        time.sleep(WAIT_S)


def check_key(registry: AnyRegistry, fact: str, public_key: bytes) -> None:
    """Raises `OtherKeyError`, `UnreachableRegistryError`."""
    known = registry.fact(fact)
    if known is None:
        registry.keep_fact(fact, public_key.hex())
    elif known != public_key.hex():
        raise OtherKeyError(
            f"{FILES[fact]}: agents know another one; copy plan.key and import.key from the data directory of the "
            "first ingest"
        )
