"""A stream of documents, and what becomes of each."""

import itertools
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rabta_collector.history.file import HistoryFile
from rabta_collector.history.importing import BATCH, Importer
from rabta_collector.history.places import Reason, make_places
from rabta_collector.isps import default_isps
from rabta_collector.ooni.importing import admitting
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.reader import Document, Place, Trouble
from rabta_collector.targets import default_catalogue
from support.ooni_builder import built

PLACES = make_places(default_catalogue(), default_isps())
ADMIT = admitting(PLACES, Prints(), 2e9)


def document(number: int = 0, **changes: Any) -> Document:
    time = f"2024-02-{1 + number // 1440 % 28:02d} {number // 60 % 24:02d}:{number % 60:02d}:00"
    record = built() | {"measurement_start_time": time, "measurement_uid": f"uid-{number}"} | changes
    return Document(place=Place(file="f", line=number + 1), record=record)


class Told:
    def __init__(self) -> None:
        self.troubles: list[Trouble] = []
        self.steps = 0

    def step(self) -> None:
        self.steps += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def importer(tmp_path: Path, told: Told) -> Iterator[Importer]:
    with closing(HistoryFile(tmp_path / "history.sqlite")) as file:
        yield Importer(file=file, trouble=told.troubles.append, step=told.step)


def test_everything_is_counted_once(importer: Importer, told: Told) -> None:
    trouble = Trouble(place="f:7", what="not a JSON document")
    importer.take(
        [
            document(0),
            document(1),
            document(1),
            document(2, input="https://nobody.example/"),
            document(3, probe_asn="AS64512"),
            document(4, probe_asn="AS64512"),
            document(5, probe_asn="AS64513"),
            trouble,
        ],
        ADMIT,
    )
    importer.flush()
    counts = importer.counts
    assert (7, 2, 1, 1) == (counts.read, counts.imported, counts.duplicates, counts.unreadable)
    assert {Reason.OTHER_HOST: 1, Reason.OTHER_NETWORK: 3} == counts.skipped
    assert [trouble] == told.troubles
    assert (
        "7 measurements read: 2 imported, 1 duplicates, 4 skipped (3 from networks that no ISP has: AS64512 2, "
        "AS64513 1; 1 of hosts that no platform has); 1 unreadable"
    ) == str(counts)


def test_a_file_that_was_lost_is_counted(importer: Importer) -> None:
    importer.take([Trouble(place="f", what="no such file")], ADMIT)
    assert "0 measurements read: 0 imported, 0 duplicates, 0 skipped; 1 unreadable" == str(importer.counts)


def test_another_run_imports_nothing_twice(importer: Importer, tmp_path: Path) -> None:
    importer.take([document(0), document(1)], ADMIT)
    importer.flush()
    with closing(HistoryFile(tmp_path / "history.sqlite")) as file:
        again = Importer(file=file, trouble=print)
        again.take([document(0), document(1), document(2)], ADMIT)
        again.flush()
    assert (1, 2) == (again.counts.imported, again.counts.duplicates)


def test_two_at_once_import_nothing_twice(importer: Importer, tmp_path: Path) -> None:
    """Both have looked before either has written."""
    with closing(HistoryFile(tmp_path / "history.sqlite")) as file:
        other = Importer(file=file, trouble=print)
        importer.take([document(0)], ADMIT)
        other.take([document(0), document(1)], ADMIT)
        importer.flush()
        other.flush()
    assert (1, 0, 1, 1) == (
        importer.counts.imported,
        importer.counts.duplicates,
        other.counts.imported,
        other.counts.duplicates,
    )


def test_what_is_read_goes_to_disk_batch_by_batch(importer: Importer, told: Told) -> None:
    importer.take((document(number) for number in range(BATCH + 1)), ADMIT)
    assert (BATCH + 1, BATCH) == (told.steps, importer.file.last_id())
    importer.flush()
    importer.flush()
    assert BATCH + 1 == importer.file.last_id()


def test_memory_does_not_grow_with_what_is_read(importer: Importer) -> None:
    """Skipped ones, for their number: a network for each, which are counted up to a bound."""
    documents = (document(0, probe_asn=f"AS{64512 + number}") for number in range(6000))
    importer.take(itertools.islice(documents, 3000), ADMIT)
    tracemalloc.start()
    importer.take(documents, ADMIT)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 200_000
    assert 6000 == importer.counts.read
