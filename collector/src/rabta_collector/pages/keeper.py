"""Keeps pages for a moment, so that each is made once however many read it. On the event loop; pages in threads."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from rabta_collector.pages.render import Leaf

FRESH_S = 2.0
"""A page may be as old as this, unless a state has changed since."""

KEPT = 200
"""Pages: each of a platform in each language, and some; the one that was read longest ago goes first."""

Make = Callable[[], Leaf | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A page as it was last made; of a moment, and of what was known then (`mark`). `None`: there is no such page."""

    at: float
    mark: object
    leaf: Leaf | None


class Keeper:
    """By key."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._turns: dict[Hashable, asyncio.Lock] = {}

    async def get(self, key: Hashable, at: float, mark: object, plan: Callable[[], Awaitable[Make]]) -> Leaf | None:
        """The page of a key, as of `at` or not long before it, and of this `mark`.

        `plan` is called where it has to be made, on the event loop; what it gives, in a thread.
        """
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                kept = self._kept.get(key)
                if kept is None or kept.mark != mark or not 0 <= at - kept.at < FRESH_S:
                    kept = Kept(at=at, mark=mark, leaf=await asyncio.to_thread(await plan()))
                    if kept.leaf is not None:  # of pages that do not exist there is no end
                        self._kept[key] = kept
                else:
                    self._kept.move_to_end(key)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
                return kept.leaf
        finally:
            if not turn.locked():
                self._turns.pop(key, None)
