"""Rows keep the clock that they were timed by: an offset that is measured later is theirs, or else they are marked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rabta_agent.clockwatch import Offset
from rabta_agent.contacts import contact_of
from rabta_agent.inflight import to_batch
from rabta_agent.spool import Spool
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from support.fake_time import FakeTime

HOUR_US = 3_600_000_000
START = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(slots=True)
class Machine:
    """A machine with a spool; its clock can be set, and it can be started again."""

    path: Path
    time: FakeTime
    spool: Spool
    boot: str = "first"

    @classmethod
    def at(cls, path: Path) -> "Machine":
        time = FakeTime(START)
        return cls(path=path, time=time, spool=_open(path, time, "first"))

    def open_again(self, *, boot: str | None = None) -> None:
        self.boot = self.boot if boot is None else boot
        self.spool.close()
        self.spool = _open(self.path, self.time, self.boot)

    def measure(self, *, lasted_s: float = 1.0, set_meanwhile: timedelta = timedelta()) -> int:
        started = self.time.now()
        self.time.advance(lasted_s)
        self.time.set_wall(self.time.now() + set_meanwhile)
        one = Measurement(
            target="https://x.com/", started_at=started, duration_us=int(lasted_s * 1e6), agent_version="1"
        )
        return self.spool.append(one, contact_of(one))

    def set_clock(self, **by: float) -> None:
        self.time.set_wall(self.time.now() + timedelta(**by))

    def learn(self, offset_us: int, *, error_us: int = 1000) -> None:
        steady_us = self.spool.clocks().steady_us
        self.spool.learn(Offset(offset_us=offset_us, error_us=error_us, steady_us=steady_us))

    def sent(self) -> dict[int, tuple[int | None, bool | None]]:
        """By sequence number, the offset and the mark with which each goes up."""
        batch = to_batch(self.spool.newest(most=500, most_bytes=10**9, skip=()))
        found = [from_message(message) for message in batch.measurements]
        return {one.sequence: (one.clock_offset_us, one.clock_jumped) for one in found}

    def started(self) -> list[datetime]:
        batch = to_batch(self.spool.newest(most=500, most_bytes=10**9, skip=()))
        return [from_message(message).started_at for message in batch.measurements]


def _open(path: Path, time: FakeTime, boot: str) -> Spool:
    return Spool(path / "spool.sqlite", limit_bytes=10**9, today=time.now, steady=time.monotonic, boot=boot)


def test_an_offset_that_is_measured_later_holds_for_what_was_measured_before(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    assert {1: (None, False)} == machine.sent()
    machine.learn(HOUR_US)
    machine.measure()
    assert {1: (HOUR_US, False), 2: (HOUR_US, False)} == machine.sent()
    assert [START, START + timedelta(seconds=1)] == machine.started()  # as measured


def test_what_was_measured_before_the_clock_was_set_is_marked(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.set_clock(days=-400)
    machine.measure()
    machine.learn(5_000)
    assert {1: (None, True), 2: (5_000, False)} == machine.sent()


def test_an_offset_outlives_the_setting_of_the_clock(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.learn(HOUR_US)
    machine.measure()
    machine.set_clock(hours=1)
    machine.measure()
    machine.learn(0)
    assert {1: (HOUR_US, False), 2: (0, False)} == machine.sent()


def test_a_measurement_during_which_the_clock_was_set_is_of_the_clock_before(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.learn(HOUR_US)
    machine.measure(set_meanwhile=timedelta(days=3))
    machine.learn(7)
    assert {1: (HOUR_US, False)} == machine.sent()


def test_another_process_goes_on_with_the_same_clock(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.learn(HOUR_US)
    machine.time.advance(100)
    machine.open_again()
    machine.measure()
    assert {1: (HOUR_US, False), 2: (HOUR_US, False)} == machine.sent()


def test_another_start_of_the_machine_is_another_clock(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.open_again(boot="second")
    machine.measure()
    machine.learn(9)
    assert {1: (None, True), 2: (9, False)} == machine.sent()


def test_where_nothing_tells_starts_apart_every_process_has_its_own_clock(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.open_again(boot="")
    machine.measure()
    machine.open_again()
    machine.learn(9)
    assert {1: (None, True)} == machine.sent()


def test_a_clock_that_was_set_while_nothing_ran_is_noticed(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.set_clock(days=1)
    machine.open_again()
    assert {1: (None, True)} == machine.sent()


def test_an_offset_that_was_measured_as_the_clock_was_set_is_forgotten(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.set_clock(days=1)
    machine.learn(9)
    assert {1: (None, True)} == machine.sent()


def test_an_absurd_offset_goes_up_clamped(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.measure()
    machine.spool._eras._offsets[machine.spool._eras.current] = -(10**30)
    assert {1: (-(2**62), False)} == machine.sent()


def test_not_every_offset_is_written_down(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    machine.learn(HOUR_US, error_us=1000)
    changes = machine.spool._connection.total_changes
    for number in range(100):
        machine.time.advance(15)
        machine.learn(HOUR_US + number, error_us=900)
    assert changes == machine.spool._connection.total_changes


def test_eras_of_which_no_row_is_left_are_forgotten(tmp_path: Path) -> None:
    machine = Machine.at(tmp_path)
    for number in range(20):
        machine.open_again(boot=str(number))
    ((count,),) = machine.spool._connection.execute("SELECT count(*) FROM era").fetchall()
    assert count <= 3
