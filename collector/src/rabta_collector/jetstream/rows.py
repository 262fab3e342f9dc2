"""A stream's rows for whoever reads them with blocking calls: a loop on a thread of its own asks for them."""

import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rabta_collector.jetstream.background import Background
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.frame import frame, held_back, unframe
from rabta_collector.jetstream.link import (
    LAST,
    WRONG_LAST,
    ApiError,
    NoAnswerError,
    State,
    ask,
    connect,
    message_of,
    publish,
    state_of,
)
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.jetstream.streams import make_streams
from rabta_collector.journal_file import Kind, Row, UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 500
PATIENCE_S, PAUSE_S = 30.0, 0.2
T = TypeVar("T")


class StreamRows:
    """A connection of its own, until `close`."""

    def __init__(self, place: Place, *, make: bool = False) -> None:
        """`make`: the streams, where they are missing. Raises `UnusableJournalError`."""
        self._place = place
        self._background = Background("stream")
        self._run = self._background.run
        try:
            self._client = self._run(_open(place, make=make))
        except BaseException:
            self._background.close()
            raise
        self._reader = StreamReader(self._client, place.stream)

    def _ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises `UnusableJournalError`."""
        try:
            return self._patiently(question)
        except ApiError as wrong:
            raise UnusableJournalError(f"{self._place}: {wrong}") from None

    def _patiently(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Asks again while nobody answers: a cluster may be choosing another leader.

        Raises `ApiError`, `UnusableJournalError`.
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._run(question())
            except NoAnswerError as wrong:
                if time.monotonic() > until:
                    raise UnusableJournalError(f"{self._place}: {wrong}") from None
                time.sleep(PAUSE_S)

    def read_after(self, id_: int, limit: int) -> Sequence[tuple[Row, bool]]:
        came = self._ask(lambda: self._reader.read_after(id_, limit))
        framed = ((unframe(one.number, one.data), one.at_us) for one in came)
        return tuple((held_back(one.row, at_us), one.sound) for one, at_us in framed)

    def _state(self) -> State:
        return self._ask(lambda: state_of(self._client, self._place.stream))

    def _row(self, id_: int) -> Row | None:
        message = self._ask(lambda: message_of(self._client, self._place.stream, id_))
        return None if message is None else unframe(id_, message).row

    def first_position(self) -> tuple[int, int]:
        state = self._state()
        row = self._row(state.first) if state.last else None
        return (0, 0) if row is None else (row.id, row.at_us)

    def last_position(self) -> tuple[int, int]:
        state = self._state()
        row = self._row(state.last) if state.last else None
        return (state.last, 0) if row is None else (row.id, row.at_us)

    def marks_of(self, id_: int) -> tuple[int, int] | None:
        row = self._row(id_)
        return None if row is None else (row.at_us, row.checksum())

    def row_at(self, at_us: int) -> int:
        state = self._state()
        low, high = max(1, state.first), state.last + 1
        while low < high:
            middle = (low + high) // 2
            row = self._row(middle)
            if row is None or row.at_us < at_us:  # one that is gone meanwhile was older
                low = middle + 1
            else:
                high = middle
        return low

    def used_bytes(self) -> int:
        return self._state().bytes

    def marks(self) -> Iterable[tuple[str, bytes]]:
        """Raises `UnusableJournalError`."""
        reader, last = StreamReader(self._client, self._place.marks), 0
        prefix = len(self._place.marks_of(""))
        while chunk := self._ask(partial(reader.read_after, last, CHUNK)):
            last = chunk[-1].number
            yield from ((one.subject[prefix:], one.data) for one in chunk)
        self._run(reader.close())

    def fence(self, after: int) -> bool:
        """Puts a fence after a row, which ends whoever writes; false where that is not the last row any more.

        It may be so for a fence of our own, whose acknowledgement was lost.
        """
        last = self._row(after)
        fence = Row(0, Kind.FENCE, 0 if last is None else last.at_us, "", "", "")
        message, headers = frame(fence, f"{secrets.token_hex(4)}-1"), {LAST: str(after)}
        try:
            self._patiently(lambda: publish(self._client, self._place.subject_of("", ""), message, headers))
        except ApiError as wrong:
            if wrong.code == WRONG_LAST:
                return False
            raise UnusableJournalError(f"{self._place}: {wrong}") from None
        return True

    def replicas(self) -> int:
        """On how many nodes the stream is."""
        found = self._ask(lambda: ask(self._client, f"STREAM.INFO.{self._place.stream}"))
        return int(found["config"]["num_replicas"])

    def server(self) -> tuple[int, int, int]:
        """The version of the server that answers."""
        version = self._client.connected_server_version
        return version.major, version.minor, version.patch

    def close(self) -> None:
        self._run(self._reader.close())
        self._run(close(self._client))
        self._background.close()


async def _open(place: Place, *, make: bool) -> "Client":
    client = await connect(place, name="rabta-collector reads")
    try:
        if make:
            await make_streams(client, place)
    except BaseException:
        await close(client)
        raise
    return client
