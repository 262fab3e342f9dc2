"""Writes down what is said of events (announcing.py): the record of whoever keeps an archive, made of the stream alone.

It is a record as any other (record/file.py), but that a line was written when the stream took it: so two that read the
stream from its beginning write the same lines. What is of a day that is sealed already, by a clock of NATS that was
behind, is written as of the day after it. Beside its lines the record keeps how far the stream was read (heard.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from rabta_collector.jetstream.link import state_of
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import Came, StreamReader
from rabta_collector.jetstream.streams import make_events
from rabta_collector.jetstream.wire import Wire
from rabta_collector.record.file import RecordFile
from rabta_collector.record.heard import SCHEMA, forget, last_heard, note
from rabta_collector.record.told import read_told

CHUNK = 100
log = structlog.get_logger()


class Hearing:
    """The only writer of a record. `floor`: lines are written later than this moment (Unix seconds)."""

    def __init__(self, place: Place, record: Path, floor: Callable[[], float]) -> None:
        """Raises `UnusableRecordError`."""
        self._place, self._floor = place, floor
        self._file = RecordFile(record)
        self._file.connection.execute(SCHEMA)
        self._wire = Wire(place, "rabta-collector hears events")

    async def catch_up(self) -> int:
        """Writes down all that the stream has by now; how many. Raises `ApiError`, `NoAnswerError`, `sqlite3.Error`."""
        client = await self._wire.client()
        await make_events(client, self._place)
        state = await state_of(client, self._place.events)
        after, count = last_heard(self._file.connection), 0
        if after > state.last:
            log.error(
                "events.others", message="another stream than the one that was read: it is read from its beginning"
            )
            forget(self._file.connection)
            after = 0
        elif 0 < after + 1 < state.first:
            log.error("events.gap", first=after + 1, last=state.first - 1)
        reader = StreamReader(client, self._place.events)
        while after < state.last and (chunk := await reader.read_after(after, CHUNK)):
            count += self._write(chunk)
            after = chunk[-1].number
        await reader.close()
        return count

    def _write(self, chunk: Sequence[Came]) -> int:
        count = 0
        with self._file.transaction():
            for one in chunk:
                count += self._take(one)
        return count

    def _take(self, one: Came) -> bool:
        """Whether it is news."""
        try:
            told = read_told(one.data)
        except (ValueError, KeyError, TypeError):
            log.error("events.unreadable", number=one.number)
            return False
        event, line = replace(told.event, id=one.number), self._file.line_of(told.event)
        if news := line is None:
            written = max(one.at_us / 1_000_000, self._file.last_written(), self._floor())
            self._file.take(event, told.evidence, written, rules_version=told.rules_version)
            line = self._file.last_id()
        note(self._file.connection, one.number, line, one.at_us)
        return news

    async def close(self) -> None:
        self._file.close()
        await self._wire.close()
