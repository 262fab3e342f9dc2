"""What is to be in a stream, and the times of it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from rabta_collector.entries import Entry, Presence
from rabta_collector.journal import JournalError, settle
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

    def renew(self, id_: str, clock: Clock) -> None:
        """It is another message, of now."""
        self.id, at = id_, clock.now()
        self.entry, self.row = replace(self.entry, at=at), replace(self.row, at_us=clock.last_us)


def put_last(pending: deque[Append], append: Append, words: dict[str, Append]) -> None:
    """Has an append wait, while nothing is taken. `words`: the last one of each agent that came or went meanwhile.

    What was never sent of these gives way to what is next of the agent, in its place, so that who comes and goes again
    and again does not fill the memory. What was sent may be in the stream, where it is looked for in its order.
    """
    if isinstance(append.entry, Presence):
        before = words.get(append.entry.agent)
        if before is not None and not before.sent_at:
            settle(before.future, JournalError("what came next of the same agent took its place"))
            before.entry, before.row, before.future = append.entry, append.row, append.future
            return
        words[append.entry.agent] = append
    pending.append(append)
