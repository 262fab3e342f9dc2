"""Takes what others measured, or what was exported, into the history; a million need no more memory than hundreds."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from rabta_collector.history.file import HistoryFile, Placed, Published
from rabta_collector.history.places import Reason
from rabta_collector.ooni.reader import Trouble

BATCH = 500
NETWORKS_TOLD = 5
NETWORKS_COUNTED = 1000
AHEAD_S = 60.0
"""By so much the clock of whoever measured may be ahead of ours."""

Read = TypeVar("Read")


def digest_of(value: bytes) -> bytes:
    """As the history keeps digests."""
    return hashlib.blake2b(value, digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A measurement that has a place. `take` looks into it; `uid` and `content` as in the history's file."""

    content: bytes
    take: Callable[[], tuple[Published, Placed]]
    uid: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """One that has none. `network`: its AS number, where that is the reason."""

    reason: Reason
    network: int = 0


Admit = Callable[[Read], Admitted | Skipped]


@dataclass(slots=True, kw_only=True)
class Counts:
    """What became of everything that was read. `unreadable`: what was no measurement, and files that were lost."""

    read: int = 0
    imported: int = 0
    duplicates: int = 0
    unreadable: int = 0
    skipped: Counter[Reason] = field(default_factory=Counter)
    networks: Counter[int] = field(default_factory=Counter)
    """Networks of which measurements were skipped, the first so many."""

    def __str__(self) -> str:
        """For the operator, on one line."""
        reasons = "; ".join(f"{count} {self._why(reason)}" for reason, count in self.skipped.most_common())
        skipped = f"{self.skipped.total()} skipped" + (f" ({reasons})" if reasons else "")
        return (
            f"{self.read} measurements read: {self.imported} imported, {self.duplicates} duplicates, {skipped}; "
            f"{self.unreadable} unreadable"
        )

    def _why(self, reason: Reason) -> str:
        if reason is not Reason.OTHER_NETWORK:
            return str(reason)
        most = self.networks.most_common(NETWORKS_TOLD)
        return f"{reason}: {', '.join(f'AS{asn} {count}' for asn, count in most)}"


@dataclass(slots=True, kw_only=True)
class Importer:
    """`trouble` is told of what cannot be read; `step` is called after each one that was read."""

    file: HistoryFile
    trouble: Callable[[Trouble], None]
    step: Callable[[], None] = lambda: None
    counts: Counts = field(default_factory=Counts)
    _batch: list[tuple[Published, Placed]] = field(default_factory=list)

    def take(self, found: Iterable[Read | Trouble], admit: Admit[Read]) -> None:
        """What was read of one file or more."""
        for one in found:
            if isinstance(one, Trouble):
                self.counts.unreadable += 1
                self.trouble(one)
            else:
                self.counts.read += 1
                self._take(admit(one))
            self.step()

    def _take(self, admitted: Admitted | Skipped) -> None:
        if isinstance(admitted, Skipped):
            self.counts.skipped[admitted.reason] += 1
            if admitted.reason is Reason.OTHER_NETWORK and len(self.counts.networks) < NETWORKS_COUNTED:
                self.counts.networks[admitted.network] += 1
        elif self.file.holds(admitted.uid, admitted.content):
            self.counts.duplicates += 1
        else:
            self._batch.append(admitted.take())
            if len(self._batch) >= BATCH:
                self.flush()

    def flush(self) -> None:
        """Puts on disk what waits."""
        if self._batch:
            new = self.file.append(self._batch)
            self.counts.imported += new
            self.counts.duplicates += len(self._batch) - new
            self._batch.clear()
