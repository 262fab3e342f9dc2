"""Seals days: what the journal and the record hold of a day that is over becomes files, a checkpoint and a signature.

Works beside a collector that serves, and writes nothing of its. Every file is made in a draft folder and renamed, the
checkpoint last: a stop at any moment leaves the day unsealed, and the next run makes it anew. A day that is sealed is
never touched again. One run at a time: the lock is a file of the archive's.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from rabta_collector.archive.chain import FOLDERS, KEY, Checkpoint, Span, name_of, read_checkpoint, write_checkpoint
from rabta_collector.archive.reading import days_of, last_row_of
from rabta_collector.archive.table import day_of, write_parts
from rabta_collector.journal_file import Row
from rabta_collector.record.file import RecordFile
from rabta_collector.rows import Rows, Where, last_before, open_to_read
from rabta_collector.signing import Signer

CHUNK = 500
GRACE_S = 300.0
"""After the end of a day, until nothing of it can still be on its way into the journal."""

Tell = Callable[[str], None]


class ArchiveError(RuntimeError):
    """The archive cannot be written or read; the message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is sealed, and by whom. `record` need not be there; `fill` has in it what is to be, before anything else."""

    journal: Where
    record: Path
    signer: Signer
    fill: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A day that was sealed. `damaged`: rows of the journal that could not be read, and are kept as they were."""

    day: str
    rows: int
    damaged: int
    events: int
    bytes: int
    digest: str


def newest_of(root: Path) -> Checkpoint | None:
    """The last checkpoint. Raises `ArchiveError` where it cannot be read."""
    days = days_of(root)
    if not days:
        return None
    place = root / name_of(days[-1])
    try:
        return read_checkpoint(place.read_bytes())
    except (OSError, ValueError) as wrong:
        raise ArchiveError(f"{place}: {wrong}; see rabta-collector verify --archive") from None


def sealed_to(archive: Path) -> float:
    """The end of the newest day that is sealed, in Unix seconds; 0: there is none."""
    days = days_of(archive)
    return bounds_of(date.fromisoformat(days[-1]))[1] if days else 0.0


def digest_of(path: Path) -> str:
    """As `sha256sum` prints it."""
    with path.open("rb") as stream:
        digest = sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Archive:
    """An archive to be added to."""

    def __init__(self, root: Path, sources: Sources) -> None:
        self._root, self._sources = root, sources

    def seal_due(self, now: float, *, grace_s: float = GRACE_S) -> Iterator[Sealed]:
        """Seals every day that is over and holds anything, oldest first. Raises `ArchiveError`."""
        import duckdb

        try:
            with self._locked(), closing(open_to_read(self._sources.journal)) as journal:
                self._prepare()
                self._sources.fill()
                today = _day(day_of(int((now - grace_s) * 1_000_000)))
                while (day := self._next_day(journal)) is not None and day < today:
                    yield self._seal(journal, day)
        except (OSError, sqlite3.Error, duckdb.Error) as wrong:
            raise ArchiveError(f"{self._root}: {str(wrong).splitlines()[0]}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._root / "lock").open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArchiveError(f"{self._root}: another process writes this archive") from None
            yield

    def _prepare(self) -> None:
        for folder in FOLDERS:
            (self._root / folder).mkdir(exist_ok=True)
        key = self._root / KEY
        if not key.exists():
            _write_whole(key, self._sources.signer.public_pem)

    def _next_day(self, journal: Rows) -> date | None:
        """The first day after those that are sealed on which anything came; `None` where nothing did."""
        sealed = days_of(self._root)
        earliest = _day(sealed[-1]) + timedelta(days=1) if sealed else date.min
        rows = journal.read_after(last_row_of(self._root), CHUNK)
        said = _written_after(self._sources.record, bounds_of(earliest)[0] if sealed else 0.0)
        came = [row.at_us for row, sound in rows if sound][:1]
        found = [_day(day_of(at_us)) for at_us in (*came, *said)]
        return max(min(found), earliest) if found else None

    def _seal(self, journal: Rows, day: date) -> Sealed:
        draft = self._root / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        start, end = bounds_of(day)
        newest = newest_of(self._root)
        after = last_row_of(self._root)
        until = last_before(journal, int(end * 1_000_000))
        written = write_parts(_rows(journal, after, until), draft)
        events, records = self._write_events(draft / "events.jsonl", start, end)
        files = {path: f"measurements/day={day}/{path.name}" for path in written.files}
        if records is not None:
            files[draft / "events.jsonl"] = f"events/{day}.jsonl"
        if not files:
            raise ArchiveError(f"{self._root}: nothing of {day} can be read")
        digests = {name: digest_of(path) for path, name in files.items()}
        size = sum(path.stat().st_size for path in files)
        if newest is not None:
            digests[name_of(newest.day)] = digest_of(self._root / name_of(newest.day))
        span = Span(first=written.first, last=written.last) if written.files else None
        text = write_checkpoint(Checkpoint(day=str(day), journal=span, records=records, files=digests))
        self._put(day, files, text)
        shutil.rmtree(draft)
        return Sealed(
            day=str(day),
            rows=written.rows,
            damaged=written.damaged,
            events=events,
            bytes=size,
            digest=sha256(text).hexdigest(),
        )

    def _put(self, day: date, files: dict[Path, str], text: bytes) -> None:
        """Puts the day's files in their places, and its checkpoint when all else is on disk."""
        shutil.rmtree(self._root / f"measurements/day={day}", ignore_errors=True)  # of a run that was stopped
        for path, name in files.items():
            place = self._root / name
            place.parent.mkdir(exist_ok=True)
            _sync(path)
            path.replace(place)
            _sync(place.parent)
        _sync(self._root / "measurements")
        _write_whole(self._root / f"chain/{day}.sig", self._sources.signer.sign_text(text))
        _write_whole(self._root / name_of(str(day)), text)

    def _write_events(self, place: Path, start: float, end: float) -> tuple[int, Span | None]:
        """Lines that were written into the record on a day, and their numbers."""
        if not self._sources.record.exists():
            return 0, None
        numbers: list[int] = []
        with closing(RecordFile(self._sources.record)) as record, place.open("wb") as stream:
            for line in record.lines(start, end):
                stream.write(line.text)
                numbers.append(line.id)
        return len(numbers), Span(first=numbers[0], last=numbers[-1]) if numbers else None


def _rows(journal: Rows, after: int, until: int) -> Iterator[tuple[Row, bool]]:
    while after < until and (chunk := journal.read_after(after, CHUNK)):
        for row, sound in chunk:
            if row.id > until:
                return
            yield row, sound
        after = chunk[-1][0].id


def _written_after(record: Path, moment: float) -> list[int]:
    """When the first line since a moment was written, microseconds since 1970; nothing where there is none."""
    if not record.exists():
        return []
    with closing(RecordFile(record)) as file:
        found = file.first_written_us(moment)
    return [] if found is None else [found]


def _day(text: str) -> date:
    return date.fromisoformat(text)


def bounds_of(day: date) -> tuple[float, float]:
    """Beginning and end of a day, in Unix seconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start.timestamp(), (start + timedelta(days=1)).timestamp()


def _write_whole(place: Path, content: bytes) -> None:
    draft = place.with_name(f".{place.name}.new")
    draft.write_bytes(content)
    _sync(draft)
    draft.replace(place)
    _sync(place.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
