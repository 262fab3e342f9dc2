"""The books are read as the files have them."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faults.books import count_rows, read_journal, read_spool
from rabta_agent.contacts import contact_of
from rabta_agent.inflight import Settled
from rabta_agent.spool import Spool
from rabta_collector import journal_file
from rabta_collector.journal_file import Kind, Row
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.v1.collector_pb2 import MeasurementBatch

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def row(agent: str, *marks: int) -> Row:
    batch = MeasurementBatch(measurements=[wire.Measurement(epoch=7, sequence=m, plan_version=100 + m) for m in marks])
    return Row(0, Kind.MEASURED, 5, agent, "ptcl", "probe", 7, 1, 2, len(marks), batch.SerializeToString())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    journal_file.prepare(path)
    with closing(journal_file.connect(path)) as connection:
        present = Row(0, Kind.CONNECTED, 1, "a", "ptcl", "probe")
        journal_file.append(connection, 0, [present, row("a", 1, 2), row("b", 1), row("a", 2)])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def test_every_mark_of_a_journal_is_found(journal: Path) -> None:
    assert {"a": {(7, 1): [101], (7, 2): [102, 102]}, "b": {(7, 1): [101]}} == read_journal(journal)
    assert 4 == count_rows(journal)


def test_a_row_that_was_changed_is_no_record(journal: Path) -> None:
    content = journal.read_bytes()
    payload = row("b", 1).payload
    journal.write_bytes(content.replace(payload, payload[:-1] + b"\x00"))
    with pytest.raises(ValueError, match="is not what was written"):
        read_journal(journal)


def test_no_journal_has_no_rows(tmp_path: Path) -> None:
    assert 0 == count_rows(tmp_path / "nothing")


def test_a_spool_shows_what_waits_and_what_it_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", limit_bytes=10**8, today=lambda: NOW)
    for mark in (11, 12, 13):
        one = Measurement(target="x", started_at=NOW, duration_us=1, agent_version="0", plan_version=mark)
        spool.append(one, contact_of(one))
    spool.settle(Settled(accepted=(1,), rejected=(), reasons=frozenset()), contact_of(one))
    book = read_spool(tmp_path / "spool.sqlite")
    assert {(spool.epoch, 2): 12, (spool.epoch, 3): 13} == book.waiting
    assert (3, 3, 1) == (book.last, book.counters["produced"], book.counters["acked"])
    spool.close()
