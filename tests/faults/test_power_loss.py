"""Power is lost, or a disk goes bad, in the last records of a file: what was committed before the damage is there.

Every byte of the last records is cut off and changed, one at a time, in the file itself and in its write-ahead log;
`make check` takes a sample of these places. Nothing is invented, nothing is read that was not written, and a file that
SQLite cannot read whole is kept aside.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.harm import Harm, every_byte, some_of
from rabta_agent.contacts import contact_of
from rabta_agent.spool import Spool
from rabta_collector import journal_file
from rabta_collector.journal_file import Kind, Row
from rabta_proto.model import Measurement

pytestmark = pytest.mark.timeout(TIMEOUT_S)

COUNT, LAST = 40, 4
SAMPLE, ALL = 24, 10**9
NOW = datetime(2026, 1, 2, tzinfo=UTC)

Read = Callable[[Path], dict[int, bytes]]
"""Opens a file as its program does at a start, and reads it: payloads by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A file with what was committed to it, and how much of it lay on disk when each commit returned.

    `ends[number]`: the length of the file that is harmed, after the commit of that number.
    """

    folder: Path
    name: str
    harmed: str
    payloads: dict[int, bytes]
    ends: dict[int, int]

    @property
    def length(self) -> int:
        return (self.folder / self.harmed).stat().st_size

    @property
    def begin(self) -> int:
        """Where the last records begin."""
        return self.ends[COUNT - LAST]

    def safe(self, harm: Harm) -> set[int]:
        """Numbers that were committed before the damaged place."""
        return {number for number, end in self.ends.items() if end <= harm.at}


def payload(number: int) -> bytes:
    return f"measurement {number} ".encode() * 40


def row(number: int) -> Row:
    return Row(number, Kind.MEASURED, number * 1000, "agent", "ptcl", "probe", 7, number, number, 1, payload(number))


def read_journal(path: Path) -> dict[int, bytes]:
    journal_file.prepare(path)
    with closing(journal_file.connect(path)) as connection:
        rows = journal_file.read_after(connection, 0, 1000)
    return {row.first_sequence: row.payload for row, sound in rows if sound}


def read_spool(path: Path) -> dict[int, bytes]:
    spool = Spool(path, limit_bytes=10**8, today=lambda: NOW)
    found: dict[int, bytes] = {}
    with closing(spool):
        rows = set[int]()
        while batch := spool.newest(most=500, most_bytes=10**8, skip=rows):
            rows |= {one.row for one in batch}
            found |= {one.sequence: one.payload for one in batch}
    return found


def journal_log(folder: Path) -> Specimen:
    """A journal whose last commits are in its log alone, as a collector leaves it that was killed."""
    path, ends = folder / "live" / "journal.sqlite", dict[int, int]()
    path.parent.mkdir(parents=True)
    journal_file.prepare(path)
    with closing(journal_file.connect(path)) as connection:
        for number in range(1, COUNT + 1):
            journal_file.append(connection, number - 1, [row(number)])
            ends[number] = path.with_name("journal.sqlite-wal").stat().st_size
        return _kept(path, "journal.sqlite-wal", {number: payload(number) for number in ends}, ends)


def journal_body(folder: Path) -> Specimen:
    """A journal that was closed in order."""
    path, ends = folder / "live" / "journal.sqlite", dict[int, int]()
    path.parent.mkdir(parents=True)
    journal_file.prepare(path)
    for number in range(1, COUNT + 1):
        with closing(journal_file.connect(path)) as connection:
            journal_file.append(connection, number - 1, [row(number)])
        ends[number] = path.stat().st_size
    return _kept(path, "journal.sqlite", {number: payload(number) for number in ends}, ends)


def spool_log(folder: Path) -> Specimen:
    """A spool whose last commits are in its log alone."""
    path, ends = folder / "live" / "spool.sqlite", dict[int, int]()
    path.parent.mkdir(parents=True)
    spool = Spool(path, limit_bytes=10**8, today=lambda: NOW)
    for number in range(1, COUNT + 1):
        one = Measurement(target=f"https://x.com/{number}", started_at=NOW, duration_us=1, agent_version="v" * 600)
        assert number == spool.append(one, contact_of(one))
        ends[number] = path.with_name("spool.sqlite-wal").stat().st_size
    whole = {one.sequence: one.payload for one in spool.newest(most=500, most_bytes=10**8, skip=())}
    specimen = _kept(path, "spool.sqlite-wal", whole, ends)
    spool.close()
    return specimen


def _kept(path: Path, harmed: str, payloads: dict[int, bytes], ends: dict[int, int]) -> Specimen:
    """A copy of the files as they are now, for nobody to change."""
    folder = path.parent.with_name("kept")
    folder.mkdir()
    for file in path.parent.iterdir():
        if not file.name.endswith("-shm"):  # it is memory: a power cut leaves none
            shutil.copy(file, folder / file.name)
    return Specimen(folder=folder, name=path.name, harmed=harmed, payloads=payloads, ends=ends)


def harmed(specimen: Specimen, harm: Harm, folder: Path) -> Path:
    """A copy with the harm done to it; its path."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(specimen.folder, folder)
    file = folder / specimen.harmed
    file.write_bytes(harm.done_to(file.read_bytes()))
    return folder / specimen.name


@pytest.mark.parametrize(
    ("make", "read"),
    [(journal_log, read_journal), (journal_body, read_journal), (spool_log, read_spool)],
    ids=["journal-log", "journal-body", "spool-log"],
)
def test_what_was_committed_before_the_damage_is_there_and_nothing_else(
    make: Callable[[Path], Specimen], read: Read, tmp_path: Path
) -> None:
    specimen = make(tmp_path)
    name = make.__name__.replace("_", "-")
    harms = some_of(list(every_byte(specimen.begin, specimen.length)), rounds(SAMPLE, ALL), dice(f"power-loss-{name}"))
    kept_least, aside = COUNT, 0
    for harm in harms:
        path = harmed(specimen, harm, tmp_path / "harmed")
        found = read(path)
        assert found.items() <= specimen.payloads.items(), f"{harm}: something was invented"
        assert specimen.safe(harm) <= found.keys(), f"{harm}: {sorted(specimen.safe(harm) - found.keys())} are lost"
        assert found.items() == read(path).items(), f"{harm}: a second start sees something else"
        kept_least, aside = min(kept_least, len(found)), aside + _is_aside(specimen, path.parent)
    tell(
        f"power-loss-{name}", rounds=len(harms), records=COUNT * len(harms), kept_least=kept_least, aside=aside, lost=0
    )
    assert kept_least >= COUNT - LAST - 2


def _is_aside(specimen: Specimen, folder: Path) -> bool:
    return any("damaged" in file.name for file in folder.iterdir())
