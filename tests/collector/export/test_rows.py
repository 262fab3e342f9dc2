"""A journal that is read beside its writer."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.export.rows import JournalReader, UnreadableJournalError, start_of
from rabta_collector.journal_file import Kind, Row
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role
from support.collector_server import measurement

SECOND = 1_000_000


def written(path: Path, *times_s: int) -> Path:
    """A journal with one measurement at each time, and presence in between."""
    journal_file.prepare(path)
    rows = []
    for number, at in enumerate(times_s):
        payload = link.MeasurementBatch(measurements=[measurement(number)]).SerializeToString()
        rows += [
            Row(0, Kind.CONNECTED, at * SECOND, "a", "ptcl", "probe"),
            Row(0, Kind.MEASURED, at * SECOND, "a", "ptcl", "probe", 7, number, number, 1, payload),
        ]
    with closing(journal_file.connect(path)) as connection:
        journal_file.append(connection, 0, rows)
    return path


@pytest.mark.parametrize(("since", "expected"), [(None, [1, 2, 3]), (0, [1, 2, 3]), (2, [2, 3]), (2.5, [3]), (4, [])])
def test_reading_begins_where_it_is_asked_to(tmp_path: Path, since: float | None, expected: list[int]) -> None:
    reader = JournalReader(path=written(tmp_path / "journal.sqlite", 1, 2, 3))
    assert expected == [delivery.at for delivery in reader.deliveries(since)]


def test_a_delivery_is_what_was_journaled(tmp_path: Path) -> None:
    (delivery,) = JournalReader(path=written(tmp_path / "journal.sqlite", 5)).deliveries()
    assert ("a", "ptcl", Role.PROBE, [0]) == (
        delivery.agent,
        delivery.isp,
        delivery.role,
        [message.sequence for message in delivery.messages],
    )


def test_more_rows_than_are_read_at_once_are_all_read(tmp_path: Path) -> None:
    reader = JournalReader(path=written(tmp_path / "journal.sqlite", *range(1, 500)))
    assert 499 == sum(1 for _ in reader.deliveries())


def test_a_damaged_row_is_counted_and_costs_no_other(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.sqlite", 1, 2, 3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE entries SET payload = x'00' WHERE id = 4")
        connection.commit()
    reader = JournalReader(path=path)
    assert ([1, 3], 1) == ([delivery.at for delivery in reader.deliveries()], reader.damaged)


def test_nothing_can_be_written_and_the_writer_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.sqlite", 1)
    with closing(journal_file.connect(path)) as writer:
        deliveries = JournalReader(path=path).deliveries()
        next(deliveries)
        last, at_us = journal_file.last_position(writer)
        journal_file.append(writer, last, [Row(0, Kind.CONNECTED, at_us, "b", "ptcl", "probe")])
        assert last + 1 == journal_file.last_position(writer)[0]


def test_a_missing_journal_and_another_program_s_are_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    text = tmp_path / "text"
    text.write_text("no database at all, only words " * 50)
    for path, expected in (
        (tmp_path / "none", "no such journal; see --data"),
        (other, "not a journal of Rabta"),
        (text, "the journal cannot be read: file is not a database"),
    ):
        with pytest.raises(UnreadableJournalError, match=expected):
            list(JournalReader(path=path).deliveries())


def test_a_clock_that_is_ahead_is_set_right() -> None:
    message = measurement(1, duration_us=2 * SECOND)
    began = message.started_at.seconds + message.started_at.nanos / 1e9
    assert began == pytest.approx(start_of(message, began + 2), rel=0, abs=1e-3)
    assert began - 10 == pytest.approx(start_of(message, began - 8), rel=0, abs=1e-3)
    message.clock_offset_us = -3600 * SECOND
    assert began - 3600 == pytest.approx(start_of(message, began + 2), rel=0, abs=1e-3)
    message.clock_offset_us = -(2**63)  # nobody's clock
    assert began == pytest.approx(start_of(message, began + 2), rel=0, abs=1e-3)
