"""Processes that decide, as they say of themselves: who is heard of, whose share it has, whom to try first. Pure.

Times are of any clock that never falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin

KNOWN_S = 5.0
"""Who has not been heard of for so long is not asked any more."""

AVOIDED_S = 10.0
"""Who could not be reached is tried last for so long."""


@dataclass(slots=True)
class Neighbours:
    """By their names, or by where they take readers where they need none."""

    _heard: dict[str, tuple[Bulletin, float]] = field(default_factory=dict)
    _avoided: dict[str, float] = field(default_factory=dict)

    def hear(self, said: Bulletin, now: float) -> None:
        self._heard[_name(said)] = said, now
        self._heard = {name: heard for name, heard in self._heard.items() if now - heard[1] < KNOWN_S}

    def avoid(self, one: Bulletin, now: float) -> None:
        """It could not be reached."""
        self._avoided = {name: until for name, until in self._avoided.items() if now < until}
        self._avoided[_name(one)] = now + AVOIDED_S

    def all(self, now: float) -> list[Bulletin]:
        """Whom to ask, in that order."""
        found = [said for said, heard in self._heard.values() if now - heard < KNOWN_S]
        return sorted(found, key=lambda one: (now < self._avoided.get(_name(one), 0.0), one.page))

    def of(self, share: IspShare, now: float) -> list[Bulletin]:
        """Those that have a share."""
        return [one for one in self.all(now) if one.share == share]

    def decided_to(self, share: IspShare, now: float) -> float | None:
        """Up to when a share is decided, as far as it was said; `None`: nobody of it is heard of."""
        return max((one.at for one in self.of(share, now)), default=None)


def _name(one: Bulletin) -> str:
    """Two on different machines may say the same of where they are."""
    return one.process or one.page


def has(share: IspShare, isp: str, isps: Sequence[str]) -> bool:
    """Whether an ISP is one of a share's. What is told of one that is on no list any more is the first one's."""
    return isp in share.owned(isps) if isp in isps else share.number == 1


def owner_of(isp: str, isps: Sequence[str], of: int) -> IspShare:
    """Whose an ISP is, of so many shares."""
    shares = (IspShare(number, of) for number in range(1, of + 1))
    return next(share for share in shares if has(share, isp, isps))


def missing(shares: Sequence[IspShare], isps: Sequence[str]) -> str:
    """One line for readers: whom nobody speaks for."""
    words = "; ".join(f"share {share} ({', '.join(share.owned(isps))})" for share in shares)
    return f"nobody who decides on a part of the ISPs can be reached from here just now: {words}"
