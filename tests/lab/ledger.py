"""Counts measurements at both ends: what the agents' spools gave numbers to, and what the collector's journal holds.

An agent's numbers run from 1 without a gap for each epoch of its spool, so what it produced is the last number that it
gave, and every measurement has one key (agent, epoch, sequence) in the journal, or two when it was counted twice.
"""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lab.system import System
from rabta_proto.v1.collector_pb2 import MeasurementBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Sums over all agents."""

    produced: int
    waiting: int
    dropped: int
    rejected: int
    journaled: int
    twice: int

    @property
    def balanced(self) -> bool:
        """Nothing was lost, nothing counted twice, and nothing is left behind."""
        return self.produced == self.journaled and self.twice == 0

    def __str__(self) -> str:
        rest = f"{self.waiting} waiting, {self.dropped} dropped, {self.rejected} rejected, {self.twice} counted twice"
        return f"{self.produced} measurements produced, {self.journaled} journaled ({rest})"


async def balance(system: System) -> Ledger:
    """Asks every agent and reads the journal. Exact once the agents have ended; before that the journal runs behind."""
    statuses = await asyncio.gather(*(agent.status() for agent in system.agents))
    keys = await asyncio.to_thread(journaled, system.files.data / "journal.sqlite")
    sums = {
        name: sum(int(str(status[name])) for status in statuses)
        for name in ("produced", "waiting", "dropped", "rejected")
    }
    return Ledger(**sums, journaled=len(keys), twice=sum(count - 1 for count in keys.values()))


def journaled(path: Path) -> Counter[tuple[str, int, int]]:
    """How often each (agent, epoch, sequence) stands in a journal."""
    keys: Counter[tuple[str, int, int]] = Counter()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        for agent, payload in journal.execute("SELECT agent, payload FROM entries WHERE count > 0"):
            batch = MeasurementBatch.FromString(payload)
            keys.update((agent, measurement.epoch, measurement.sequence) for measurement in batch.measurements)
    return keys
