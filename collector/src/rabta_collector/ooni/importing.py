"""Takes OONI's measurements into the history, one after the other; a million need no more memory than a few hundred."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rabta_collector.history.file import HistoryFile, Placed, Published
from rabta_collector.history.places import Places, Reason
from rabta_collector.ooni.intake import Ticket, admit, asn_of, take_in
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.reader import Document, Found, Trouble

BATCH = 500
NETWORKS_TOLD = 5
NETWORKS_COUNTED = 1000


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
    """`trouble` is told of what cannot be read; `step` is called after each batch that is on disk."""

    file: HistoryFile
    places: Places
    prints: Prints
    now: float
    trouble: Callable[[Trouble], None]
    step: Callable[[], None] = lambda: None
    counts: Counts = field(default_factory=Counts)
    _batch: list[tuple[Published, Placed]] = field(default_factory=list)

    def take(self, found: Iterable[Found]) -> None:
        """Documents of one file or more."""
        for one in found:
            if isinstance(one, Trouble):
                self.counts.unreadable += 1
                self.trouble(one)
            else:
                self._take(one)

    def _take(self, document: Document) -> None:
        self.counts.read += 1
        ticket = admit(document.record, self.places, self.now)
        if isinstance(ticket, Reason):
            self.counts.skipped[ticket] += 1
            if ticket is Reason.OTHER_NETWORK and len(self.counts.networks) < NETWORKS_COUNTED:
                self.counts.networks[asn_of(document.record)] += 1
            return
        if self.file.holds(ticket.uid, ticket.content):
            self.counts.duplicates += 1
            return
        self._keep(document, ticket)

    def _keep(self, document: Document, ticket: Ticket) -> None:
        self._batch.append(take_in(document.record, ticket, self.prints))
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Puts on disk what waits."""
        if not self._batch:
            return
        new = self.file.append(self._batch)
        self.counts.imported += new
        self.counts.duplicates += len(self._batch) - new
        self._batch.clear()
        self.step()
