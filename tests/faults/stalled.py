"""Hostile connections: each begins calls whose messages it never ends. It speaks HTTP/2 well, and answers pings."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

CHUNK = 16 * 1024
FIXED = (
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "collector"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)


class Stalled:
    """One connection and its calls. `sent`: bytes of messages; `answers`: codes of the calls that were ended."""

    def __init__(
        self,
        target: str,
        path: str,
        *,
        length: int,
        stop_at: int,
        metadata: Sequence[tuple[str, str]] = (),
        first: bytes = b"",
    ) -> None:
        """Each message says that it is `length` bytes long, and stops after `stop_at`; `first` goes before, whole."""
        self._target, self._headers = target.rsplit(":", 1), [*FIXED, (":path", path), *metadata]
        self._headers.sort(key=lambda header: not header[0].startswith(":"))
        self._head = (_prefix(len(first)) + first if first else b"") + _prefix(length)
        self._stop_at = stop_at
        self._left: dict[int, int] = {}
        self._connection = H2Connection(H2Configuration())
        self.sent = 0
        self.answers: list[int] = []

    async def run(self, calls: int) -> None:
        """Until the other side closes the connection."""
        reader, writer = await asyncio.open_connection(*self._target)
        self._connection.initiate_connection()
        try:
            writer.write(self._connection.data_to_send())
            begun = False
            while data := await reader.read(65536):
                events = self._connection.receive_data(data)
                if not begun and any(isinstance(event, RemoteSettingsChanged) for event in events):
                    begun = True
                    self._begin(calls)
                for event in events:
                    self._hear(event)
                self._push()
                writer.write(self._connection.data_to_send())
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _begin(self, calls: int) -> None:
        for _ in range(calls):
            number = self._connection.get_next_available_stream_id()
            self._connection.send_headers(number, self._headers)
            self._connection.send_data(number, self._head)
            self._left[number] = self._stop_at

    def _hear(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            status = dict(event.headers or ()).get(b"grpc-status")
            self.answers += [] if status is None else [int(status)]
        if isinstance(event, StreamEnded | StreamReset):
            self._left.pop(event.stream_id or 0, None)

    def _push(self) -> None:
        """Sends as much as it is let."""
        for number in self._left:
            while room := min(self._left[number], CHUNK, self._connection.local_flow_control_window(number)):
                self._connection.send_data(number, bytes(room))
                self._left[number] -= room
                self.sent += room


def _prefix(length: int) -> bytes:
    """What gRPC puts before a message that is not compressed."""
    return b"\0" + length.to_bytes(4, "big")
