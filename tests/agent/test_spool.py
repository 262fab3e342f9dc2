"""The spool's laws: synced before it is offered, deleted only when acknowledged, bounded, and every one counted."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_agent.clockwatch import Offset
from rabta_agent.contacts import Contact, contact_of
from rabta_agent.inflight import Settled
from rabta_agent.spool import Counts, Spool, SpoolError, read_contacts, read_counts, reading
from rabta_agent.spool_file import CONTACTS, DAYS
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire
from support.fake_time import FakeTime
from support.strategies import measurements

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DELIVERY = Contact(at=NOW, purpose="collector", peers=("c:443",), bytes_sent=70, bytes_received=30)
PLENTY = 10**9


class Day:
    """A calendar that the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def spool_at(path: Path, *, limit_bytes: int = PLENTY, today: Day | None = None) -> Spool:
    return Spool(path, limit_bytes=limit_bytes, today=today or Day())


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path / "spool.sqlite")


def measured(number: int = 0, *, size: int = 0) -> Measurement:
    return Measurement(
        target=f"https://x.com/{number}",
        started_at=NOW,
        duration_us=1,
        agent_version="1" + "x" * size,
        bytes_sent=4,
        bytes_received=6,
    )


def put(spool: Spool, measurement: Measurement) -> int:
    return spool.append(measurement, contact_of(measurement))


def settled(*, accepted: tuple[int, ...] = (), rejected: tuple[int, ...] = ()) -> Settled:
    return Settled(accepted=accepted, rejected=rejected, reasons=frozenset())


def sequences(spool: Spool, *, most: int = 500, skip: tuple[int, ...] = ()) -> list[int]:
    return [one.sequence for one in spool.newest(most=most, most_bytes=PLENTY, skip=skip)]


def balance(counts: Counts) -> bool:
    return counts.produced == counts.acked + counts.rejected + counts.dropped + counts.waiting


def test_sequence_numbers_begin_at_one_and_grow_by_one(spool: Spool) -> None:
    assert [1, 2, 3] == [put(spool, measured(n)) for n in range(3)]


