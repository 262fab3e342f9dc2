"""The spool's file: made once, kept private, and saved as far as it can be read when it is damaged."""

import random
import shutil
import sqlite3
import stat
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rabta_agent.clockwatch import Offset
from rabta_agent.contacts import contact_of
from rabta_agent.spool import Spool
from rabta_agent.spool_file import SpoolError, open_file
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement

NOW = datetime(2026, 1, 2, tzinfo=UTC)
COUNT = 60
BUSY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # as in `conftest.py`


def measured(number: int) -> Measurement:
    return Measurement(
        target=f"https://x.com/{number}", started_at=NOW, duration_us=1, agent_version="v" * 300, bytes_sent=1
    )


def spool_at(path: Path) -> Spool:
    return Spool(path, limit_bytes=10**8, today=lambda: NOW)


class Held(dict[tuple[int, int], bytes]):
    """Payloads by epoch and sequence number."""

    def __repr__(self) -> str:
        return f"<{len(self)} measurements>"


def everything(spool: Spool) -> Held:
    rows, found = set[int](), Held()
    while batch := spool.newest(most=500, most_bytes=10**8, skip=rows):
        rows |= {one.row for one in batch}
        found |= {(one.epoch, one.sequence): one.payload for one in batch}
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Held]:
    """A spool that was closed in order, and what it holds."""
    path = tmp_path_factory.mktemp("filled") / "spool.sqlite"
    spool = spool_at(path)
    for number in range(COUNT):
        spool.append(measured(number), contact_of(measured(number)))
    held = everything(spool)
    spool.close()
    return path, held


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    open_file(tmp_path / "spool.sqlite")[0].close()
    assert 0o600 == stat.S_IMODE((tmp_path / "spool.sqlite").stat().st_mode)


def test_it_is_synced_at_every_commit(tmp_path: Path) -> None:
    with closing(open_file(tmp_path / "spool.sqlite")[0]) as connection:
        assert ("wal",) == connection.execute("PRAGMA journal_mode").fetchone()
        assert (2,) == connection.execute("PRAGMA synchronous").fetchone()


def test_each_file_draws_an_epoch_of_its_own(tmp_path: Path) -> None:
    epochs = {spool_at(tmp_path / name).epoch for name in ("a", "b", "c")}
    assert 3 == len(epochs)
    assert all(0 < epoch < 2**63 for epoch in epochs)


def test_a_file_that_was_only_begun_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").touch()
    assert spool_at(tmp_path / "spool.sqlite").damage is None


def test_a_file_of_a_newer_agent_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    with closing(open_file(path)[0]) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SpoolError, match="newer agent") as raised:
        open_file(path)
    assert not raised.value.damaged
    assert ["spool.sqlite"] == [entry.name for entry in tmp_path.iterdir()]


def test_a_directory_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="No such file") as raised:
        open_file(tmp_path / "nowhere" / "spool.sqlite")
    assert not raised.value.damaged


def test_what_is_no_database_is_moved_aside_and_named(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"not a database" * 1000)
    spool = spool_at(path)
    assert spool.damage is not None
    assert (0, b"not a database" * 1000) == (spool.damage.saved, spool.damage.moved_to.read_bytes())
    assert 1 == spool.append(measured(1), contact_of(measured(1)))


def test_another_programs_database_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipe (name)")
        other.execute("PRAGMA user_version = 1")
    assert spool_at(path).damage is not None


