"""Entries as rows of a journal, with a batch that holds what each measured; what is sealed of them, and given up."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rabta_collector import journal_file
from rabta_collector.archive.sealing import Archive, Sources
from rabta_collector.entries import Entry, Measured
from rabta_collector.journal_file import Kind, Row
from rabta_collector.signing import load_signer
from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as link

EPOCH = 7
TRIMMED = 7


def row_of(entry: Entry, number: int) -> Row:
    """`number`: of the first measurement in its agent's spool."""
    at_us = round(entry.at * 1_000_000)
    if not isinstance(entry, Measured):
        kind = Kind.CONNECTED if entry.connected else Kind.LEFT if entry.left else Kind.DISCONNECTED
        return Row(0, kind, at_us, entry.agent, entry.isp, str(entry.role))
    messages = [
        to_message(replace(one, epoch=EPOCH, sequence=number + place)) for place, one in enumerate(entry.measurements)
    ]
    payload = link.MeasurementBatch(measurements=messages).SerializeToString()
    last, count = number + len(messages) - 1, len(messages)
    return Row(0, Kind.MEASURED, at_us, entry.agent, entry.isp, str(entry.role), EPOCH, number, last, count, payload)


def write_entries(folder: Path, entries: Sequence[Entry]) -> Path:
    """A journal of them, each under its place; the file."""
    path = folder / "journal.sqlite"
    journal_file.prepare(path)
    with closing(journal_file.connect(path)) as connection:
        journal_file.append(connection, 0, [row_of(entry, number) for number, entry in enumerate(entries, 1)])
    return path


def seal(folder: Path, now: float) -> None:
    """All days that are over by then, in the folder's archive."""
    sources = Sources(folder / "journal.sqlite", folder / "none", load_signer(folder / "plan.key"))
    list(Archive(folder / "archive", sources).seal_due(now))


def give_up(folder: Path, row: int) -> None:
    """Rows up to this one."""
    with closing(journal_file.connect(folder / "journal.sqlite")) as connection:
        while journal_file.trim(connection, row, TRIMMED):
            pass
