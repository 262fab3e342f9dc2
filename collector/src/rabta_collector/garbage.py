"""When Python looks for objects that hold each other and nobody else does.

It goes through all there are whenever they have grown by a quarter: with thousands of agents a third of a second, every
few seconds, in which nothing else is done. What the collector makes of measurements holds nothing in circles; broken
sessions do. So those that are new are looked through as they come, and all of them when a collector says so.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG, OLDER = 1000, 10
"""Objects, as a balance, after which the new ones are looked through; and how often until those that were left are."""

NEVER = 1_000_000


@contextmanager
def seldom() -> Iterator[None]:
    """All objects are looked through where `gc.collect` is called, and not by themselves."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, OLDER, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
