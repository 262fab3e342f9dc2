"""The journal that the configuration names, made ready to be written."""

from collections.abc import Mapping
from pathlib import Path

import structlog

from rabta_collector import journal_file
from rabta_collector.checkpoints import read_up_to
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.journal import Journal
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.journals import Owner, OwnJournal
from rabta_collector.rows import where_of
from rabta_collector.state import IngestStats

log = structlog.get_logger()


def open_journal(
    config: Config, data: DataDir, *, stamp: Mapping[str, str], stats: IngestStats, owner: Owner
) -> OwnJournal:
    """A file that is damaged is salvaged first; a stream is made where it is missing. Raises `UnusableJournalError`."""
    place = where_of(config)
    if isinstance(place, Path):
        if salvage := journal_file.prepare(data.journal, after=read_up_to(data.checkpoint, data.journal, stamp)):
            log.error("journal.salvaged", moved_to=str(salvage.moved_to), kept=salvage.kept, lost=salvage.lost)
        return Journal(data.journal, stats=stats, committed=owner.committed)
    from rabta_collector.jetstream.moving import is_shared
    from rabta_collector.jetstream.opening import open_stream  # the extra `[nats]`

    stream = open_stream(place, stats=stats, owner=owner)
    if is_shared(place):
        raise UnusableJournalError(f"{place}: `rabta-collector ingest` and `decide` serve this stream")
    return stream
