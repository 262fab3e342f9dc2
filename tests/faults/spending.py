"""Which cores went where: CPU of processes that come and go, by kind, since this was made."""

import time
from collections import Counter
from collections.abc import Mapping

from bench.process import busy_s, cpu_s


class Spending:
    """To be told the processes that run, again and again: what one spent after it was looked at last is not seen."""

    def __init__(self) -> None:
        self._began, self._busy_s = time.monotonic(), busy_s()
        self._last: dict[int, float] = {}
        self._spent: Counter[str] = Counter()

    def look(self, running: Mapping[int, str]) -> None:
        """Process ids, and of which kind each is."""
        for pid, kind in running.items():
            try:
                now = cpu_s(pid)
            except OSError:  # it has ended meanwhile
                continue
            self._spent[kind] += max(0.0, now - self._last.get(pid, 0.0))  # type: ignore[assignment] # seconds
            self._last[pid] = now

    def cores(self) -> dict[str, float]:
        """By kind; `all`: of everybody on this machine."""
        took = time.monotonic() - self._began
        return {kind: spent / took for kind, spent in self._spent.items()} | {"all": (busy_s() - self._busy_s) / took}
