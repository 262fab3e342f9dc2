"""The ledger sees a measurement that is missing and one that was counted twice."""

from pathlib import Path

import pytest

from lab.ledger import Ledger, journaled
from rabta_collector import journal_file
from rabta_collector.journal_file import Kind, Row
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from rabta_proto.v1.measurement_pb2 import Measurement


def row(id_: int, agent: str, *sequences: int) -> Row:
    batch = MeasurementBatch(measurements=[Measurement(epoch=7, sequence=sequence) for sequence in sequences])
    return Row(
        id_,
        Kind.MEASURED,
        id_,
        agent,
        "ptcl",
        "probe",
        7,
        sequences[0],
        sequences[-1],
        len(sequences),
        batch.SerializeToString(),
    )


def test_every_key_of_a_journal_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal_file.prepare(path)
    connection = journal_file.connect(path)
    present = Row(1, Kind.CONNECTED, 1, "a", "ptcl", "probe")
    journal_file.append(connection, 0, [present, row(2, "a", 1, 2), row(3, "b", 1), row(4, "a", 2, 3)])
    connection.close()
    assert {("a", 7, 1): 1, ("a", 7, 2): 2, ("a", 7, 3): 1, ("b", 7, 1): 1} == journaled(path)


@pytest.mark.parametrize(
    ("produced", "journaled", "twice", "balanced"), [(9, 9, 0, True), (9, 8, 0, False), (9, 9, 1, False)]
)
def test_an_account_balances_when_nothing_is_missing_and_nothing_double(
    produced: int, journaled: int, twice: int, balanced: bool
) -> None:
    ledger = Ledger(produced=produced, waiting=0, dropped=0, rejected=0, journaled=journaled, twice=twice)
    assert balanced == ledger.balanced
