"""What a process costs, as the kernel counts it (proc(5)): CPU, memory, disk. Linux."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READY_S = 180.0  # on a machine that others use
_PYTHONS = tuple(os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix))  # as proc(5) has them


class BenchError(RuntimeError):
    """Why something could not be measured, in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes (10^6): proportional set size as if it were the only Python here, and resident.

    Others that run from the same environment share its libraries, as they would on no volunteer's machine. So what is
    mapped of Python and of that environment counts whole, and of everything else its share.

    `own`: what it has written to. The rest is code in files, of which the kernel maps what lies near what was used,
    more or less by how the files came into its cache, and which it can drop at any time.
    """

    pss: float
    rss: float
    own: float


def cpu_s(pid: int) -> float:
    """CPU seconds of the threads that a process has, user and system; exact, where proc/PID/stat counts in ticks."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="utf-8").split()[0]) for thread in threads) / 1e9


def busy_s() -> float:
    """CPU seconds that everybody on this machine has spent, to the hundredth (proc(5), `stat`)."""
    words = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, soft = map(int, words[:7])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> Memory:
    """What it holds now."""
    own, pss_kib, rss_kib, written_kib = False, 0, 0, 0
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # a mapping; what it holds follows
            own = len(words) > 5 and words[5].startswith(_PYTHONS)
        elif words[0] == "Rss:":
            rss_kib += int(words[1])
            pss_kib += int(words[1]) if own else 0
        elif words[0] == "Pss:":
            pss_kib += 0 if own else int(words[1])
        elif words[0] == "Private_Dirty:":
            written_kib += int(words[1])
    return Memory(pss=pss_kib * 1024 / 1e6, rss=rss_kib * 1024 / 1e6, own=written_kib * 1024 / 1e6)


def written_bytes(pid: int) -> int:
    """What it has had written to the disk."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


class Server:
    """A program that serves until it is ended."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = (log or Path(os.devnull)).open("ab")
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True
        )
        self._name = Path(command[0]).name

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(self, ready: Callable[[], bool], within_s: float = READY_S) -> None:
        """Waits for a condition. Raises `BenchError` where it ends before, or does not come to it."""
        end = time.monotonic() + within_s
        while not ready():
            if self._process.poll() is not None:
                raise BenchError(f"{self._name} ended with {self._process.returncode}")
            if time.monotonic() > end:
                raise BenchError(f"{self._name} is not ready after {within_s:g} s")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it without a farewell."""
        self._process.kill()
        self._process.wait()

    def end(self, within_s: float = 20.0) -> None:
        """Ends it; a second time is nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def children_cpu_s(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[float, str]:
    """CPU seconds of a command from start to end, and what it printed. Raises `BenchError`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stdout


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of pairs: what both runs of a pair suffered together falls out."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def python(module: str, *words: str) -> list[str]:
    """A module of the benchmarks as a program of its own."""
    return [sys.executable, "-m", module, *words]
