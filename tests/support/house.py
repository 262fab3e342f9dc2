"""A collector's files with three days in them, to be sealed."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rabta_collector import journal_file
from rabta_collector.archive.sealing import Archive, Sealed, Sources
from rabta_collector.archive.verifying import Verification
from rabta_collector.journal_file import Row
from rabta_collector.record.file import RecordFile
from rabta_collector.signing import load_signer
from support.country import make_events
from support.factories import NOON
from support.feeds import Feed
from support.written import row_of

DAY_S = 86_400.0
FEED = Feed(agents={"ptcl": 2}, controls=1)


class House:
    """A data directory in which three days were measured."""

    def __init__(self, folder: Path, *, measured: bool = True) -> None:
        self.folder, self.root, self.journal = folder, folder / "archive", folder / "journal.sqlite"
        self.signer = load_signer(folder / "plan.key")
        if measured:
            self._measure()

    def _measure(self) -> None:
        entries = [
            entry
            for noon in (NOON, NOON + DAY_S, NOON + 2 * DAY_S)
            for entry in (*FEED.presence(noon, True), *FEED.rounds(noon, noon + 100))
        ]
        entries.sort(key=lambda entry: entry.at)
        journal_file.prepare(self.journal)
        with closing(journal_file.connect(self.journal)) as connection:
            rows = [row_of(entry, number) for number, entry in enumerate(entries, 1)]
            journal_file.append(connection, 0, rows)
        with closing(RecordFile(self.folder / "record.sqlite")) as record:
            for number, event in enumerate(make_events()):
                with record.transaction():
                    record.append(event, {"of": event.id}, NOON + number * DAY_S / 4)

    def rows(self) -> Sequence[tuple[Row, bool]]:
        with closing(journal_file.connect(self.journal)) as connection:
            return journal_file.read_after(connection, 0, 10_000)

    def seal(self, now: float = NOON + 2 * DAY_S) -> list[Sealed]:
        sources = Sources(self.journal, self.folder / "record.sqlite", self.signer)
        return list(Archive(self.root, sources).seal_due(now))

    def problems(self, **known: object) -> list[str]:
        return [str(problem) for problem in Verification(root=self.root, **known).problems()]  # type: ignore[arg-type]

    def parts(self) -> list[Path]:
        return sorted(self.root.glob("measurements/*/*.parquet"))
