"""Crowds of agents (crowd.py) in several processes, and what they tell, put together."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.crowd import Errand, Second
from bench.process import BenchError, Server, busy_s, cpu_s, python
from bench.stand import Side

PROCESSES = 2
LOOK_S, CALM_FOR_S = 1.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What each agent sends: a batch of so many every so often."""

    batch: int
    every_s: float
    begin: float = 0.0
    blocked: tuple[float, float] = (0.0, 0.0)


class Crowds:
    """All of them."""

    def __init__(self, logs: Sequence[Path], sessions: int) -> None:
        self._logs, self.sessions = logs, sessions

    def now(self) -> tuple[int, int]:
        """Sessions that stand, and those of them with something acknowledged."""
        last = [seconds[-1] for log in self._logs if (seconds := _read(log))]
        return sum(second.up for second in last), sum(second.moving for second in last)

    def between(self, begin: float, end: float) -> list[Second]:
        """What was told of a span."""
        return [second for log in self._logs for second in _read(log) if begin <= second.at < end]

    def cpu_s(self) -> float:
        """CPU seconds of these processes so far, as they told last."""
        return sum(seconds[-1].cpu_s for log in self._logs if (seconds := _read(log)))

    def until(self, ready: Callable[[int, int], bool], within_s: float) -> float | None:
        """Seconds until what `now` says is so; `None`: it did not come to it."""
        began = time.monotonic()
        while not ready(*self.now()):
            if time.monotonic() - began > within_s:
                return None
            time.sleep(0.2)
        return time.monotonic() - began


def _read(log: Path) -> list[Second]:
    """Whole lines alone: the last may be on its way."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()
    if wrong := [line for line in lines if not line.startswith("{")]:
        raise BenchError(f"{log.name}: {wrong[-1]}")
    return [Second(**json.loads(line)) for line in lines]


@contextmanager
def gather(side: Side, folder: Path, pace: Pace) -> Iterator[Crowds]:
    """Every credential of a side as an agent."""
    sessions = len(side.credentials.read_text(encoding="utf-8").splitlines())
    each = -(-sessions // PROCESSES)
    logs = [folder / f"{side.name}-crowd-{number}.log" for number in range(PROCESSES)]
    with ExitStack() as stack:
        for number, log in enumerate(logs):
            errand = Errand(
                port=side.port,
                credentials=str(side.credentials),
                first=number * each,
                count=each,
                batch=pace.batch,
                every_s=pace.every_s,
                roots=str(side.roots or ""),
                begin=pace.begin,
                blocked=pace.blocked,
            )
            stack.callback(Server(python("bench.crowd", json.dumps(asdict(errand))), log=log).end)
        yield Crowds(logs, sessions)


class Spent:
    """CPU of a server, and of all others beside it and its crowds, since this was made."""

    def __init__(self, pid: int, crowds: Crowds) -> None:
        self._pid, self._crowds, self._began = pid, crowds, time.time()
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        server = cpu_s(self._pid)
        return server, busy_s() - server - self._crowds.cpu_s()

    @property
    def cores(self) -> tuple[float, float]:
        """Cores that the server took, and others. Where others take much, waiting says nothing of the server."""
        took = time.time() - self._began
        server, others = (after - before for before, after in zip(self._before, self._now(), strict=True))
        return server / took, others / took


def settle(pid: int, within_s: float, *, at_least_s: float = 0.0) -> None:
    """Until a server spends no more than usual: what the coming of agents costs it, plans above all, is over."""
    time.sleep(at_least_s)
    spent, end = [cpu_s(pid)], time.monotonic() + within_s - at_least_s
    window = int(CALM_FOR_S / LOOK_S)
    while time.monotonic() < end:
        time.sleep(LOOK_S)
        spent.append(cpu_s(pid))
        recent = [after - before for before, after in zip(spent[-window - 1 :], spent[-window:], strict=False)]
        if len(spent) > 2 * window and max(recent) < 1.3 * min(recent) + 0.05:
            return


def quantile(values: Sequence[float], part: float) -> float:
    """Nearest rank; zero of nothing."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def slope(values: Sequence[tuple[float, float]]) -> float:
    """Of a line through points, by least squares."""
    return statistics.linear_regression(*zip(*values, strict=True)).slope if len(values) > 1 else 0.0
