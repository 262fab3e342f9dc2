"""The collector's side of the history: what it shows of it, and its upkeep. Nothing here touches a verdict of now."""

from contextlib import closing
from pathlib import Path
from threading import Event as Signal

import structlog

from rabta_collector.history.file import HistoryFile, UnusableHistoryError, naming
from rabta_collector.history.keeper import refresh
from rabta_collector.history.places import Places
from rabta_collector.history.reading import CellSpan, UnreadableHistoryError, read_past
from rabta_collector.past import merge
from rabta_collector.query import Query
from rabta_collector.timeline import Span

log = structlog.get_logger()


class History:
    """A history file that may not be there, and may be written by others at any time; and the past of the record.

    That, which our own agents measured and sent late, goes before what others did.
    """

    def __init__(self, path: Path, record: Path, places: Places) -> None:
        self._path, self._record, self._places = path, record, places
        self._stopping = Signal()

    def spans(self, query: Query) -> tuple[Span, ...]:
        """Spans that touch the window, of the wanted cells; none, and a line in the log, where they cannot be read."""
        return merge(self._read(self._record, query), self._read(self._path, query))

    def _read(self, path: Path, query: Query) -> tuple[Span, ...]:
        try:
            found = read_past(path, isp=query.isp, platform=query.platform, since=query.since, until=query.until)
        except UnreadableHistoryError as wrong:
            log.error("history.unreadable", message=str(wrong))
            return ()
        return tuple(map(_span, found))

    def refresh(self) -> None:
        """Judges anew what was judged by other rules or for another catalogue. Takes long; to be called in a thread."""
        if not self._path.exists():
            return
        try:
            with naming(self._path), closing(HistoryFile(self._path)) as file:
                refresh(file, self._places, self._go_on)
        except UnusableHistoryError as wrong:
            log.error("history.unusable", message=str(wrong))

    def stop(self) -> None:
        """Has a refresh come to an end, to be taken up at the next start."""
        self._stopping.set()

    def _go_on(self, done: int, of: int) -> bool:
        if of:
            log.debug("history.refresh", done=done, of=of)
        return not self._stopping.is_set()


def _span(found: CellSpan) -> Span:
    span = found.span
    return Span(
        platform=found.platform,
        isp=found.isp,
        state=str(span.state),
        mechanism=span.mechanism,
        since=span.since,
        until=span.until,
        revised=True,
        witness=span.witness,
    )
