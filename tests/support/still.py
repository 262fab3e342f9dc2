"""A day in seconds: an event loop whose time passes only while everybody waits, and an Internet within it.

Real agents' code runs on it unchanged, down to its sockets: what it would dial is written down where the loop is asked
to connect, and nothing ever leaves the process. A name has the addresses that the world says, web servers redirect
where it says, and what speaks TLS or QUIC hangs up or stays silent.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple

from support.dns_server import addresses, read_question, to_wire

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
DNS_PORT, HTTP_PORT = 53, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A connection that was begun, or datagrams that were about to be sent, at seconds of the loop."""

    at: float
    datagrams: bool
    address: str
    port: int


@dataclass(slots=True, kw_only=True)
class Internet:
    """What the world says; `dials` is whom the agent wanted to speak to."""

    names: tuple[str, ...] = ()
    redirect: str = ""
    dials: list[Dial] = field(default_factory=list)

    def answer(self, dial: Dial, said: bytes) -> bytes | None:
        """What comes back for what was said; `None`: nothing yet."""
        if dial.datagrams:
            question = read_question(said)
            return None if question is None else to_wire(addresses(*self.names), question)
        if said.endswith(b"\r\n\r\n") and self.redirect:
            return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % self.redirect.encode()
        return b""


@dataclass(slots=True, kw_only=True)
class _Line:
    dial: Dial
    heard: bytes = b""
    ready: list[bytes] = field(default_factory=list)


class _Skipping:
    """A selector that never waits: it moves the loop's time instead."""

    def __init__(self, skip: Callable[[float], None]) -> None:
        self._inner = selectors.DefaultSelector()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and for nothing that will ever come"
            self._skip(timeout)
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class StillLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0."""

    def __init__(self, internet: Internet) -> None:
        self._now = 0.0
        self._internet = internet
        self._lines: dict[socket.socket, _Line] = {}
        super().__init__(_Skipping(self._skip))  # type: ignore[arg-type] # all of a selector that the loop uses

    def _skip(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        return self._now

    def run_in_executor(  # type: ignore[override] # at once, so that no thread is waited for
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        datagrams = sock.type == socket.SOCK_DGRAM
        dial = Dial(at=self._now, datagrams=datagrams, address=str(address[0]), port=int(address[1]))
        self._internet.dials.append(dial)
        self._lines = {known: line for known, line in self._lines.items() if known.fileno() >= 0}
        if not datagrams and dial.port != HTTP_PORT:
            raise ConnectionRefusedError(111, "Connection refused")
        self._lines[sock] = _Line(dial=dial)

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        line = self._lines[sock]
        line.heard = bytes(data) if line.dial.datagrams else line.heard + bytes(data)
        if (answer := self._internet.answer(line.dial, line.heard)) is not None:
            line.ready.append(answer)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        line = self._lines[sock]
        if line.ready:
            return line.ready.pop(0)
        if not line.dial.datagrams:
            return b""
        await self.create_future()  # silence
        raise AssertionError("a future that nobody sets")


@dataclass(frozen=True, slots=True, kw_only=True)
class StillClock:
    """The clocks of a machine on a still loop, which began at `start`."""

    loop: StillLoop
    start: datetime = datetime(2026, 1, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.start.timestamp() + self.loop.time(), UTC)

    def monotonic(self) -> float:
        return self.loop.time()


def live(internet: Internet, life: Callable[[StillClock], Coroutine[Any, Any, T]]) -> T:
    """Lives a life on a loop of its own."""
    loop = StillLoop(internet)
    try:
        return loop.run_until_complete(life(StillClock(loop=loop)))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
