"""How far a long command has come, on standard error: a bar on a terminal, and a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE_S = 1.0
"""What is done sooner shows no bar."""

REDRAWN_S = 0.2
EVERY_S = 2.0
"""Between two lines, where there is no terminal."""


class Progress:
    """To be closed in the end. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._told = clock()
        self._bar: Bar | None = None

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._started

    def tell(self, text: Callable[[], str], share: Callable[[], float] | None = None) -> None:
        """Tells what there is to tell, unless it was told a moment ago. `share`: of all there is to do, from 0 to 1."""
        now, terminal = self._clock(), sys.stderr.isatty()
        if terminal and now - self._started >= PATIENCE_S and (self._bar is None or now - self._told >= REDRAWN_S):
            self._told = now
            self._draw(text(), None if share is None else share())
        elif not terminal and now - self._told >= EVERY_S:
            self._told = now
            part = "" if share is None else f" ({share():.0%})"
            print(f"rabta-collector: {text()}{part}", file=sys.stderr, flush=True)

    def _draw(self, text: str, share: float | None) -> None:
        if self._bar is None:
            self._bar = _make_bar()
            self._bar.add_task("")
            self._bar.start()
        (task,) = self._bar.task_ids
        self._bar.update(task, description=text, total=None if share is None else 1.0, completed=share or 0.0)
        self._bar.refresh()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.close()
        print(f"rabta-collector: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def rate(self, count: int) -> str:
        """So many a second, since the beginning."""
        return f"{count / max(self.seconds, 0.001):.0f}/s"


def _make_bar() -> "Bar":
    """No thread of its own draws it, so that nothing is left behind wherever a command ends."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
