"""Measurements that come again under another agent's name or another epoch: replays. Pure.

The key (agent, epoch, sequence) knows only what comes again under its own number. So the newest measurements are also
remembered by what no two have in common: target, beginning and duration, to the microsecond. Older ones are forgotten:
of what began before the newest of them nobody can tell any more (`is_beyond`), and it is taken and counted. At up to
500 measurements a second the memory is as long as a measurement can vote; whoever replays an older one adds to history
what he could have made up as well. Rebuilt from the journal at each start, or taken up from a checkpoint: so no hash of
Python's is kept here, which is another one in each process.
"""

from collections import deque
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

MOST = 65_536  # about 10 MB
_64_BITS = 2**64 - 1


class Mark(NamedTuple):
    """What no two measurements have in common; times are microseconds. A tuple, which is quick to be found by."""

    target: str
    began_us: int
    duration_us: int


class Echoes:
    """The newest measurements, and whose they are."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owners: dict[int, int] = {}  # by key
        self._keys: deque[int] = deque()  # in order: behind many gaps the first of a dictionary is long to be found
        self._began_us: deque[int] = deque()  # of each of them
        self._forgotten_us = -1  # when the newest began of those that are forgotten

    def look(self, agent: str, epoch: int, mark: Mark) -> tuple[bool, bool]:
        """Both of what follows, in one."""
        owner = self._owners.get(_key(mark))
        if owner is None:
            return False, mark.began_us <= self._forgotten_us
        return owner != _owner(agent, epoch), False

    def is_echo(self, agent: str, epoch: int, mark: Mark) -> bool:
        """Whether this was heard under another agent or epoch."""
        return self.look(agent, epoch, mark)[0]

    def is_beyond(self, mark: Mark) -> bool:
        """Whether it may be one that was forgotten."""
        return mark.began_us <= self._forgotten_us and _key(mark) not in self._owners

    def add(self, agent: str, epoch: int, mark: Mark) -> None:
        """Remembers a measurement that is on disk."""
        key = _key(mark)
        if key in self._owners:
            return
        self._owners[key] = _owner(agent, epoch)
        self._keys.append(key)
        self._began_us.append(mark.began_us)
        if len(self._owners) > self._most:
            del self._owners[self._keys.popleft()]
            self._forgotten_us = max(self._forgotten_us, self._began_us.popleft())


def _key(mark: Mark) -> int:
    """All of a mark in one number: no two are the same."""
    return (_number(mark.target) << 64 | mark.began_us & _64_BITS) << 64 | mark.duration_us


@lru_cache(4096)
def _owner(agent: str, epoch: int) -> int:
    """Batch after batch is of the same."""
    return _digest(agent, epoch)


@lru_cache(4096)
def _number(target: str) -> int:
    return _digest(target)


def _digest(*words: object) -> int:
    return int.from_bytes(blake2b("\0".join(map(str, words)).encode(), digest_size=8).digest(), "big")
