"""`decide`: follows the journal and decides, on all ISPs or on a share of them (isp_share.py).

Any number of these with one share know the same, for they go by the journal's rows alone. One of them has the lease of
the share: it tells Prometheus what is decided, agents what is held, and has them asked. The others answer readers, and
the next of them takes over when the first is not heard of any more, with all that it knew.
"""

import asyncio
import secrets
from ipaddress import ip_address
from socket import gethostname

import structlog

from rabta_collector import running, upkeep, web
from rabta_collector.accounts import Accounts
from rabta_collector.archive.keeping import DECIDES, Need
from rabta_collector.config import Config
from rabta_collector.country import Country
from rabta_collector.datadir import DataDir
from rabta_collector.door import until_stopped
from rabta_collector.ground import open_ground
from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.announcing import Announcer
from rabta_collector.jetstream.appends import DoubtError
from rabta_collector.jetstream.following import Follower
from rabta_collector.jetstream.leases import Lease
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.needs import Needs
from rabta_collector.jetstream.posting import OvertakenError, Poster
from rabta_collector.jetstream.presences import post_presence
from rabta_collector.jetstream.talk import Talk
from rabta_collector.journal_file import Kind, Row
from rabta_collector.journals import Owner
from rabta_collector.listeners import Sides
from rabta_collector.origins import Origins
from rabta_collector.roles.burial import Burial, sessions_of
from rabta_collector.roles.ground import make_ready, place_of, wait_for_registry
from rabta_collector.roles.held import write_held
from rabta_collector.roles.readers import Readers
from rabta_collector.roles.rolls import BEAT_S
from rabta_collector.roles.roster import Roster
from rabta_collector.stopping import stop

HELD_S = 10.0
"""Between two times that those who take agents are told what is held."""

NEEDS_S = 5.0
PATIENCE_S = 3.0
log = structlog.get_logger()


