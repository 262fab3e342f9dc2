"""A limit of time for what cannot limit itself: a regular expression that a stranger wrote.

Python's matcher looks for signals as it goes, so an alarm ends it. There is one alarm in a process, and the main thread
alone hears it; elsewhere, and on a system without alarms, the work is refused at once and counts as too slow.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlowError(Exception):
    """The time was up."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TooSlowError` inside of the block when the time is up."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        raise TooSlowError

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
