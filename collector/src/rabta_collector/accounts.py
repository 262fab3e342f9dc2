"""The registry as the event loop sees it: credentials in memory, the file behind a thread of its own.

Another process may revoke an agent at any time: `refresh` notices.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import ParamSpec, TypeVar

import structlog

from rabta_collector.admit import Reason, Refused, parse_bearer
from rabta_collector.registries import AnyRegistry
from rabta_collector.registry import FAILING, MAX_PENDING, Agent, InvitationError, Newcomer, digest, matches
from rabta_collector.rotation import is_due

P = ParamSpec("P")
T = TypeVar("T")
MEET_S = 0.5
log = structlog.get_logger()
NOBODY = digest("")  # compared against where an agent is not known, so that both answers take as long


class Accounts:
    """Who may speak to this collector."""

    def __init__(self, registry: AnyRegistry, *, shared: bool = False, clock: Callable[[], float] = time.time) -> None:
        """`shared`: other processes take agents on, too."""
        self._registry, self.shared, self._clock = registry, shared, clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="registry")
        self._agents = {agent.id: agent for agent in registry.agents()}
        self._mark = registry.change_mark()
        self._heard: dict[str, float] = {}
        self._came: dict[str, str] = {}
        self._met = float("-inf")
        self._meeting: asyncio.Task[bool] | None = None
        self._leaving: set[asyncio.Task[str]] = set()
        self._used: dict[str, bytes] = {}
        """Digests of new secrets that agents have used, and that the file does not tell of yet."""

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def verify(self, agent: str, secret: str) -> Agent:
        """The agent that a credential is of. Raises `Refused`."""
        known = self._agents.get(agent)
        used = [kept for kept in ((known.digest, *known.pending) if known else (NOBODY,)) if matches(secret, kept)]
        if not used or known is None:
            raise Refused(Reason.UNAUTHENTICATED, "the credential is not known here")
        if known.revoked_at is not None:
            raise Refused(Reason.REVOKED, "the credential was revoked")
        if used[0] != known.digest:
            self._used[agent] = used[0]
            known = self._agents[agent] = replace(known, digest=used[0], pending=(), secret_at=self._clock())
        return known

    async def meet(self, authorization: str) -> None:
        """Looks whether another process has made a credential that is not known here; once in `MEET_S` at the most.

        Raises `Refused` where that cannot be told: an agent that is told that nobody knows it gives up for ever.
        """
        if not self.shared:
            return
        try:
            agent, secret = parse_bearer(authorization)
        except Refused:
            return
        known = self._agents.get(agent)
        if known is not None and any(matches(secret, kept) for kept in (known.digest, *known.pending)):
            return
        if self._meeting is None or self._meeting.done():
            self._meeting = asyncio.get_running_loop().create_task(self._meet())
        if not await asyncio.shield(self._meeting):
            raise Refused(Reason.JOURNAL, "whether the credential is known cannot be told now")

    async def _meet(self) -> bool:
        """All who come until it begins share one look; whether it saw anything."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._met + MEET_S - loop.time()))
        self._met, self._meeting = loop.time(), None
        looked = False
        with _spared():
            await self.refresh()
            looked = True
        return looked

    def province_of(self, agent: str) -> str:
        """The province that the volunteer named; empty for none."""
        known = self._agents.get(agent)
        return known.province if known else ""

    async def next_secret(self, agent: str, after_s: float) -> str | None:
        """A new secret for an agent whose own is so old; on disk, as a hash, when this returns."""
        known = self._agents.get(agent)
        if known is None or agent in self._used or not is_due(known, now=self._clock(), after_s=after_s):
            return None
        self._agents[agent] = replace(known, offered_at=self._clock())
        try:
            secret = await self._call(self._registry.offer, agent, now=self._clock())
        except FAILING as wrong:  # it keeps its old one
            log.warning("registry.failing", problem=str(wrong))
            return None
        known = self._agents[agent]
        self._agents[agent] = replace(known, pending=(*known.pending, digest(secret))[-MAX_PENDING:])
        return secret

    async def enrol(self, token: str, newcomer: Newcomer) -> tuple[Agent, str]:
        """A new agent and its secret, for an invitation. Raises `Refused`."""
        try:
            agent, secret = await self._call(self._registry.enrol, token, newcomer, now=self._clock())
        except InvitationError as wrong:
            raise Refused(Reason.INVITATION, str(wrong)) from None
        except FAILING as wrong:
            raise Refused(Reason.JOURNAL, f"who joins cannot be written down: {wrong}") from None
        self._agents[agent.id] = agent
        return agent, secret

    async def leave(self, agent: str, *, forget: bool) -> None:
        """Revokes a credential for ever, and takes away whatever tells whose an agent was, if that is wanted.

        All of it or nothing, and also where nobody waits for it any more: an agent that was revoked cannot ask for the
        rest. Raises `Refused` where it cannot be written down now.
        """
        leaving = asyncio.create_task(self._leave(agent, forget=forget))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        if problem := await asyncio.shield(leaving):
            raise Refused(Reason.JOURNAL, f"who leaves cannot be written down: {problem}")

    async def _leave(self, agent: str, *, forget: bool) -> str:
        """What was in the way; empty: nothing."""
        try:
            await self._call(self._registry.forget if forget else self._registry.revoke, agent, now=self._clock())
            await self._load()
        except FAILING as wrong:
            return str(wrong)
        return ""

    async def saw(self, agent: str, version: str) -> None:
        """Notes that an agent was here, and with which secret, unless the disk takes nothing just now."""
        with _spared():
            if (used := self._used.get(agent)) is not None:
                await self._call(self._registry.promote, agent, used, now=self._clock())
                self._used.pop(agent, None)
            self._came[agent] = version
            await self._call(self._note_those_that_came)

    def _note_those_that_came(self) -> None:
        """On the registry's thread: all that wait for it, in one commit, for thousands may come back together."""
        came: list[tuple[str, str]] = []
        while self._came:
            came.append(self._came.popitem())
        if came:
            try:
                self._registry.saw(came, now=self._clock())
            except FAILING:
                for agent, version in came:  # with whoever comes next
                    self._came.setdefault(agent, version)
                raise

    def heard(self, agent: str) -> None:
        """Notes in memory that an agent gave a sign of life; `keep_heard` writes it down, with all others at once."""
        self._heard[agent] = self._clock()

    async def keep_heard(self) -> None:
        """A disk that takes nothing just now is no reason to stop: they wait for the next time."""
        moments, self._heard = self._heard, {}
        try:
            if moments:
                await self._call(self._registry.heard, moments)
        except FAILING as wrong:
            self._heard = moments | self._heard
            log.warning("registry.failing", problem=str(wrong))

    async def refresh(self) -> bool:
        """Takes over what another process has changed; whether it has."""
        mark = await self._call(self._registry.change_mark)
        if mark == self._mark:
            return False
        await self._load()
        self._mark = mark  # not before: who asks meanwhile, or after this failed, is to load as well
        return True

    async def catch_up(self) -> None:
        """The same, unless the registry cannot be read just now."""
        with _spared():
            await self.refresh()

    def joined_at(self, agent: str) -> float:
        """When an agent joined, Unix seconds; 0 where it is not known."""
        known = self._agents.get(agent)
        return 0.0 if known is None else known.enrolled_at

    def find(self, agent: str) -> Agent | None:
        """An agent that ever joined, by its pseudonym."""
        return self._agents.get(agent)

    def is_revoked(self, agent: str) -> bool:
        known = self._agents.get(agent)
        return known is None or known.revoked_at is not None

    async def keep_fact(self, key: str, value: str) -> None:
        """Notes a fact, unless the disk takes nothing just now."""
        with _spared():
            await self._call(self._registry.keep_fact, key, value)

    async def _load(self) -> None:
        agents = await self._call(self._registry.agents)
        self._agents = {agent.id: agent for agent in agents}
        for id_, used in self._used.items():  # what was used stays used
            self._agents[id_] = replace(self._agents[id_], digest=used, pending=(), secret_at=self._clock())

    async def close(self) -> None:
        await asyncio.gather(*self._leaving)
        await self.keep_heard()
        await self._call(self._registry.close)
        self._thread.shutdown()


@contextmanager
def _spared() -> Iterator[None]:
    """Around what the collector can do without: a disk that is full ends neither a session nor the collector."""
    try:
        yield
    except FAILING as wrong:
        log.warning("registry.failing", problem=str(wrong))