def test_a_second_damage_does_not_overwrite_what_the_first_left(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    names = []
    for content in (b"one" * 500, b"two" * 500):
        path.write_bytes(content)
        spool = spool_at(path)
        assert spool.damage is not None
        names.append(spool.damage.moved_to.name)
        spool.close()
        path.unlink()
    assert ["spool.sqlite.damaged-1", "spool.sqlite.damaged-2"] == names


def test_a_lost_tail_loses_no_more_than_the_tail(filled: tuple[Path, Held], tmp_path: Path) -> None:
    source, held = filled
    path = tmp_path / "spool.sqlite"
    content = source.read_bytes()
    path.write_bytes(content[: len(content) - 3 * 4096])
    spool = spool_at(path)
    saved = everything(spool)
    assert spool.damage is not None
    assert spool.damage.saved == len(saved) >= COUNT // 2
    assert saved.items() <= held.items()  # the same epochs and sequence numbers: what was delivered stays a duplicate


def test_what_was_saved_goes_up_after_what_is_new_and_is_counted(filled: tuple[Path, Held], tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    content = filled[0].read_bytes()
    path.write_bytes(content[: len(content) - 3 * 4096])
    spool = spool_at(path)
    assert 1 == spool.append(measured(1), contact_of(measured(1)))
    first = spool.newest(most=50, most_bytes=10**8, skip=())
    assert [(spool.epoch, 1)] == [(one.epoch, one.sequence) for one in first]
    then = spool.newest(most=5, most_bytes=10**8, skip={1})
    assert sorted((one.sequence for one in then), reverse=True) == [one.sequence for one in then]
    counts = spool.counts()
    assert counts.waiting == len(everything(spool))
    assert spool.damage is not None
    assert spool.damage.lost == counts.dropped == counts.dropped_damaged == counts.produced - counts.waiting
    assert COUNT == spool.damage.saved + spool.damage.lost


def as_format_1(path: Path, rows: int) -> None:
    """A file as agents before eras wrote it: rows from 3 on wait, and the last number given out was given up."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("CREATE TABLE identity (epoch INTEGER NOT NULL)")
        old.execute(
            "CREATE TABLE measurement (row INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER, sequence INTEGER, "
            "payload BLOB NOT NULL, crc INTEGER NOT NULL)"
        )
        old.execute("CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
        old.execute(
            "CREATE TABLE day (day TEXT PRIMARY KEY, measurements INTEGER NOT NULL, bytes INTEGER NOT NULL) "
            "WITHOUT ROWID"
        )
        old.execute(
            "CREATE TABLE contact (id INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, "
            "purpose TEXT NOT NULL, peers TEXT NOT NULL, bytes_sent INTEGER NOT NULL, bytes_received INTEGER NOT NULL)"
        )
        old.execute("INSERT INTO identity VALUES (77)")
        for number in range(rows):
            payload = to_message(measured(number)).SerializeToString()
            old.execute("INSERT INTO measurement (payload, crc) VALUES (?, ?)", (payload, zlib.crc32(payload)))
        old.execute("DELETE FROM measurement WHERE row < 3 OR row = ?", (rows,))
        counters = {"produced": rows, "acked": 3, "rejected": 0, "dropped": 0}
        old.executemany("INSERT INTO counter VALUES (?, ?)", counters.items())
        old.execute("PRAGMA user_version = 1")


def test_a_file_of_the_format_before_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    as_format_1(path, 10)
    spool = spool_at(path)
    assert (None, 77) == (spool.damage, spool.epoch)
    assert [(77, n) for n in range(3, 10)] == sorted(everything(spool))
    assert (10, 3, 0, 7) == (
        spool.counts().produced,
        spool.counts().acked,
        spool.counts().dropped,
        spool.counts().waiting,
    )
    assert 11 == spool.append(measured(11), contact_of(measured(11)))  # the tenth number is not used twice
    assert {True} == {one.clock_jumped for one in spool.newest(most=50, most_bytes=10**9, skip=(), upto=10)}


def test_numbers_go_on_where_a_file_of_the_format_before_was_empty(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    as_format_1(path, 3)
    assert 4 == spool_at(path).append(measured(4), contact_of(measured(4)))


def test_a_damaged_file_of_the_format_before_is_saved_too(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    as_format_1(path, 60)
    path.write_bytes(path.read_bytes()[:-8192])
    spool = spool_at(path)
    assert spool.damage is not None
    assert 0 < spool.damage.saved == len(everything(spool))
    assert spool.damage.lost == 57 - spool.damage.saved


def test_what_is_saved_keeps_the_clock_it_was_timed_by(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, limit_bytes=10**8, today=lambda: NOW, steady=lambda: 1.0, boot="b")
    for number in range(COUNT):
        spool.append(measured(number), contact_of(measured(number)))
    spool.learn(Offset(offset_us=5, error_us=1, steady_us=1_000_000))
    spool.close()
    path.write_bytes(path.read_bytes()[:-4096])
    spool = Spool(path, limit_bytes=10**8, today=lambda: NOW, steady=lambda: 1.0, boot="b")
    assert spool.damage is not None
    assert {(5, False)} == {
        (one.clock_offset_us, one.clock_jumped) for one in spool.newest(most=500, most_bytes=10**9, skip=())
    }


def test_a_stop_while_a_damaged_file_is_replaced_loses_nothing(
    filled: tuple[Path, Held], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spool.sqlite"
    content = filled[0].read_bytes()
    path.write_bytes(content[: len(content) - 3 * 4096])
    (tmp_path / "spool.sqlite-wal").write_bytes(b"old")
    moves = 0
    original = Path.replace

    def stop_after_one(self: Path, target: Path) -> Path:
        nonlocal moves
        moves += 1
        if moves > 1:
            raise OSError("stopped")
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop_after_one)
        with pytest.raises(SpoolError, match="stopped"):
            open_file(path)
    assert COUNT // 2 <= len(everything(spool_at(path)))


def test_saved_rows_survive_a_second_damage_under_their_old_numbers(filled: tuple[Path, Held], tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    content = filled[0].read_bytes()
    path.write_bytes(content[: len(content) - 3 * 4096])
    once = spool_at(path)
    saved = everything(once)
    once.close()
    path.write_bytes(path.read_bytes()[:-1])
    again = everything(spool_at(path))
    assert again
    assert again.items() <= saved.items()


@settings(max_examples=60, suppress_health_check=BUSY)
@given(seed=st.integers(0, 10**9), cut=st.booleans())
def test_whatever_happens_to_the_bytes_the_spool_opens_and_invents_nothing(
    filled: tuple[Path, Held], tmp_path: Path, seed: int, cut: bool
) -> None:
    source, held = filled
    dice = random.Random(seed)
    folder = tmp_path / str(seed) / str(cut)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    content = bytearray(source.read_bytes())
    if cut:
        content = content[: dice.randrange(len(content))]
    else:
        for _ in range(dice.randrange(1, 40)):
            content[dice.randrange(len(content))] = dice.randrange(256)
    (folder / "spool.sqlite").write_bytes(content)
    spool = spool_at(folder / "spool.sqlite")
    if spool.damage is not None:
        assert dict.fromkeys(everything(spool).values(), 1).keys() <= set(held.values())
    sequence = spool.append(measured(1), contact_of(measured(1)))
    assert (spool.epoch, sequence) in everything(spool)
    spool.close()
