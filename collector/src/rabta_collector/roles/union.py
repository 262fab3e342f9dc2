"""The whole country as readers see it at a process that decides on a share: its own part, and those of all others.

Of its own ISPs it knows by itself; what is of one other ISP is for a process that has it, to which the reader's
question is handed on (readers.py). All else is made of what all shares know. Where a share has nobody who answers,
readers are told so, and shown nothing that lacks its part.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.talk import Talk
from rabta_collector.newsroom import Newsroom
from rabta_collector.parts import Look, Wanted, merge, of_isps
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.roles.bulletin import Bulletin, read_bulletin, write_bulletin
from rabta_collector.roles.chorus import Chorus
from rabta_collector.roles.neighbours import Neighbours, has, owner_of
from rabta_collector.roles.questions import WORD, Answers, Questions, make_missing
from rabta_collector.state import Event, IngestStats, Snapshot
from rabta_collector.taking import Memory, take
from rabta_collector.testimony import Testimony
from rabta_collector.web import Views

COVERED_S = 5.0
"""Of time that was told before, each bulletin tells once more: one may be lost on its way."""

LATELY = 5000
log = structlog.get_logger()


class Own(Memory, Views, Protocol):
    """What a process decides on by itself: `share`."""

    @property
    def share(self) -> IspShare: ...

    def hear_elsewhere(self, events: Sequence[Event]) -> None:
        """What was decided of ISPs of other shares."""


class Union:
    """Of shares, one of which is `country`'s."""

    def __init__(self, country: Own, talk: Talk, process: str) -> None:
        """`process`: a word that no other one has."""
        self._country, self._talk, self._process, self._share = country, talk, process, country.share
        self._ids = [isp.id for isp in country.isps]
        self._platforms = [platform.id for platform in country.catalogue.platforms]
        self.neighbours = Neighbours()
        self._questions = Questions(talk, self.neighbours, self._ids)
        self._answers = Answers(country.ready, self._look, self._knows)
        self._others = self._share.others()
        self._chorus = Chorus(shares=(self._share, *self._others))
        self._news = Newsroom(LATELY)
        self._said_to = 0.0

    # What readers see

    @property
    def catalogue(self) -> Catalogue:
        return self._country.catalogue

    @property
    def isps(self) -> Sequence[Isp]:
        return self._country.isps

    @property
    def stats(self) -> IngestStats:
        return self._country.stats

    @property
    def testimony(self) -> Testimony:
        """Of our own ISPs."""
        return self._country.testimony

    @property
    def rules(self) -> bool:
        return self._country.rules

    @property
    def share(self) -> IspShare:
        return self._share

    def ready(self) -> bool:
        return self._country.ready()

    def why_not_ready(self) -> str:
        return self._country.why_not_ready()

    def snapshot(self) -> Snapshot:
        """Of our own ISPs. Its moment is that up to which all shares have decided that are heard of."""
        own, now = self._country.snapshot(), asyncio.get_running_loop().time()
        told = (self.neighbours.decided_to(share, now) for share in self._others)
        return replace(own, at=min([own.at, *(at for at in told if at is not None)]))

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        return self._country.find_counts(query)

    def mark(self) -> object:
        return self._country.mark(), self._chorus.told

    def has(self, isp: str) -> bool:
        """Whether an ISP is ours."""
        return has(self._share, isp, self._ids)

    def share_of(self, isp: str) -> IspShare:
        """Whose an ISP is."""
        return owner_of(isp, self._ids, self._share.of)

    async def gather(self, wanted: Wanted) -> Look:
        """What is wanted, of all shares that it is about. Raises `MissingShareError`, `BadParameterError`."""
        own = self._look(wanted)
        if wanted.query.isp is not None:
            return own
        others = await self._questions.parts(self._others, wanted)
        limit = wanted.query.limit
        return lambda: merge([own(), *others], isps=self._ids, platforms=self._platforms, limit=limit)

    def newsroom_of(self, isp: str | None) -> Newsroom:
        """Events of an ISP of ours as they happen; of all once all shares have said theirs."""
        if isp is not None:
            return self._country.newsroom_of(isp)
        if away := self._away():
            raise make_missing(away, self._ids)
        return self._news

    async def owner(self, event: int) -> IspShare | None:
        """Which other share has an event; `None`: ours, or none. Raises `MissingShareError`."""
        return None if await self._knows(event) else await self._questions.owner(self._others, event)

    def _look(self, wanted: Wanted) -> Look:
        own = take(self._country, wanted)
        return lambda: of_isps(own(), self.has)

    async def _knows(self, event: int) -> bool:
        found = await self._country.testimony.event(event)
        return found is not None and self.has(found.isp)

    # What processes tell one another

    async def open(self) -> None:
        """Answers others from now on."""
        await self._talk.take(WORD, self._process, answer=self._answers.answer)

    def tell(self, page: str) -> bytes:
        """What is to be said each second; `page`: where readers are taken, `http://HOST:PORT`."""
        at = self._country.snapshot().at
        since = min(self._said_to or at, at) - COVERED_S
        self._said_to = at
        events = self._country.find_events(since=since, until=None, platform=None, isp=None)
        said = Bulletin(page=page, share=self._share, process=self._process, at=at, since=since, events=events)
        self._hear(said)
        if self._away():
            self._news.end()
        return write_bulletin(said)

    def hear(self, text: bytes) -> None:
        """What another process says, or this one."""
        try:
            self._hear(read_bulletin(text))
        except (ValueError, KeyError, TypeError):
            log.debug("page.unreadable")  # of a newer or older program

    def _hear(self, said: Bulletin) -> None:
        now = asyncio.get_running_loop().time()
        self.neighbours.hear(said, now)
        events = self._chorus.hear(said, now)
        if events is None:
            self._news.end()
        else:
            self._news.tell(events)
            self._country.hear_elsewhere([event for event in events if not self.has(event.isp)])

    def _away(self) -> list[IspShare]:
        """Shares that nobody speaks for."""
        now = asyncio.get_running_loop().time()
        return [share for share in self._others if not self.neighbours.of(share, now)]
