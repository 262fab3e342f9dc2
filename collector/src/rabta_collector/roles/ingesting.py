"""`ingest`: takes agents and journals what they measured. It decides nothing, and keeps nothing but its keys.

Whatever it knows it reads from NATS: who may speak (the registry), what an agent has sent (the agent's own rows), who
else has a session, and what is held. So any number of these stand behind one name, and any of them may end at any time.
"""

import asyncio
import hashlib
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
from rabta_collector.roles.forwarding import Forwarding
from rabta_collector.roles.ground import check_key, make_ready, place_of
from rabta_collector.roles.held import read_held
from rabta_collector.roles.roster import BEAT_S, Roster, Seat, write_roll
from rabta_collector.session import End
from rabta_collector.state import IngestStats, Snapshot
from rabta_collector.stopping import stop
from rabta_collector.whereabouts import FORGOTTEN_S
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

HELD_S = 60.0
"""After which what was held is told to nobody any more, while nobody says what is."""

log = structlog.get_logger()


class IngestRole:
    """One process of many."""

    def __init__(self, config: Config, data: DataDir) -> None:
        """Raises what `cli` turns into one line."""
        place = place_of(config, "ingest")
        after, _ = make_ready(place, FORGOTTEN_S)
        self._config, self._ground = config, open_ground(config, data)
        self._talk, self._roster = Talk(place), Roster()
        self._forwarding = Forwarding()
        self._held, self._held_at = Snapshot(at=0.0), 0.0
        self._stopping = asyncio.Event()
        owner = Owner(
            committed=self._commit,
            pack=lambda agent: self._door.ingest.seen.pack(agent),
            unpack=lambda agent, packed: self._door.ingest.seen.unpack(agent, packed),
        )
        self._journal = SharedJournal(place, stats=self._ground.stats, owner=owner)
        registry = move_in(place, data)
        self._door = Door(
            self._ground,
            self._journal,
            registry,
            snapshot=self.snapshot,
            others=lambda: self._roster,
            draw=lambda size: _salt(data, size),
            shared=True,
        )
        check_key(registry, self._door.public_key)
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
    def rules(self) -> bool:
        return False

    def snapshot(self) -> Snapshot:
        """What is held, as far as we were told; nothing, where nobody has said so lately."""
        stale = asyncio.get_running_loop().time() - self._held_at > HELD_S
        return Snapshot(at=self._held.at) if stale else self._held

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
        """Tells who has a session here, again and again, and forgets who was not heard of."""
        loop, known = asyncio.get_running_loop(), frozenset[str]()
        while True:
            await self._talk.say("roll", text=write_roll(self._journal.process, self._seats()))
            self._roster.sweep(loop.time())
            if (others := frozenset(self._roster)) != known:
                known = others
                self._door.planner.changed()
            await asyncio.sleep(BEAT_S)

    def _seats(self) -> list[Seat]:
        journal, prefix_of = self._journal, self._door.admission.prefix_of
        return [
            Seat(
                member=session.member,
                left_out=session.left_out,
                number=journal.session_of(agent),
                process=journal.process,
                prefix=None if (prefix := prefix_of(agent)) is None else prefix[:8],
            )
            for agent, session in self._door.service.sessions.items()
        ]

    def _hear_roll(self, text: bytes) -> None:
        """Of another process: a session that is newer than ours of the same agent ends ours."""
        with _bearing():
            process = self._roster.hear(text, asyncio.get_running_loop().time())
            if process == self._journal.process:
                self._roster.drop(process)
                return
            for agent, session in self._door.service.sessions.items():
                seat = self._roster.get(agent)
                if seat is not None and seat.number > self._journal.session_of(agent):
                    session.end(End.REPLACED)

    def _hear_held(self, text: bytes) -> None:
        with _bearing():
            self._held, self._held_at = read_held(text), asyncio.get_running_loop().time()

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
