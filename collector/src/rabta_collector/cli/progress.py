"""How far a long command has come: one line on standard error, every few seconds, written over on a terminal."""

import sys
import time
from collections.abc import Callable

EVERY_S = 2.0


class Progress:
    """`clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._told = clock()
        self._open = False

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._started

    def tell(self, text: Callable[[], str]) -> None:
        """Tells what there is to tell, unless it was told a moment ago."""
        now = self._clock()
        if now - self._told >= EVERY_S:
            self._told = now
            self._open = sys.stderr.isatty()
            line = f"rabta-collector: {text()}"
            print(
                f"\r{line}\x1b[K" if self._open else line, end="" if self._open else "\n", file=sys.stderr, flush=True
            )

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr)
            self._open = False
        print(f"rabta-collector: {text}", file=sys.stderr)

    def rate(self, count: int) -> str:
        """So many a second, since the beginning."""
        return f"{count / max(self.seconds, 0.001):.0f}/s"
