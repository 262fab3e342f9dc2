"""Time behind a seam: wall clock for when something happened, monotonic clock for how long it took.

Deadlines are not here: they are times of the running event loop, which is what `asyncio.timeout_at` takes.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Both clocks of one machine."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""

    def monotonic(self) -> float:
        """Seconds since some moment; never falls."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def steady_s() -> float:
    """Seconds since some moment before this process began, counted also while the machine sleeps where that is told."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def boot_id() -> str:
    """What tells this start of the machine from others; empty where nothing does. It never leaves the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
