"""Step `trace`: one connection whose first words may pass so many routers, and what comes back.

The handshake of TCP goes all the way, as ever. Then what is sent may pass `ttl` routers and no more, and so may what
the kernel sends again. Who hears it on the way may answer in the server's name; the router at which it ends may say so.
When all is heard the connection is given up with RST, which goes all the way again.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from rabta_agent.network import Connection
from rabta_agent.probes.ear import Ear
from rabta_agent.probes.packets import Packet
from rabta_agent.probes.step import Scene
from rabta_proto.locating import ENOUGH
from rabta_proto.trace import Reset, TraceStep

RESETS_KEPT = 4
BEAT_S = 0.02
LEAST_PATIENCE_S, MOST_PATIENCE_S = 0.8, 2.5  # until first words were sent twice and an answer had its time
LEAST_GRACE_S = 0.15  # for what comes after something else: a second RST, or a RST after a router's word


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is sent where, and how far. `thorough`: what comes back last counts, too, and first words are sent twice."""

    address: str
    port: int
    ttl: int
    words: bytes
    thorough: bool


@dataclass(slots=True, kw_only=True)
class _Heard:
    """What has come so far; times are the event loop's."""

    begun: float
    first: float | None = None
    expired: bool = False
    answered: bool = False
    answer_ttl: int | None = None
    resets: list[Reset] = field(default_factory=list)
    count: int = 0

    def take(self, packet: Packet, now: float) -> None:
        if packet.reset:
            self.count += 1
            if len(self.resets) < RESETS_KEPT:
                self.resets.append(Reset(ttl=packet.ttl, ip_id=packet.ip_id))
        elif packet.expired:
            self.expired = True
        elif self.answer_ttl is None:
            self.answer_ttl = packet.ttl
        if packet.reset or packet.expired:
            self.note(now)

    def note(self, now: float) -> None:
        self.first = now if self.first is None else self.first


async def look_far(scene: Scene, look: Look, deadline: float) -> TraceStep:
    """One look, until the event loop's time `deadline` at the latest. Raises `OSError` where nothing can be heard."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout_at(deadline):
            connection = await scene.network.connect(look.address, look.port, scene.meter)
    except (OSError, TimeoutError):
        return TraceStep(ttl=look.ttl, connected=False)
    round_trip_s = loop.time() - begun
    try:
        ear = Ear(connection.ends())
        try:
            connection.let_pass(look.ttl)
            return await _listen(connection, ear, look, _Patience.of(round_trip_s, deadline))
        finally:
            ear.close()
    finally:
        connection.abort()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    """Seconds: how long is waited in all, and after something has come or was sent again. `deadline`: loop time."""

    most_s: float
    grace_s: float
    deadline: float

    @classmethod
    def of(cls, round_trip_s: float, deadline: float) -> "_Patience":
        grace_s = max(LEAST_GRACE_S, 1.5 * round_trip_s)
        most_s = min(MOST_PATIENCE_S, LEAST_PATIENCE_S + 4 * round_trip_s + grace_s)
        return cls(most_s=most_s, grace_s=min(grace_s, MOST_PATIENCE_S / 2), deadline=deadline)


async def _listen(connection: Connection, ear: Ear, look: Look, patience: _Patience) -> TraceStep:
    loop = asyncio.get_running_loop()
    heard = _Heard(begun=loop.time())
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(_hear(ear, heard))
        talking = tasks.create_task(_talk(connection, look.words, heard))
        await _wait(connection, look, heard, patience)
        sent = _sent(connection)
        hearing.cancel()
        talking.cancel()
    return TraceStep(
        ttl=look.ttl,
        sent=sent,
        expired=heard.expired,
        answered=heard.answered,
        answer_ttl=heard.answer_ttl,
        resets=heard.count,
        first_resets=tuple(heard.resets),
        first_us=None if heard.first is None else round((heard.first - heard.begun) * 1e6),
    )


async def _hear(ear: Ear, heard: _Heard) -> None:
    with suppress(OSError):  # the interface went away
        while True:
            packet = await ear.hear()
            heard.take(packet, asyncio.get_running_loop().time())


async def _talk(connection: Connection, words: bytes, heard: _Heard) -> None:
    """Says the first words. A byte or FIN is an answer; a RST is heard by the ear, which sees more of it."""
    with suppress(OSError):
        await connection.send(words)
        await connection.receive()
        heard.answered = True
        heard.note(asyncio.get_running_loop().time())


async def _wait(connection: Connection, look: Look, heard: _Heard, patience: _Patience) -> None:
    """Until nothing more is to be expected."""
    loop = asyncio.get_running_loop()
    end = min(heard.begun + patience.most_s, patience.deadline)
    enough_since: float | None = None
    while (now := loop.time()) < end:
        if heard.first is not None and not look.thorough and not heard.count:
            return
        if heard.count or heard.answered or _sent(connection) >= ENOUGH:
            enough_since = now if enough_since is None else enough_since
            if now >= enough_since + patience.grace_s:
                return
        await asyncio.sleep(BEAT_S)


def _sent(connection: Connection) -> int:
    """How often the first words went out; where they take several segments, how often at least one of them did."""
    return 1 + (connection.facts().retransmits or 0)
