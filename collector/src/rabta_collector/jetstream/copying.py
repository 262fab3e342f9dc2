"""Copies a journal from a file to a stream and back, row by row, each under its own number.

So checkpoints and the archive, which name rows by their numbers, fit as before. A copy that was broken off goes on
where it ended: what the target holds must be the beginning of what the source does.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rabta_collector import journal_file
from rabta_collector.archive.reading import last_row_of
from rabta_collector.entries import Entry, Measured
from rabta_collector.jetstream import link
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.frame import frame
from rabta_collector.jetstream.holdings import add_row, mark_of
from rabta_collector.jetstream.link import ID, LAST, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.journal_file import Kind, Row, UnusableJournalError
from rabta_collector.replay import Known, replay_archived
from rabta_collector.rows import FileRows, Rows, open_to_read
from rabta_collector.sequences import Seen

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 200
BLANKS = 1000
COPYING, READING, KEEPING = "row", "what agents sent, row", "agent"
Tell = Callable[[str, int, int], None]
"""Told after each step: of what, how far it is, and how far it goes."""


async def to_stream(source: Path, archive: Path, place: Place, tell: Tell) -> int:
    """Copies a file's rows; how many. Raises `UnusableJournalError`, `UnreadableJournalError`, `sqlite3.Error`."""
    with closing(open_to_read(source)) as rows, closing(StreamRows(place, make=True)) as target:
        first, last = rows.first_position()[0], rows.last_position()[0]
        done = _common(rows, target, first)
        client = await link.connect(place, name="rabta-collector copies")
        try:
            if done < first - 1:
                await _pass_over(client, place, done, first - 1)
            done, copied = max(done, first - 1), 0
            while chunk := rows.read_after(done, CHUNK):
                await _send(client, place, done, chunk)
                done, copied = chunk[-1][0].id, copied + len(chunk)
                tell(COPYING, done, last)
            await _keep_marks(client, place, rows, archive, tell)
        except (ApiError, NoAnswerError) as wrong:
            raise UnusableJournalError(f"{place}: {wrong}; copy again to go on") from None
        finally:
            await close(client)
    return copied


async def _keep_marks(client: "Client", place: Place, rows: Rows, archive: Path, tell: Tell) -> None:
    """What agents sent in rows that the archive alone has, and in those that were copied.

    Else whoever first takes an agent on would have to read all of its rows, for none says what was held before it.
    """
    seen, agents, known, end = Seen(), set[str](), Known(), rows.last_position()[0]

    def take(entry: Entry, epoch: int) -> None:
        tell(READING, known.row, end)
        if isinstance(entry, Measured):
            agents.add(entry.agent)
            seen.add(entry.agent, epoch, (one.sequence for one in entry.measurements))

    last = max(0, rows.first_position()[0] - 1)
    if last:
        await replay_archived(archive, last + 1, take, known, stop=lambda: False)
    while chunk := rows.read_after(last, CHUNK):
        last = chunk[-1][0].id
        for row in (row for row, sound in chunk if sound and row.kind == Kind.MEASURED and row.agent):
            agents.add(row.agent)
            add_row(seen, row, sound=True)
        tell(READING, last, end)
        await asyncio.sleep(0)  # the connection is to be kept up meanwhile
    waiting, kept = iter(sorted(agents)), 0
    while some := list(islice(waiting, CHUNK)):
        texts = ((place.marks_of(agent), mark_of(seen.pack(agent), last)) for agent in some)
        await asyncio.gather(*(link.publish(client, subject, text, {}) for subject, text in texts))
        kept += len(some)
        tell(KEEPING, kept, len(agents))


async def _pass_over(client: "Client", place: Place, done: int, last: int) -> None:
    """Takes the numbers of rows that the file has no more, with messages that go at once.

    Servers of version 2.9 can begin a stream no other way: a purge past its end leaves its leader with another number.
    """
    while done < last:
        numbers = range(done, min(done + BLANKS, last))
        await asyncio.gather(*(link.publish(client, place.subject_of("", ""), b"", {LAST: str(n)}) for n in numbers))
        done = numbers[-1] + 1
        await link.ask(client, f"STREAM.PURGE.{place.stream}", {"seq": done + 1})


async def _send(client: "Client", place: Place, done: int, chunk: Sequence[tuple[Row, bool]]) -> None:
    """Rows that follow one; all are in the stream when this returns."""
    writer = secrets.token_hex(4)
    sent = []
    for number, (row, sound) in enumerate(chunk, done + 1):
        if row.id != number:
            raise UnusableJournalError(f"the rows {number} to {row.id - 1} are missing; see rabta-collector verify")
        subject, message = place.subject_of(row.isp, row.agent), frame(row, f"{writer}-{number}", sound=sound)
        headers = {LAST: str(number - 1), ID: f"{writer}-{number}"}
        sent.append(link.publish(client, subject, message, headers))
    await asyncio.gather(*sent)


def to_file(place: Place, target: Path, archive: Path, tell: Tell) -> int:
    """Copies a stream's rows; how many. Whoever still writes the stream is ended by a fence.

    Raises `UnusableJournalError`, `sqlite3.Error`.
    """
    journal_file.prepare(target)
    with closing(StreamRows(place)) as rows, closing(journal_file.connect(target)) as connection:
        first = max(1, rows.first_position()[0])
        if first > 1 and last_row_of(archive) < first - 1:
            raise UnusableJournalError(f"{archive}: the rows before {first} are neither here nor in the stream")
        done, copied = max(_common(rows, FileRows(connection), first), first - 1), 0
        while True:
            while chunk := rows.read_after(done, CHUNK):
                _write(connection, done, chunk)
                done, copied = chunk[-1][0].id, copied + len(chunk)
                tell(COPYING, done, rows.last_position()[0])
            if rows.fence(done):
                _write(connection, done, rows.read_after(done, 1))
                return copied + 1


def _write(connection: sqlite3.Connection, done: int, chunk: Sequence[tuple[Row, bool]]) -> None:
    if any(row.id != number for number, (row, _) in enumerate(chunk, done + 1)):
        raise UnusableJournalError(f"rows after {done} are missing in the stream")
    journal_file.append(connection, done, [row for row, _ in chunk], damaged={row.id for row, ok in chunk if not ok})


def _common(source: Rows, target: Rows, first: int) -> int:
    """The last row that the target has, if it is the source's, too. Raises `UnusableJournalError`."""
    last = target.last_position()[0]
    if last < first:
        return last
    if source.marks_of(last) != target.marks_of(last) or target.marks_of(last) is None:
        raise UnusableJournalError("the target holds another journal, or more of this one than the source")
    return last
