"""What a journal promises to whoever appends to it: `journal.Journal` keeps it on a file, and `StreamJournal` on NATS.

A future is done when what was appended is kept, and never before: on disk, or by the stream's quorum.
`committed` gets every row once, in order, before its future is done.
`at` never falls, over restarts too. What is not kept yet is not before the `horizon`.
What failed is not kept, and never will be by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rabta_collector.entries import Entry, Fence
from rabta_collector.journal import Batch, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whom a journal tells and asks.

    `committed` gets each row and the epoch of its measurements; `None` is a row that cannot be read. `pack`: what of an
    agent's measurements the journal holds (`sequences.Seen`); `unpack` is told of it.
    `lost`: another process writes the journal now.
    """

    committed: Callable[[Entry | Fence | None, int], None]
    pack: Callable[[str], bytes] = lambda _: b""
    unpack: Callable[[str, bytes], None] = lambda _agent, _packed: None
    lost: Callable[[], None] = lambda: None


class AnyJournal(Protocol):
    """Whoever writes or follows a journal. Methods as in `journal.Journal`."""

    @property
    def trouble(self) -> str: ...

    @property
    def rows(self) -> int: ...

    def start(self) -> None: ...

    async def follow(self, row: int, stop: Callable[[], bool]) -> None: ...

    def now(self) -> float: ...

    def begin_after(self, moment: float) -> None: ...

    def horizon(self) -> float: ...

    async def recall(self, member: Member) -> None:
        """Has it known what the journal holds of an agent, before any of its measurements is looked at.

        The one writer of a journal knows it of all of them. Raises `JournalError`.
        """

    def append_presence(self, member: Member, *, connected: bool, left: bool = False) -> "asyncio.Future[None]": ...

    def append_batch(self, member: Member, batch: Batch) -> "asyncio.Future[None]": ...

    async def close(self) -> None: ...


class OwnJournal(AnyJournal, Protocol):
    """The one writer of a journal, who gives rows up, too."""

    def trim(self, row: int) -> None: ...
