"""`ingest`: takes agents and journals what they measured. It decides nothing, and keeps nothing but its keys.

Whatever it knows it reads from NATS: who may speak (the registry), what an agent has sent (the agent's own rows), who
else has a session, and what is held. So any number of these stand behind one name, and any of them may end at any time.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from contextlib import suppress

import structlog

from rabta_collector import post, running, upkeep, web
from rabta_collector.catalogue import Catalogue
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.door import Door, until_stopped
from rabta_collector.entries import Entry, Fence, Measured
from rabta_collector.ground import open_ground
from rabta_collector.jetstream.following import Follower
from rabta_collector.jetstream.shared import SharedJournal
from rabta_collector.jetstream.talk import Talk
from rabta_collector.journals import Owner
from rabta_collector.listeners import Sides
from rabta_collector.registries import move_in
from rabta_collector.roles.balance import Balance
from rabta_collector.roles.burial import BEATS
from rabta_collector.roles.forwarding import Forwarding
from rabta_collector.roles.ground import IMPORT_KEY, PLAN_KEY, check_key, make_ready, place_of
from rabta_collector.roles.held import Held
from rabta_collector.roles.rolls import BEAT_S, Teller, sender_of
from rabta_collector.roles.roster import Roster
from rabta_collector.roles.seats import Seats
from rabta_collector.session import End
from rabta_collector.state import IngestStats, Snapshot
from rabta_collector.stopping import stop
from rabta_collector.whereabouts import FORGOTTEN_S
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

LONG_S = BEATS * BEAT_S / 2
"""For which nobody may have heard us: then others may take our agents for gone."""

log = structlog.get_logger()


class IngestRole:
    """One process of many."""

    def __init__(self, config: Config, data: DataDir) -> None:
        """Raises what `cli` turns into one line."""
        place = place_of(config, "ingest")
        after, last = make_ready(place, FORGOTTEN_S, make=True)
        self._config, self._ground = config, open_ground(config, data)
        self._talk, self._roster = Talk(place), Roster()
        self._forwarding = Forwarding([isp.id for isp in self._ground.isps])
        self._held = Held()
        self._stopping = asyncio.Event()
        owner = Owner(
            committed=self._commit,
            pack=lambda agent: self._door.ingest.seen.pack(agent),
            unpack=lambda agent, packed: self._door.ingest.seen.unpack(agent, packed),
        )
        self._journal = SharedJournal(place, stats=self._ground.stats, owner=owner)
        self._teller, self._balance = Teller(self._journal.process), Balance()
        self._missed: set[int] = set()
        registry = move_in(place, data, rows=last > 0)
        self._door = Door(
            self._ground,
            self._journal,
            registry,
            snapshot=self.snapshot,
            others=lambda: self._roster,
            draw=lambda size: _salt(data, size),
            shared=True,
        )
        check_key(registry, PLAN_KEY, self._door.public_key)
        check_key(registry, IMPORT_KEY, self._door.import_key)
        self._seats = Seats(self._journal, self._door.admission.prefix_of)
        # What controls measure tells all processes where targets are, whichever of them took it.
        self._controls = Follower(
            place, stats=IngestStats(), owner=Owner(committed=self._hear_control), subject=place.subject_of("", "*")
        )
        self._controls_after = after

    def _commit(self, entry: Entry | Fence | None, epoch: int) -> None:
        """A row of our own is in the stream."""
        if isinstance(entry, Entry):
            self._door.ingest.remember(entry, epoch)
        if isinstance(entry, Measured) and entry.role is not Role.CONTROL:
            for measurement in entry.measurements:
                self._door.costs.learn(measurement)

    def _hear_control(self, entry: Entry | Fence | None, epoch: int) -> None:
        """What a control measured, wherever it was taken."""
        if isinstance(entry, Measured):
            self._door.whereabouts.hear(entry)
            for measurement in entry.measurements:
                self._door.costs.learn(measurement)

    # What operators see

    @property
    def catalogue(self) -> Catalogue:
        return self._ground.catalogue

    @property
    def stats(self) -> IngestStats:
        return self._ground.stats

    @property
    def share(self) -> None:
        """Nothing is decided here."""
        return None

    @property
    def rules(self) -> bool:
        return False

    def snapshot(self) -> Snapshot:
        """What is held, as far as we were told; nothing, where nobody has said so lately."""
        return self._held.snapshot(asyncio.get_running_loop().time())

    def ready(self) -> bool:
        """Whether agents are taken, and the stream takes what they bring."""
        return self._door.listens and not self._journal.trouble

    def why_not_ready(self) -> str:
        """One line for whoever asks; empty where it is ready."""
        if trouble := self._journal.trouble:
            return f"{trouble}; agents keep what they measure and send it later"
        return "" if self._door.listens else "agents are not taken yet, or not any more"

    # Its life

    def stop(self) -> None:
        """Stops: gracefully the first time, at once the second."""
        stop(self._stopping)

    async def serve(self) -> None:
        """Until `stop`. Raises `ListenError`, `UnusableJournalError`."""
        door, sides = self._door, Sides(self._config)
        pages = web.make_operators_app(self, metrics=self._config.admin is None)
        pages.router.add_get("/{path:.*}", self._forwarding.answer)
        post.add_calls(pages, door.service.unary(), ready=lambda: door.listens, room=door.service.room)
        try:
            page = await sides.start(pages, web.make_operators_app(self))
            self._journal.start()
            process = f"{self._journal.process:x}"
            hear = {
                ("roll",): self._hear_roll,
                ("missed", process): lambda _: self._teller.ask(),
                ("held",): self._hear_held,
                ("page",): self._forwarding.hear,
                ("ask", process): self._hear_order,
            }
            await self._talk.open(hear)
            await self._controls.follow(self._controls_after, self._stopping.is_set)
            await self._journal.follow(0, self._stopping.is_set)
            if not self._stopping.is_set():
                await door.open()
                door.tell(page)
                await until_stopped(self._stopping, [*door.works(), self._announce(), upkeep.keep_tidy()])
                await door.refuse()
        finally:
            await door.close()
            await self._journal.close()
            await self._controls.close()
            await self._talk.close()
            await door.closed()
            await self._forwarding.close()
            await sides.stop()
        log.info("collector.stopped")

    # What processes tell one another

    async def _announce(self) -> None:
        """Tells what changed in who has a session here, again and again, and forgets who was not heard of."""
        loop, changes, sessions = asyncio.get_running_loop(), 0, self._door.service.sessions
        heard_at = loop.time()
        while True:
            await self._talk.say("roll", text=self._teller.tell(self._seats.of(sessions)))
            missed, self._missed = self._missed, set()
            for process in missed:
                await self._talk.say("missed", f"{process:x}", text=b"")
            self._roster.sweep(loop.time())
            if self._talk.sound:
                if loop.time() - heard_at > LONG_S:
                    self._door.service.say_who_is_here()
                heard_at = loop.time()
            self._end_replaced(self._roster.among(sessions))
            if self._roster.changes != changes:
                changes = self._roster.changes
                self._door.planner.changed()
            self._share()
            await asyncio.sleep(BEAT_S)

    def _share(self) -> None:
        """Ends some sessions where far more are here than elsewhere; of agents that wait for nothing, if there are."""
        sessions, counts = self._door.service.sessions, self._roster.counts()
        known = counts.keys() == self._roster.processes() and not self._journal.trouble
        count = self._balance.beat(len(sessions), [*counts.values()] if known else None)
        if count:
            chosen = sorted(sessions.values(), key=lambda session: session.busy)[:count]
            for session in chosen:
                session.end(End.SHARED)
            log.info("sessions.shared", ended=len(chosen), of=len(sessions), others=[*counts.values()])

    def _hear_roll(self, text: bytes) -> None:
        """Of another process."""
        with _bearing():
            if sender_of(text) == self._journal.process:
                return
            news = self._roster.hear(text, asyncio.get_running_loop().time())
            if news.missed:
                self._missed.add(news.process)
            self._end_replaced(news.agents)

    def _end_replaced(self, agents: Iterable[str]) -> None:
        """A session elsewhere that is newer than ours of the same agent ends ours."""
        for agent in agents:
            session, seat = self._door.service.sessions.get(agent), self._roster.get(agent)
            if session is not None and seat is not None and seat.number > self._journal.session_of(agent):
                session.end(End.REPLACED)

    def _hear_held(self, text: bytes) -> None:
        with _bearing():
            self._held.hear(text, asyncio.get_running_loop().time())

    def _hear_order(self, text: bytes) -> None:
        """An agent with a session here is to measure something now."""
        with _bearing():
            agent, _, request = text.partition(b"\n")
            session = self._door.service.sessions.get(agent.decode())
            given = session is not None and session.ask(link.MeasureNow.FromString(request))
            self._ground.stats.requests["given" if given else "not_taken"] += 1


def _bearing() -> suppress:
    """Around what another process said: a newer or an older one may say it in other words."""
    return suppress(ValueError, KeyError, TypeError)


def _salt(data: DataDir, size: int) -> bytes:
    """The same for all processes that have the same key, and for nobody else."""
    key = hashlib.blake2b(data.plan_key.read_bytes()).digest()
    return hashlib.blake2b(b"prefixes", key=key, digest_size=size).digest()


async def run(config: Config) -> None:
    """Serves until a signal."""
    await running.run(config, IngestRole)
