"""Measurements that come again under another agent's name or another epoch: replays. Pure.

The key (agent, epoch, sequence) knows only what comes again under its own number. So the newest measurements are also
remembered by what no two have in common: target, beginning and duration, to the microsecond. Older ones are forgotten:
of what began before the newest of them nobody can tell any more (`is_beyond`), and it is taken and counted. At up to
500 measurements a second the memory is as long as a measurement can vote; whoever replays an older one adds to history
what he could have made up as well. Rebuilt from the journal at each start, or taken up from a checkpoint: so no hash of
Python's is kept here, which is another one in each process.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

MOST = 65_536  # about 10 MB
_64_BITS = 2**64 - 1


class Mark(NamedTuple):
    """What no two measurements have in common; times are microseconds."""

    target: str
    began_us: int
    duration_us: int


class Marked(Protocol):
    """What has such a mark: any measurement."""

    @property
    def target(self) -> str: ...
    @property
    def began_us(self) -> int: ...
    @property
    def duration_us(self) -> int: ...


class Echoes:
    """The newest measurements, and whose they are."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owners: dict[int, int] = {}  # by key
        self._keys: deque[int] = deque()  # in order: behind many gaps the first of a dictionary is long to be found
        self._began_us: deque[int] = deque()  # of each of them
        self._forgotten_us = -1  # when the newest began of those that are forgotten

    def look(self, agent: str, epoch: int, marks: Sequence[Marked]) -> tuple[list[int], int]:
        """Places among them of those that are echoes; and of how many that may be one that was forgotten."""
        owner, owners, forgotten_us = _owner(agent, epoch), self._owners, self._forgotten_us
        echoes, beyond = [], 0
        for place, mark in enumerate(marks):
            known = owners.get(_key(mark))
            if known is None:
                beyond += mark.began_us <= forgotten_us
            elif known != owner:
                echoes.append(place)
        return echoes, beyond

    def is_echo(self, agent: str, epoch: int, mark: Marked) -> bool:
        """Whether this was heard under another agent or epoch."""
        return bool(self.look(agent, epoch, (mark,))[0])

    def is_beyond(self, mark: Marked) -> bool:
        """Whether it may be one that was forgotten."""
        return mark.began_us <= self._forgotten_us and _key(mark) not in self._owners

    def add(self, agent: str, epoch: int, marks: Iterable[Marked]) -> None:
        """Remembers measurements that are on disk."""
        owner, owners = _owner(agent, epoch), self._owners
        for mark in marks:
            key = _key(mark)
            if key not in owners:
                owners[key] = owner
                self._keys.append(key)
                self._began_us.append(mark.began_us)
        while len(owners) > self._most:
            del owners[self._keys.popleft()]
            self._forgotten_us = max(self._forgotten_us, self._began_us.popleft())


def _key(mark: Marked) -> int:
    """All of a mark in one number: no two are the same."""
    return _place(mark.target) | (mark.began_us & _64_BITS) << 64 | mark.duration_us


@lru_cache(4096)
def _owner(agent: str, epoch: int) -> int:
    """Batch after batch is of the same."""
    return _digest(agent, epoch)


@lru_cache(4096)
def _place(target: str) -> int:
    return _digest(target) << 128


def _digest(*words: object) -> int:
    return int.from_bytes(blake2b("\0".join(map(str, words)).encode(), digest_size=8).digest(), "big")
