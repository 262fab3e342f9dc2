"""Hands out plans: shares the work anew when agents come and go, and tells each agent whose part has changed.

Changes are gathered for a moment first, so that a hundred agents that return together get one plan each and not a
hundred. Versions are milliseconds since 1970, made to grow whatever the clock does.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rabta_collector.journal import Member
from rabta_collector.plan import LIFETIME_S, NO_BOUND, Frame, Issue, sign_plan
from rabta_collector.session import Session
from rabta_collector.share import Share, Terms, mirror, share
from rabta_collector.signing import Signer
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Role

REISSUE_S = LIFETIME_S / 4  # an agent that stays connected has a plan of at least three quarters of its life


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    shares: tuple[Share, ...]
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
        last_version: int,
        clock: Callable[[], float],
    ) -> None:
        self._frame, self._signer, self._terms, self._clock = frame, signer, terms, clock
        self.version = last_version
        """The newest version that was given out."""
        self._issued: dict[str, _Issued] = {}
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """To be called when an agent came or went."""
        self._changed.set()

    async def wait(self, pause_s: float) -> None:
        """Until it is time to share anew."""
        try:
            async with asyncio.timeout(REISSUE_S / 2):
                await self._changed.wait()
                await asyncio.sleep(pause_s)
        except TimeoutError:
            pass
        self._changed.clear()

    def first_plan(self, newcomer: Member, connected: Iterable[Member]) -> wire.SignedPlan:
        """The plan of an agent that has just joined, as if it were connected."""
        group = [member for member in connected if _group(member) == _group(newcomer)]
        shares = self._share([*group, newcomer])[newcomer.agent]
        return self._issue(newcomer, shares).plan

    def share_out(self, sessions: Mapping[str, Session]) -> int:
        """Offers a plan to each agent whose own has changed or grows old; how many were offered."""
        groups: dict[tuple[Role, str], list[Member]] = defaultdict(list)
        for session in sessions.values():
            groups[_group(session.member)].append(session.member)
        self._issued = {agent: issued for agent, issued in self._issued.items() if agent in sessions}
        offered = 0
        for members in groups.values():
            for agent, shares in self._share(members).items():
                offered += self._offer(sessions[agent], shares)
        return offered

    def _offer(self, session: Session, shares: tuple[Share, ...]) -> bool:
        issued = self._issued.get(session.member.agent)
        has_it = issued is not None and issued.shares == shares and issued.version == session.plan_version
        if has_it and issued is not None and self._clock() - issued.at < REISSUE_S:
            return False
        new = self._issue(session.member, shares)
        if session.offer_plan(new.plan, new.version):
            self._issued[session.member.agent] = _Issued(shares=shares, version=new.version, at=self._clock())
            return True
        self.changed()  # it takes nothing just now: again with the next change
        return False

    def _share(self, members: list[Member]) -> dict[str, tuple[Share, ...]]:
        split = mirror if members[0].role is Role.CONTROL else share
        return split(self._frame.catalogue.targets, [member.agent for member in members], self._terms)

    def _issue(self, member: Member, shares: tuple[Share, ...]) -> "_New":
        now = self._clock()
        self.version = max(self.version + 1, int(now * 1000))
        bound = None if member.role is Role.CONTROL else self._terms.bytes_per_day
        issue = Issue(
            agent=member.agent,
            version=self.version,
            now=now,
            bytes_per_day=NO_BOUND if bound is None else int(bound),
        )
        return _New(plan=sign_plan(self._frame, issue, shares, self._signer), version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    plan: wire.SignedPlan
    version: int


def _group(member: Member) -> tuple[Role, str]:
    return (member.role, member.isp)
