"""Feeds every reader mutants for so many seconds, in a process with little memory: what breaks it is kept as a file.

    python -m fuzz [--seconds S] [--seed N] [--only NAME] [--found FOLDER]

Prints a line for each reader: executions, how many it refused, the slowest, findings. Exit code 1: something was found.
"""

import argparse
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fuzz.mutation import mutants
from fuzz.readers import Reader, close, readers

MEMORY_BYTES = 256 * 1024 * 1024  # beyond what the process has when it begins
PATIENCE_S = 10.0  # for one execution


class SlowError(Exception):
    """One execution took PATIENCE_S."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of one reader."""

    executions: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    found: int = 0


def bound_memory() -> None:
    """RLIMIT_AS, from what is mapped now (proc(5), Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def feed(reader: Reader, *, seconds: float, seed: int, folder: Path, found: Path) -> Tally:
    """Feeds one reader; every seed once at the least, however short the time."""
    tally, corpus = Tally(), reader.corpus
    ends = time.monotonic() + seconds
    seen: set[str] = set()
    for raw in mutants(corpus, seed, reader.shape):
        if tally.executions >= len(corpus) and time.monotonic() >= ends:
            return tally
        began = time.monotonic()
        wrong = execute(reader, raw, folder, tally)
        tally.executions += 1
        tally.slowest_s = max(tally.slowest_s, time.monotonic() - began)
        if wrong is not None and (kind := _kind(wrong)) not in seen:
            seen.add(kind)
            tally.found += 1
            _keep(reader, raw, wrong, found)
    return tally


def execute(reader: Reader, raw: bytes, folder: Path, tally: Tally) -> BaseException | None:
    """One execution; what should not have been raised."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        reader.read(raw, folder)
    except reader.allowed:
        tally.refused += 1
    except (Exception, SlowError) as wrong:
        return wrong
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _kind(wrong: BaseException) -> str:
    frames = traceback.extract_tb(wrong.__traceback__)
    return f"{type(wrong).__name__} at {frames[-1].filename}:{frames[-1].lineno}"


def _keep(reader: Reader, raw: bytes, wrong: BaseException, found: Path) -> None:
    folder = found / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / sha256(raw).hexdigest()[:16]
    file.write_bytes(raw)
    print(f"{reader.name}: {_kind(wrong)}: {str(wrong)[:200]!r}; kept in {file}", flush=True)
    traceback.print_exception(wrong, limit=-6)


def _slow(_number: int, _frame: object) -> None:
    raise SlowError


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="")
    parser.add_argument("--found", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _slow)
    chosen = [reader for reader in readers() if options.only in ("", reader.name)]
    print(f"seed {options.seed}, {options.seconds:g} s, {len(chosen)} readers", flush=True)
    bound_memory()
    total, findings = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for reader in chosen:
            share_s = options.seconds / len(chosen)
            tally = feed(reader, seconds=share_s, seed=options.seed, folder=Path(folder), found=options.found)
            total, findings = total + tally.executions, findings + tally.found
            numbers = f"{tally.executions:9} executions {tally.refused:9} refused {tally.slowest_s:8.3f} s slowest"
            print(f"{reader.name:17} {numbers} {tally.found:3} found", flush=True)
    close()
    print(f"{'total':17} {total:9} executions {findings:3} found", flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
