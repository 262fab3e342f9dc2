"""Feeds the engine: the same entries in the same order at the same points, live and at replay.

Before each entry the engine is advanced to the entry's time; between entries a timer advances it, never beyond what is
on disk. So a replay of the journal comes to the same decisions as did the collector that wrote it.
"""

from collections.abc import Callable

import structlog

from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_collector.record.seam import Standing
from rabta_collector.state import Event

MAX_REPORTS = 20  # tracebacks in the log; further failures are counted only
log = structlog.get_logger()


class Decider:
    """The engine's only caller."""

    def __init__(self, engine: Engine, *, on_events: Callable[[tuple[Event, ...]], None]) -> None:
        self.engine = engine
        self._on_events = on_events
        self.failures = 0
        """Calls that the engine could not answer."""

    def take(self, entry: Entry) -> None:
        """Folds an entry that is on disk.

        What trips the engine is counted, logged and left out: it is in the journal, and a repaired engine will have it
        at the next replay. Were it to stop the collector, one hostile measurement would stop it at every start.
        """
        self.advance(entry.at)
        try:
            self.engine.apply(entry)
        except Exception as error:
            self._note(error, entry.at)

    def advance(self, now: float) -> None:
        """Decides all points up to `now`."""
        try:
            events = self.engine.advance(now)
        except Exception as error:
            self._note(error, now)
            return
        if events:
            self._on_events(events)

    def recall(self, standing: Standing, now: float) -> None:
        """What was known up to `now` by those who knew more of the past."""
        self.advance(now)
        try:
            self.engine.recall(standing, now)
        except Exception as error:
            self._note(error, now)

    def _note(self, error: Exception, at: float) -> None:
        self.failures += 1
        if self.failures <= MAX_REPORTS:
            log.error("engine.failed", at=at, failures=self.failures, exc_info=error)
