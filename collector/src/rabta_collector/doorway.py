"""Who may hold a connection of the web side, how many, and for how long without getting anywhere.

Invariant: a connection that gets nowhere ends. One on which no request is being answered lasts HEAD_S, however slowly a
head drips in; a body has BODY_S; an answer of which nothing is taken has STALL_S; an answer that is still being made is
waited for. What cannot be read as HTTP is answered in our form of an error. Peers are counted by their prefix
(prefixes.py), while their connections last.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.web_request import BaseRequest

from rabta_collector.answers import SAFE_HEADERS, make_error
from rabta_collector.prefixes import Prefixes

HEAD_S, BODY_S, STALL_S = 30.0, 60.0, 30.0
SWEEP_S = 1.0
LINE_BYTES = 4096  # of a request line, and of one header
HEADERS = 64
CONNECTIONS = 2000
PER_PREFIX = 300  # many readers stand behind the few addresses of a mobile carrier


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Connections together and of one prefix; seconds, as the module says them."""

    connections: int = CONNECTIONS
    per_prefix: int = PER_PREFIX
    head_s: float = HEAD_S
    body_s: float = BODY_S
    stall_s: float = STALL_S
    sweep_s: float = SWEEP_S


class _Door(web.RequestHandler):
    """One connection."""

    __slots__ = ("doorway", "prefix", "refused", "seen", "since")

    doorway: "Doorway"
    prefix: bytes | None
    refused: bool
    seen: object
    since: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername") or ("",)
        self.prefix = self.doorway.prefix_of(str(peer[0]))
        self.refused = not self.doorway.admit(self)
        if self.refused:
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if not self.refused:
            self.doorway.leave(self)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.refused:
            super().data_received(data)

    def eof_received(self) -> None:
        if not self.refused:
            super().eof_received()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, or more of it than is taken, in our form of an error and without a word of theirs."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        found = HTTPStatus(status)
        said = "the request cannot be read" if status == HTTPStatus.BAD_REQUEST else found.description or found.phrase
        answer = make_error(found, found.name.lower(), said)
        answer.headers.update(SAFE_HEADERS)
        answer.force_close()
        return answer

    def overdue(self, now: float, bounds: Bounds) -> bool:
        """Whether it got nowhere for longer than it may."""
        request, unsent = self._current_request, self._unsent()
        if request is None and not unsent:
            stage, limit_s = ("head", self._request_count), bounds.head_s
        elif unsent:
            stage, limit_s = ("answer", unsent), bounds.stall_s
        elif request is not None and not request.content.is_eof():
            stage, limit_s = ("body", self._request_count), bounds.body_s
        else:
            stage, limit_s = ("making", 0), float("inf")
        if stage != self.seen:
            self.seen, self.since = stage, now
        return now - self.since > limit_s

    def _unsent(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()


class Doorway(web.Server):
    """Makes connections for `loop.create_server`, and ends those that get nowhere."""

    def __init__(self, served: web.Server, bounds: Bounds, now: Callable[[], float]) -> None:
        """`served`: aiohttp's own server of the application, whose place it takes."""
        super().__init__(served.request_handler, request_factory=served.request_factory)
        self._bounds = bounds
        self._now = now
        self._prefixes = Prefixes(os.urandom)
        self._doors: set[_Door] = set()
        self._held: Counter[bytes] = Counter()
        self.turned_away = self.cut = 0

    def __call__(self) -> _Door:
        # No access log: it would hold readers' addresses.
        door = _Door(
            self,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type] # none at all, which aiohttp takes
            keepalive_timeout=self._bounds.head_s,
            auto_decompress=False,  # what a body unfolds to is bounded where it is read (post.py)
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            max_headers=HEADERS,
        )
        door.doorway, door.seen, door.since = self, None, self._now()
        return door

    def prefix_of(self, address: str) -> bytes | None:
        """Whom a connection counts for; `None`: this machine, where proxies stand."""
        return self._prefixes.of(address, self._now())

    def admit(self, door: _Door) -> bool:
        """Takes a connection in, unless there are too many."""
        prefix = door.prefix
        if len(self._doors) >= self._bounds.connections or (prefix and self._held[prefix] >= self._bounds.per_prefix):
            self.turned_away += 1
            return False
        self._doors.add(door)
        if prefix:
            self._held[prefix] += 1
        return True

    def leave(self, door: _Door) -> None:
        self._doors.discard(door)
        if door.prefix:
            self._held[door.prefix] -= 1
            if not self._held[door.prefix]:
                del self._held[door.prefix]

    def sweep(self) -> None:
        """Ends what got nowhere."""
        now = self._now()
        for door in [door for door in self._doors if door.overdue(now, self._bounds)]:
            if door.transport is not None and not door.transport.is_closing():
                self.cut += 1
                door.transport.abort()

    async def keep_sweeping(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._bounds.sweep_s)
            self.sweep()
