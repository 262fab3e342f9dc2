"""Calls whose first message has not come whole: who begins one and never ends it holds the memory of what came.

gRPC reads one window ahead of a call (64 KiB), and the whole of a message (MAX_MESSAGE_BYTES) that is waited for. So
what is waited for is bounded: so many calls together, so many of one owner, each for some seconds. Where there are
more, the one that has been waited for longest gives way: an honest agent's message comes with its call, or a moment
later, and a crowd of those that never end theirs keeps nobody out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from rabta_collector.admit import Reason, Refused

Message = TypeVar("Message")

PATIENCE_S = 10.0
TOGETHER, OF_ONE = 32, 8


class Openings:
    """The calls that are waited for."""

    def __init__(
        self, *, together: int = TOGETHER, of_one: int = OF_ONE, patience_s: float | None = PATIENCE_S
    ) -> None:
        """`patience_s`: seconds of each; `None`: `read` has its own."""
        self._together, self._of_one, self._patience_s = together, of_one, patience_s
        self._waiting: dict[asyncio.Timeout, Hashable | None] = {}  # the oldest first
        self._own: dict[Hashable, dict[asyncio.Timeout, None]] = {}  # by owner, likewise

    def __len__(self) -> int:
        return len(self._waiting)

    async def first(self, owner: Hashable | None, read: Callable[[], Awaitable[Message]]) -> Message:
        """What `read` gives. `owner`: whose call it is; `None`: nobody's, of whom there is no count.

        Raises `Refused` (`UNFINISHED`) where the message does not come in time, or gives way to others.
        """
        try:
            async with asyncio.timeout(self._patience_s) as limit:
                self._make_room(owner)
                self._waiting[limit] = owner
                if owner is not None:
                    self._own.setdefault(owner, {})[limit] = None
                try:
                    return await read()
                finally:
                    self._forget(limit)
        except TimeoutError:
            raise Refused(Reason.UNFINISHED, "a message that did not come whole in time") from None

    def _make_room(self, owner: Hashable | None) -> None:
        own = self._own.get(owner, {}) if owner is not None else {}
        if len(own) >= self._of_one:
            self._end(next(iter(own)))
        elif len(self._waiting) >= self._together:
            self._end(next(iter(self._waiting)))

    def _end(self, limit: asyncio.Timeout) -> None:
        self._forget(limit)
        if not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time())

    def _forget(self, limit: asyncio.Timeout) -> None:
        """It is waited for no more; a second time is nothing."""
        owner = self._waiting.pop(limit, None)
        if owner is not None and (own := self._own.get(owner)) is not None:
            own.pop(limit, None)
            if not own:
                del self._own[owner]
