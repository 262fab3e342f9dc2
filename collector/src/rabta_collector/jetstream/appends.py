"""What is to be in a stream, and the times of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rabta_collector.entries import Entry
from rabta_collector.journal_file import Row


class DoubtError(RuntimeError):
    """What was sent may be in the stream or not; the message says why, in one line."""


class OtherWriterError(RuntimeError):
    """Another process writes this journal."""


class Clock:
    """Times of rows: microseconds exact, never falling."""

    def __init__(self, clock: Callable[[], float], last_us: int) -> None:
        self._clock, self.last_us = clock, last_us

    def now(self) -> float:
        self.last_us = max(self.last_us, int(self._clock() * 1_000_000))
        return self.last_us / 1_000_000

    def go_on_from(self, us: int) -> None:
        self.last_us = max(self.last_us, us)


@dataclass(slots=True, kw_only=True)
class Append:
    """A row that is to be in the stream. `sent_at` counts by the loop's clock, 0: it was not sent yet."""

    id: str
    entry: Entry
    row: Row
    future: "asyncio.Future[None]"
    sent_at: float = 0.0
    done: bool = False
