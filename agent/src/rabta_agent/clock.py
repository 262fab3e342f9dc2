"""Time behind a seam: wall clock for when something happened, monotonic clock for how long it took.

Deadlines are not here: they are times of the running event loop, which is what `asyncio.timeout_at` takes.
"""

import time
from datetime import UTC, datetime
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