def test_a_number_is_never_used_twice_even_when_the_spool_was_emptied(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = spool_at(path)
    assert 1 == put(spool, measured())
    spool.settle(settled(accepted=(1,)), DELIVERY)
    epoch = spool.epoch
    spool.close()
    spool = spool_at(path)
    assert (epoch, 2) == (spool.epoch, put(spool, measured()))


def test_newest_first(spool: Spool) -> None:
    for number in range(5):
        put(spool, measured(number))
    assert [5, 4, 3] == sequences(spool, most=3)


def test_the_present_and_the_past_are_apart(spool: Spool) -> None:
    for number in range(5):
        put(spool, measured(number))
    assert [5, 4] == [one.row for one in spool.newest(most=9, most_bytes=PLENTY, skip=(), above=3)]
    assert [3, 2] == [one.row for one in spool.newest(most=2, most_bytes=PLENTY, skip=(), upto=3)]
    assert (2, 0, 5) == (spool.waiting_above(3), spool.waiting_above(5), spool.waiting_above(-(2**63)))


def test_the_last_row_is_the_last_that_was_ever_given_out(spool: Spool) -> None:
    assert 0 == spool.last_row()
    put(spool, measured())
    put(spool, measured())
    spool.settle(settled(accepted=(2,)), DELIVERY)
    assert 2 == spool.last_row()


def test_what_is_on_its_way_is_skipped(spool: Spool) -> None:
    for number in range(5):
        put(spool, measured(number))
    assert [4, 2, 1] == sequences(spool, skip=(5, 3))


def test_a_batch_has_a_most_of_bytes_but_never_less_than_one(spool: Spool) -> None:
    for number in range(3):
        put(spool, measured(number, size=1000))
    assert 2 == len(spool.newest(most=50, most_bytes=2500, skip=()))
    assert 1 == len(spool.newest(most=50, most_bytes=1, skip=()))


def test_a_measurement_waits_until_it_is_acknowledged(spool: Spool) -> None:
    put(spool, measured())
    assert [1] == sequences(spool) == sequences(spool)
    spool.settle(settled(accepted=(1,)), DELIVERY)
    assert [] == sequences(spool)


def test_each_end_has_its_own_count(spool: Spool) -> None:
    for number in range(4):
        put(spool, measured(number))
    spool.settle(settled(accepted=(1, 2), rejected=(3,)), DELIVERY)
    counts = spool.counts()
    assert (4, 2, 1, 0, 1) == (counts.produced, counts.acked, counts.rejected, counts.dropped, counts.waiting)


def test_what_is_acknowledged_twice_counts_once(spool: Spool) -> None:
    put(spool, measured())
    for _ in range(2):
        spool.settle(settled(accepted=(1,)), DELIVERY)
    assert 1 == spool.counts().acked


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool.sqlite", limit_bytes=5_000)
    for number in range(10):
        put(spool, measured(number, size=1000))
    assert [10, 9, 8, 7] == sequences(spool)
    assert (10, 6, 4) == (spool.counts().produced, spool.counts().dropped, spool.counts().waiting)


def test_the_limit_holds_after_a_restart(tmp_path: Path) -> None:
    for number in range(10):
        spool = spool_at(tmp_path / "spool.sqlite", limit_bytes=5_000)
        put(spool, measured(number, size=1000))
        spool.close()
    assert [10, 9, 8, 7] == sequences(spool_at(tmp_path / "spool.sqlite"))


def test_room_that_an_acknowledgement_made_is_used_again(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool.sqlite", limit_bytes=5_000)
    for number in range(4):
        put(spool, measured(number, size=1000))
    spool.settle(settled(accepted=(1, 2, 3, 4)), DELIVERY)
    for number in range(4):
        put(spool, measured(number, size=1000))
    assert 0 == spool.counts().dropped


def test_a_measurement_larger_than_the_spool_is_still_kept(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool.sqlite", limit_bytes=1)
    assert [put(spool, measured(size=100))] == sequences(spool)


def test_bytes_and_measurements_count_for_the_day_they_fall_on(tmp_path: Path) -> None:
    day = Day()
    spool = spool_at(tmp_path / "spool.sqlite", today=day)
    put(spool, measured())
    spool.settle(settled(accepted=(1,)), DELIVERY)
    assert ("2026-01-02", 1, 110) == (spool.counts().day, spool.counts().measured_today, spool.counts().bytes_today)
    day.now += timedelta(days=1)
    assert (0, 0) == (spool.counts().measured_today, spool.counts().bytes_today)


def test_days_and_contacts_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    day = Day()
    spool = spool_at(path, today=day)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO contact VALUES (1, 0, 'old', '', 0, 0)")
        other.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'contact'", (CONTACTS,))
        other.executemany("INSERT INTO day VALUES (?, 1, 1)", [(f"2020-01-{n:02}",) for n in range(1, 32)])
    put(spool, measured())
    with reading(path) as connection:
        assert connection is not None
        assert ["https://x.com/0"] == [contact.purpose for contact in read_contacts(connection, 10)]
        assert (DAYS,) == connection.execute("SELECT count(*) FROM day").fetchone()


def test_contacts_are_read_oldest_first_and_come_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = spool_at(path)
    put(spool, measured())
    spool.settle(settled(accepted=(1,)), DELIVERY)
    with reading(path) as connection:
        assert connection is not None
        assert [contact_of(measured()), DELIVERY] == read_contacts(connection, 10)
        assert [DELIVERY] == read_contacts(connection, 1)


def test_another_process_reads_beside_a_running_agent_and_after_it(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = spool_at(path)
    put(spool, measured())
    for end in (lambda: None, spool.close):
        end()
        with reading(path) as connection:
            assert connection is not None
            assert 1 == read_counts(connection, NOW).waiting


def test_where_there_is_no_spool_nothing_is_read_and_none_is_made(tmp_path: Path) -> None:
    with reading(tmp_path / "spool.sqlite") as connection:
        assert connection is None
    assert [] == list(tmp_path.iterdir())


def test_a_spool_whose_agent_has_only_begun_it_is_none_yet(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.touch()
    with reading(path) as connection:
        assert connection is None
    with closing(sqlite3.connect(path)) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
        with reading(path) as connection:
            assert connection is None


def test_a_spool_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"garbage" * 1000)
    with (
        pytest.raises(SpoolError, match="not a database"),
        reading(tmp_path / "spool.sqlite") as connection,
    ):
        read_contacts(connection, 1) if connection else None


def test_a_spool_that_loses_its_tables_says_so_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = spool_at(path)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE contact")
    with pytest.raises(SpoolError, match="contact"):
        put(spool, measured())
    assert 0 == spool.counts().produced  # rolled back


@settings(max_examples=40)
@given(measurement=measurements())
def test_a_measurement_comes_out_as_it_went_in(
    measurement: Measurement, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = spool_at(tmp_path_factory.mktemp("one") / "spool.sqlite")
    put(spool, measurement)
    (waiting,) = spool.newest(most=1, most_bytes=1, skip=())
    stored = wire.Measurement.FromString(waiting.payload)
    assert to_message(replace(measurement, epoch=0, sequence=0)) == stored
    spool.close()


@settings(max_examples=40)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 900)),
            st.tuples(st.just("ack"), st.integers(1, 30)),
            st.tuples(st.just("reject"), st.integers(1, 30)),
            st.tuples(st.just("reopen"), st.just(0)),
        ),
        max_size=30,
    )
)
def test_at_any_instant_every_measurement_is_accounted_for(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("laws") / "spool.sqlite"
    spool = spool_at(path, limit_bytes=4_000)
    for step, number in steps:
        match step:
            case "put":
                put(spool, measured(size=number))
            case "ack":
                spool.settle(settled(accepted=(number,)), DELIVERY)
            case "reject":
                spool.settle(settled(rejected=(number,)), DELIVERY)
            case _:
                spool.close()
                spool = spool_at(path, limit_bytes=4_000)
        counts = spool.counts()
        assert balance(counts)
        assert counts.waiting == len(sequences(spool))
    spool.close()


WRITER = """
import sys, pathlib
from datetime import UTC, datetime
from rabta_agent.contacts import contact_of
from rabta_agent.spool import Spool
from rabta_proto.model import Measurement
now = datetime.now(UTC)
spool = Spool(pathlib.Path(sys.argv[1]), limit_bytes=10**9, today=lambda: now)
m = Measurement(target="https://x.com/", started_at=now, duration_us=1, agent_version="1")
while True:
    print(spool.append(m, contact_of(m)), flush=True)
"""


@pytest.mark.parametrize("after", [1, 40])
def test_what_was_appended_survives_a_kill(tmp_path: Path, after: int) -> None:
    path = tmp_path / "spool.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        promised = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        promised += [int(line) for line in writer.stdout if line.endswith("\n")]
    spool = spool_at(path)
    assert spool.damage is None
    assert set(promised) <= set(sequences(spool, most=10**6))
    assert balance(spool.counts())


def test_what_a_killed_agent_left_behind_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "left" / "spool.sqlite"
    path.parent.mkdir()
    spool = spool_at(tmp_path / "spool.sqlite")
    put(spool, measured())
    for suffix in ("", "-wal"):  # and no -shm, as after a power cut
        (path.parent / f"spool.sqlite{suffix}").write_bytes((tmp_path / f"spool.sqlite{suffix}").read_bytes())
    spool.close()
    with reading(path) as connection:
        assert connection is not None
        assert 1 == read_counts(connection, NOW).produced
        with pytest.raises(sqlite3.OperationalError, match="readonly"):  # it changes nothing
            connection.execute("DELETE FROM measurement")


class Age:
    """A spool whose clock the test turns, and which keeps what it has for ten days."""

    def __init__(self, path: Path) -> None:
        self.path, self.time = path, FakeTime(NOW)
        self.open("first")

    def open(self, boot: str) -> None:
        self.spool = Spool(
            self.path / "spool.sqlite",
            limit_bytes=PLENTY,
            limit_s=10 * 86_400.0,
            today=self.time.now,
            steady=self.time.monotonic,
            boot=boot,
        )

    def put(self, days_later: float = 0.0) -> None:
        self.time.advance(days_later * 86_400)
        put(self.spool, replace(measured(), started_at=self.time.now()))

    @property
    def held(self) -> tuple[int, int]:
        """Waiting, and dropped for age."""
        counts = self.spool.counts()
        assert balance(counts)
        assert counts.dropped == counts.dropped_old
        return counts.waiting, counts.dropped_old


def test_what_has_waited_for_too_long_is_dropped_and_counted(tmp_path: Path) -> None:
    age = Age(tmp_path)
    for _ in range(5):
        age.put(4)
    assert (3, 2) == age.held
    age.put(9.9)
    assert (2, 4) == age.held


def test_the_newest_is_kept_whatever_its_clock_says(tmp_path: Path) -> None:
    age = Age(tmp_path)
    put(age.spool, replace(measured(), started_at=NOW - timedelta(days=4000)))
    assert (1, 0) == age.held


def test_a_clock_that_is_set_far_ahead_drops_nothing_until_a_collector_confirms_it(tmp_path: Path) -> None:
    age = Age(tmp_path)
    age.put()
    age.time.set_wall(NOW + timedelta(days=3650))
    age.put()
    assert (2, 0) == age.held
    clocks = age.spool.clocks()
    age.spool.learn(Offset(offset_us=-3650 * 86_400 * 10**6, error_us=1, steady_us=clocks.steady_us))
    age.put()
    assert (3, 0) == age.held  # it was wrong by ten years
    age.put(10.5)
    assert (1, 3) == age.held


def test_after_a_restart_of_the_machine_a_confirmed_clock_tells_what_is_old(tmp_path: Path) -> None:
    age = Age(tmp_path)
    age.put()
    age.spool.close()
    age.time.advance(20 * 86_400)
    age.open("second")
    age.put()
    assert (2, 0) == age.held
    age.spool.learn(Offset(offset_us=0, error_us=1, steady_us=age.spool.clocks().steady_us))
    age.put()
    assert (2, 1) == age.held


def test_a_measurement_and_its_delivery_write_little_to_the_disk(tmp_path: Path) -> None:
    """Pages in the write-ahead log; a checkpoint writes each of them at most once more, and most of them never."""
    path = tmp_path / "spool.sqlite"
    spool = spool_at(path)
    spool._connection.execute("PRAGMA wal_autocheckpoint = 0")
    log = path.with_name(path.name + "-wal")
    one, count = measured(size=1500), 40
    before = log.stat().st_size
    for _ in range(count):
        row = put(spool, one)
        spool.settle(settled(accepted=(row,)), DELIVERY)
    assert (log.stat().st_size - before) / count < 16_000  # 14.6 kB; 37 kB with pages of 4 kB


def test_what_the_disk_does_not_take_is_counted_as_dropped(spool: Spool, tmp_path: Path) -> None:
    put(spool, measured(1))
    full = spool._connection.execute("PRAGMA page_count").fetchone()[0]
    spool._connection.execute(f"PRAGMA max_page_count = {full}")  # SQLITE_FULL, as from a disk without room
    for _ in range(3):
        with pytest.raises(SpoolError, match="full"):
            put(spool, measured(2, size=20_000))
    assert (4, 3, 1) == (spool.counts().produced, spool.counts().dropped, spool.counts().waiting)
    spool._connection.execute("PRAGMA max_page_count = 1000000")
    put(spool, measured(3))
    counts = spool.counts()
    assert (5, 3, 2) == (counts.produced, counts.dropped, counts.waiting)
    spool.close()
    again = spool_at(tmp_path / "spool.sqlite")
    assert counts == again.counts()
