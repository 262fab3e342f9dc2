"""Hands out plans: shares the work anew when agents come and go, and tells each agent whose part has changed.

Changes are gathered for a moment first, so that a hundred agents that return together get one plan each and not a
hundred. What controls know of the targets' addresses goes into each plan, and has plans made anew only where they are
outdated (whereabouts.py), which is looked at every ten such moments (five minutes). Versions are milliseconds since
1970, made to grow whatever the clock does.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil
from types import MappingProxyType
from typing import Protocol

from rabta_collector.authority import standing
from rabta_collector.journal import Member
from rabta_collector.plan import LIFETIME_S, NO_BOUND, Frame, Issue, sign_plan
from rabta_collector.session import Session
from rabta_collector.share import Share, Split, Terms
from rabta_collector.signing import Signer
from rabta_collector.whereabouts import Directory, Whereabouts
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Role

PAUSES_PER_LOOK = 10  # the pause before sharing anew, times this, between two looks whether plans are outdated
MAX_LEFT_OUT = 64  # categories that an agent may name; the lists have about thirty
AHEAD_S = 60.0  # by which a plan's version may be ahead of our clock
REISSUE_S = LIFETIME_S / 4  # an agent that stays connected has a plan of at least three quarters of its life


NOBODY: Mapping[str, "Present"] = MappingProxyType({})


class Present(Protocol):
    """An agent that has a session, here or with another process."""

    @property
    def member(self) -> Member: ...

    @property
    def left_out(self) -> Set[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    """A plan that an agent has. `work`: what tells its shares from others, for to keep them takes 10 kB of each."""

    work: bytes
    directory: Directory | None
    version: int
    at: float


class Planner:
    """Knows what each connected agent was asked to measure."""

    def __init__(
        self,
        *,
        frame: Frame,
        signer: Signer,
        terms: Terms,
        whereabouts: Whereabouts,
        last_version: int,
        clock: Callable[[], float],
    ) -> None:
        self._frame, self._signer, self._terms, self._clock = frame, signer, terms, clock
        self._whereabouts = whereabouts
        self.version = last_version
        """The newest version that was given out."""
        self._issued: dict[str, _Issued] = {}
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """To be called when an agent came or went."""
        self._changed.set()

    async def wait(self, pause_s: float) -> None:
        """Until it is time to share anew: an agent came or went, or plans are outdated or may have grown old."""
        look_s = PAUSES_PER_LOOK * pause_s
        for _ in range(ceil(REISSUE_S / 2 / look_s)):
            try:
                async with asyncio.timeout(look_s):
                    await self._changed.wait()
            except TimeoutError:
                if not self._any_outdated():
                    continue
            else:
                await asyncio.sleep(pause_s)
            break
        self._changed.clear()

    def _any_outdated(self) -> bool:
        directories = {id(issued.directory): issued.directory for issued in self._issued.values()}
        return any(self._outdated(directory) for directory in directories.values())

    def _outdated(self, directory: Directory | None) -> bool:
        return directory is not None and self._whereabouts.outdated(directory, self._clock())

    def left_out(self, hello: link.Hello) -> frozenset[str]:
        """Platforms that an agent measures nothing of, as it says itself."""
        return self._frame.catalogue.platforms_in(hello.left_out[:MAX_LEFT_OUT])

    def first_plan(self, newcomer: Member, connected: Iterable[Present]) -> wire.SignedPlan:
        """The plan of an agent that has just joined, as if it were connected and left nothing out."""
        group = {one.member.agent: one.left_out for one in connected if _group(one.member) == _group(newcomer)}
        shares = self._split({**group, newcomer.agent: frozenset()}).part(newcomer)
        directory = self._whereabouts.directory(self._clock())
        return self._issue(newcomer, shares, _directory_for(newcomer, directory)).plan

    def offers(self, sessions: Mapping[str, Session], others: Mapping[str, Present] = NOBODY) -> Iterator[bool]:
        """Offers a plan to each agent whose own has changed, is outdated or grows old: to one at each step.

        Says whether it was offered one. Between steps agents may come and go, after which all is shared anew.

        `others`: agents whose sessions other processes hold; these give them their plans.
        """
        groups: dict[tuple[Role, str], dict[str, Set[str]]] = defaultdict(dict)
        for agent, present in sorted({**others, **sessions}.items()):
            groups[_group(present.member)][agent] = present.left_out
        self._issued = {agent: issued for agent, issued in self._issued.items() if agent in sessions}
        pass_ = _Pass(directory=self._whereabouts.directory(self._clock()), outdated=self._outdated)
        for group, agents in groups.items():
            split = self._split(agents)
            for agent, left_out in agents.items():
                now = sessions.get(agent)
                if now is not None and (_group(now.member), now.left_out) == (group, left_out):
                    yield self._offer(now, split.part(now.member), pass_)

    def _offer(self, session: Session, shares: tuple[Share, ...], pass_: "_Pass") -> bool:
        issued = self._issued.get(session.member.agent)
        work = _digest(shares)
        has_it = issued is not None and issued.work == work and issued.version == session.plan_version
        young = issued is not None and self._clock() - issued.at < REISSUE_S
        if issued is not None and has_it and young and not pass_.is_outdated(issued.directory):
            return False
        if session.plan_version < (self._clock() + AHEAD_S) * 1000:  # by another process's clock, perhaps
            self.version = max(self.version, session.plan_version)
        directory = _directory_for(session.member, pass_.directory)
        new = self._issue(session.member, shares, directory)
        if session.offer_plan(new.plan, new.version):
            self._issued[session.member.agent] = _Issued(
                work=work, directory=directory, version=new.version, at=self._clock()
            )
            return True
        self.changed()  # it takes nothing just now: again with the next change
        return False

    def _split(self, agents: Mapping[str, Set[str]]) -> "_Split":
        targets = standing(self._frame.catalogue.targets, self._clock() + LIFETIME_S)
        return _Split(targets, agents, self._terms)

    def _issue(self, member: Member, shares: tuple[Share, ...], directory: Directory | None) -> "_New":
        now = self._clock()
        self.version = max(self.version + 1, int(now * 1000))
        bound = None if member.role is Role.CONTROL else self._terms.bytes_per_day
        issue = Issue(
            agent=member.agent,
            version=self.version,
            now=now,
            bytes_per_day=NO_BOUND if bound is None else int(bound),
            directory=directory or {},
        )
        return _New(plan=sign_plan(self._frame, issue, shares, self._signer), version=self.version)


class _Split(Split):
    """The work of one group, be it an ISP's agents or the controls."""

    def part(self, member: Member) -> tuple[Share, ...]:
        """What one of them is to measure."""
        return self.mirrored(member.agent) if member.role is Role.CONTROL else self.of(member.agent)


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What all offers of one sharing-out have in common. Plans share few directories: each is looked at once."""

    directory: Directory
    outdated: Callable[[Directory | None], bool]
    _known: dict[int, bool] = field(default_factory=dict)

    def is_outdated(self, directory: Directory | None) -> bool:
        if id(directory) not in self._known:
            self._known[id(directory)] = self.outdated(directory)
        return self._known[id(directory)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    plan: wire.SignedPlan
    version: int


def _group(member: Member) -> tuple[Role, str]:
    return (member.role, member.isp)


def _directory_for(member: Member, directory: Directory) -> Directory | None:
    """None for a control: it is to find the addresses by itself."""
    return None if member.role is Role.CONTROL else directory


def _digest(shares: Iterable[Share]) -> bytes:
    """Equal for equal shares, of one catalogue."""
    words = [
        f"{one.target.platform} {one.target.url} {one.interval_s} {one.phase_s} {one.full_every} {one.transfer_every}"
        for one in shares
    ]
    return blake2b("\n".join(words).encode(), digest_size=16).digest()
