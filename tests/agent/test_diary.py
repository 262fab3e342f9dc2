"""The last measurement of each target and changes of the plan are there to be looked at, and worth no trouble."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rabta_agent.diary import FLUSH_S, Diary, PlanChange, compare, read_last, read_plans, read_targets
from rabta_agent.plan import Assignment, Plan
from rabta_agent.task import Settings
from rabta_proto.model import Measurement
from rabta_proto.v1.measurement_pb2 import DEPTH_FULL, DEPTH_TRACE
from rabta_proto.v1.measurement_pb2 import Measurement as Message
from support.cutoffs import cut_off, reached, traced

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def measured(target: str, *, minutes: int = 0, platform: str = "x") -> Measurement:
    at = NOW + timedelta(minutes=minutes)
    return Measurement(target=target, platform=platform, started_at=at, duration_us=1, agent_version="1")


def plan(version: int, **intervals: int) -> Plan:
    assignments = tuple(Assignment(target=target, interval_ms=each) for target, each in intervals.items())
    return Plan(version=version, expires_at=NOW, assignments=assignments, settings=Settings())


def test_the_last_measurement_of_each_target_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "diary.sqlite"
    diary = Diary(file)
    for measurement in (measured("dns:x.com"), measured("https://x.com/", minutes=1), measured("dns:x.com", minutes=2)):
        diary.keep(measurement)
    diary.flush()
    found = [(at, Message.FromString(payload).target) for at, payload in read_last(file, "x")]
    assert [(NOW + timedelta(minutes=2), "dns:x.com"), (NOW + timedelta(minutes=1), "https://x.com/")] == found
    assert 1 == len(read_last(file, "https://x.com/"))
    assert ["dns:x.com", "https://x.com/"] == read_targets(file)
    assert 0o600 == file.stat().st_mode & 0o777


def test_a_target_s_last_trace_is_kept_beside_its_last_measurement(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "d")
    diary.keep(cut_off())
    diary.keep(traced())
    diary.keep(replace(reached(), started_at=reached().started_at + timedelta(hours=1)))
    diary.flush()
    found = [Message.FromString(payload).depth for _, payload in read_last(tmp_path / "d", "https://a.example/")]
    assert [DEPTH_FULL, DEPTH_TRACE] == found
    assert ["https://a.example/"] == read_targets(tmp_path / "d")


def test_the_disk_is_written_to_once_in_a_while(tmp_path: Path) -> None:
    now = [0.0]
    diary = Diary(tmp_path / "d", monotonic=lambda: now[0])
    diary.keep(measured("dns:a"))
    diary.keep(measured("dns:b"))
    assert ["dns:a"] == read_targets(tmp_path / "d")
    now[0] = FLUSH_S
    diary.keep(measured("dns:c"))
    assert ["dns:a", "dns:b", "dns:c"] == read_targets(tmp_path / "d")


def test_changes_of_the_plan_are_kept(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "d")
    diary.keep_plan(compare(None, plan(1, a=60, b=60), NOW))
    diary.keep_plan(compare(plan(1, a=60, b=60), plan(2, b=90, c=60), NOW))
    first, second = read_plans(tmp_path / "d", 5)
    assert PlanChange(at=NOW, version=1, added=("a", "b"), removed=(), altered=()) == first
    assert (2, ("c",), ("a",), ("b",)) == (second.version, second.added, second.removed, second.altered)


def test_a_damaged_diary_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "d"
    file.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    assert [] == read_last(file, "x") == read_targets(file) == read_plans(file, 5)
    diary = Diary(file)
    diary.keep(measured("dns:a"))
    assert ["dns:a"] == read_targets(file)


def test_a_disk_that_takes_nothing_is_no_trouble(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "missing" / "d")
    diary.keep(measured("dns:a"))
    assert [] == read_targets(tmp_path / "missing" / "d")
