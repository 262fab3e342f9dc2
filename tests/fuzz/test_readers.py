"""Whatever bytes a stranger sends: an answer or the error that was promised, soon, and without much memory.

Some thousand executions here; `make faults` and RABTA_FUZZ=seconds take longer, with a seed drawn anew and printed.
What was ever found stands in `corpus/`, one folder for each reader, and is tried first.
"""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.__main__ import MEMORY_BYTES, Tally, execute, feed
from fuzz.mutation import LONGEST, mutants, mutate, varint
from fuzz.readers import Reader, readers
from rabta_proto.v1 import collector_pb2 as link

TESTS = Path(__file__).parent.parent
LONG = "RABTA_FAULTS_LONG" in os.environ
SECONDS = float(os.environ.get("RABTA_FUZZ") or (1800 if LONG else 4))
SEED = Random().randrange(2**32) if LONG or "RABTA_FUZZ" in os.environ else 1  # the same in every check
PEAK_BYTES = 64 * 1024 * 1024
BUSY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # as in `conftest.py`
READERS = {reader.name: reader for reader in readers()}


def fuzz(*words: str, within_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuzz", *words]
    return subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=within_s, check=False)


@pytest.mark.timeout(SECONDS * 4 + 300)
@pytest.mark.skipif(sys.platform != "linux", reason="bounds its memory as Linux does")
def test_nothing_breaks_any_reader(tmp_path: Path) -> None:
    done = fuzz(*("--seconds", str(SECONDS), "--seed", str(SEED), "--found", str(tmp_path)), within_s=SECONDS * 4 + 240)
    print(done.stdout)  # noqa: T201 - the count is what one wants to know
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "\ntotal " in done.stdout
    assert [] == sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", sorted(READERS))
@settings(max_examples=1000 if LONG else 15, suppress_health_check=BUSY)
@given(data=st.binary(max_size=400), number=st.integers(0, 2**32))
def test_neither_bytes_from_nowhere_nor_nearly_right_ones_break_a_reader(
    name: str, tmp_path: Path, data: bytes, number: int
) -> None:
    """As Hypothesis shrinks them, for whoever has to mend something."""
    reader = READERS[name]
    for raw in (data, mutate(reader.seeds[number % len(reader.seeds)], reader.seeds, Random(number))):
        wrong = execute(reader, raw, tmp_path, Tally())
        if wrong is not None:
            raise wrong


@pytest.mark.parametrize("name", sorted(READERS))
def test_what_a_reader_should_like_or_was_once_broken_by_takes_little_memory(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    tracemalloc.start()
    try:
        for raw in reader.corpus:
            wrong = execute(reader, raw, tmp_path, Tally())
            assert wrong is None, wrong
        assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["session", "plan", "targets", "isps", "agent_config", "collector_config", "ooni", "sealed"]
)
def test_shapes_get_past_the_door(name: str, tmp_path: Path) -> None:
    """Or they would try nothing that mutated bytes do not."""
    reader, tally, rng = READERS[name], Tally(), Random(1)
    assert reader.shape is not None
    for _ in range(100):
        execute(reader, reader.shape(rng), tmp_path, tally)
    assert tally.refused < 100


def broken(raw: bytes, _: Path) -> None:
    if b"}" in raw:
        raise LookupError("broken")
    if b"a" not in raw:
        raise ValueError("refused")


def test_a_broken_reader_is_found_and_what_broke_it_kept(tmp_path: Path) -> None:
    reader = Reader(name="broken", read=broken, allowed=(ValueError,), seeds=(b"{a}", b"a"))
    tally = feed(reader, seconds=0.01, seed=1, folder=tmp_path, found=tmp_path / "found")
    assert 1 == tally.found
    kept = list((tmp_path / "found" / "broken").iterdir())
    assert [b"{a}"] == [file.read_bytes() for file in kept]


@pytest.mark.skipif(sys.platform != "linux", reason="bounds its memory as Linux does")
def test_a_greedy_reader_is_found() -> None:
    code = f"from fuzz.__main__ import bound_memory; bound_memory(); bytes({2 * MEMORY_BYTES})"
    done = subprocess.run([sys.executable, "-c", code], cwd=TESTS, capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


def test_a_seed_gives_the_same_bytes_for_ever() -> None:
    shape = READERS["session"].shape
    first, second = (mutants((b"abc" * 20, b"xyz"), 7, shape) for _ in range(2))
    made = [next(first) for _ in range(300)]
    assert made == [next(second) for _ in range(300)]
    assert len(set(made)) > 200
    assert max(map(len, made)) <= LONGEST


@pytest.mark.parametrize("number", [0, 127, 128, 2**32, 2**64 - 1])
def test_a_varint_is_one(number: int) -> None:
    assert link.Hello.FromString(b"\x20" + varint(number)).backlog == number or number >= 2**64