class DecideRole:
    """One process of several."""

    def __init__(self, config: Config, data: DataDir) -> None:
        """Raises what `cli` turns into one line."""
        self._config, place = config, place_of(config, "decide")
        ground = open_ground(config, data)
        self._accounts = Accounts(wait_for_registry(place), shared=True)
        _, last = make_ready(place, 0.0, make=False)  # who made the registry had made the stream
        self._place, self._talk = place, Talk(place)
        self._roster, self._orders = Roster(self._order), asyncio.Queue[tuple[int, bytes]]()
        owner = Owner(committed=lambda entry, epoch: self._country.commit(entry, epoch))
        self._journal = Follower(place, stats=ground.stats, owner=owner, last=last, owned=ground.owned)
        self._country = Country(
            ground,
            self._journal,
            origins=Origins(self._accounts, self._roster.prefix_of),
            province_of=self._accounts.province_of,
            sessions=self._roster,
        )
        # Who cannot read what is journaled any more leaves the share to one that can.
        self._lease = Lease(
            place, _lease_of(config.share), changed=self._country.rule, may=lambda: not self._journal.trouble
        )
        self._announcer = Announcer(
            place,
            data.record,
            stats=ground.stats,
            may=lambda: self._country.rules,
            begins=lambda: self._country.projections.known.begins,
        )
        self._poster, self._writer, self._count = Poster(place, "rabta-collector ends"), secrets.token_hex(4), 0
        self._readers = Readers(self._country, self._talk, self._writer)
        self._needs = Needs(place, data.name())
        self._burial, self._missed = Burial(), set[int]()
        self._echo = b"beat " + secrets.token_hex(8).encode()
        self._page = ""
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Stops: gracefully the first time, at once the second."""
        stop(self._stopping)

    async def serve(self) -> None:
        """Until `stop`. Raises `ListenError`, `UnusableJournalError`."""
        country, sides = self._country, Sides(self._config)
        pages = self._readers.pages(metrics=self._config.admin is None)
        keeping, needing = asyncio.create_task(country.keep()), asyncio.create_task(self._tell_needs())
        try:
            page = await sides.start(pages, web.make_operators_app(country))
            hears = {("roll",): self._hear_roll, ("beat",): self._hear_beat, **self._readers.hears()}
            await self._talk.open(hears)
            await country.replay(self._stopping.is_set)
            if not self._stopping.is_set():
                await self._decide(page)
        finally:
            country.end()
            keeping.cancel()
            needing.cancel()
            await self._lease.close()
            await self._announcer.close()
            await self._journal.close()
            await country.close()
            await self._talk.close()
            await self._readers.close()
            await self._needs.close()
            await self._poster.wire.close()
            await self._accounts.close()
            await sides.stop()
        log.info("collector.stopped")

    async def _decide(self, page: str) -> None:
        country = self._country
        country.begin(rules=False)
        host, _, port = page.rpartition(":")
        anywhere = ip_address(host.strip("[]")).is_unspecified
        named = gethostname() if anywhere else host
        self._page = f"http://{named}:{port}"
        await self._readers.open()
        log.info("collector.ready", page=f"http://{page}/")
        print(f"ready: page on http://{page}/", flush=True)  # noqa: T201 - for whoever started us
        scores = upkeep.keep_scores(
            self._accounts, country.decider.engine.briefing.outlier_scores, country.share, may=lambda: country.rules
        )
        ours = (
            self._lease.run(),
            self._announcer.run(),
            self._beat(),
            self._tell_held(),
            self._give_orders(),
            self._watch(),
            scores,
            upkeep.keep_tidy(),
        )
        await until_stopped(self._stopping, [*country.works(), *ours])
        country.history.stop()

    async def _watch(self) -> None:
        """Who joined, and by which invitation."""
        while True:
            await asyncio.sleep(upkeep.REVOCATION_S)
            await self._accounts.catch_up()

    async def _tell_needs(self) -> None:
        """Which rows no start here asks for any more; from the first moment on, for a replay reads them all."""
        share = self._config.share.number, self._config.share.of
        while True:
            try:
                row = max(0, self._country.projections.checkpoints.kept - 1)  # by its last row a checkpoint is known
                await self._needs.say(Need(part=DECIDES, share=share, row=row))
            except (ApiError, NoAnswerError) as wrong:
                log.debug("needs.untold", message=str(wrong))
            await asyncio.sleep(NEEDS_S)

    # What processes tell one another

    def _hear_roll(self, text: bytes) -> None:
        try:
            news = self._roster.hear(text, asyncio.get_running_loop().time())
            if news.missed:
                self._missed.add(news.process)
        except (ValueError, KeyError, TypeError):
            log.debug("roll.unreadable")  # of a newer or older program

    def _order(self, process: int, agent: str, request: bytes) -> bool:
        self._orders.put_nowait((process, agent.encode() + b"\n" + request))
        return True

    async def _give_orders(self) -> None:
        while True:
            process, order = await self._orders.get()
            await self._talk.say("ask", f"{process:x}", text=order)

    async def _tell_held(self) -> None:
        while True:
            if self._country.rules:
                await self._talk.say("held", text=write_held(self._country.snapshot(), self._country.share))
            await asyncio.sleep(HELD_S)

    # Processes that ended without a word

    async def _beat(self) -> None:
        """What we hear of ourselves tells that others would be heard, too."""
        while True:
            await self._talk.say("beat", text=self._echo)
            await self._readers.tell(self._page)
            missed, self._missed = self._missed, set()
            for process in missed:
                await self._talk.say("missed", f"{process:x}", text=b"")
            await asyncio.sleep(BEAT_S)

    def _hear_beat(self, text: bytes) -> None:
        if text != self._echo or not self._talk.sound:
            return  # a server that is cut off gives back what we say, and nobody else is heard
        self._roster.sweep(asyncio.get_running_loop().time())
        known = self._country.projections.known
        holding = {known.sessions.get(agent, (0, 0))[1] for agent in known.present} - {0}
        gone = self._burial.beat(self._roster.processes(), holding)
        if gone and self._country.rules and self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end_sessions(gone))

    _ending: "asyncio.Task[None] | None" = None

    async def _end_sessions(self, gone: frozenset[int]) -> None:
        """Journals that these are over; whoever else does the same says the same.

        That is our doing and no outage of the agents' ISPs, so they count as gone of their own accord until they are
        back.
        """
        known = self._country.projections.known
        try:
            for member, session, process in sessions_of(gone, known.present, known.sessions):
                self._count += 1
                at_us = int(self._journal.now() * 1_000_000)
                role = str(member.role)
                row = Row(0, Kind.LEFT, at_us, member.agent, member.isp, role, session, process)
                post = post_presence(self._place, row, f"{self._writer}-{self._count}")
                await self._poster.keep(post, within_s=PATIENCE_S)
            log.warning("sessions.ended", message="their processes are not heard of any more", processes=len(gone))
        except (ApiError, DoubtError) as wrong:
            log.debug("sessions.not_ended", message=str(wrong))
        except OvertakenError:
            log.debug("sessions.ended_already")
        finally:
            self._ending = None


def _lease_of(share: IspShare) -> str:
    return "decide" if share.whole else f"decide-{share.number}-{share.of}"


async def run(config: Config) -> None:
    """Decides until a signal."""
    await running.run(config, DecideRole)
