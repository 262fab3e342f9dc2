"""A stream, made ready to be written."""

from contextlib import closing

import structlog

from rabta_collector.jetstream.journal import StreamJournal
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.journals import Owner
from rabta_collector.state import IngestStats

log = structlog.get_logger()


def open_stream(place: Place, *, stats: IngestStats, owner: Owner) -> StreamJournal:
    """Makes what is missing of it. Raises `UnusableJournalError`."""
    with closing(StreamRows(place, make=True)) as rows:
        last, replicas = rows.last_position(), rows.replicas()
    log.info("journal.stream", stream=place.stream, rows=last[0], replicas=replicas)
    if replicas == 1:
        log.warning("journal.alone", message="the stream is on one node, which syncs now and then: see ?replicas=3")
    return StreamJournal(place, last, stats=stats, owner=owner)
