"""The networks, their agents and the controls. Pure.

The first seventeen ISPs are the collector's own list; thirteen small cable companies, of which the country has many,
make thirty. An agent is a machine of one kind in one city; kinds come in the shares of `KINDS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from rabta_collector.catalogue import Isp
from rabta_collector.isps import default_isps
from rabta_collector.verdict.hands import Origin
from rabta_proto.vocabulary import IspKind, Role
from sim.dice import Dice

CABLE_COMPANIES = 13
MANY_SHARE = 0.5  # of an ISP's agents joined by one invitation that went round; the others by FRIENDS' own
FRIENDS = 3
CONTROLS = 3  # abroad, each in another network
CITIES = {"karachi": 0.3, "lahore": 0.25, "islamabad": 0.15, "faisalabad": 0.15, "peshawar": 0.15}


class Kind(StrEnum):
    """What an agent's machine is, which says when it is there."""

    ALWAYS = "always"  # a small board or an old desktop that is never switched off, and goes with the power
    LAPTOP = "laptop"  # opened in the morning, closed about midnight
    PHONE = "phone"  # always on; its sessions break and come back


KINDS = {
    IspKind.FIXED: {Kind.ALWAYS: 0.4, Kind.LAPTOP: 0.4, Kind.PHONE: 0.2},
    IspKind.MOBILE: {Kind.ALWAYS: 0.05, Kind.LAPTOP: 0.1, Kind.PHONE: 0.85},
    IspKind.OTHER: {Kind.ALWAYS: 0.5, Kind.LAPTOP: 0.4, Kind.PHONE: 0.1},
}

FLEET_SIZES = (200, 100, 60, 40, 30, 20, 20, 20, 15, 12, 10, 10, 8, 7, 6, 5, 5, 5, 4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1)
"""Agents of the thirty ISPs where no size is given: a few have most of the volunteers."""

_Name = TypeVar("_Name", bound=str)
_BY_SIZE = ("jazz", "ptcl", "zong", "nayatel", "stormfiber", "telenor", "ufone", "transworld")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One volunteer's machine, or a control (`isp` is empty). `invite`: by which invitation it joined."""

    id: str
    isp: str
    kind: Kind
    city: str
    invite: str = ""

    @property
    def origin(self) -> Origin:
        """Everybody has been here for long; prefixes are the carriers', and say nothing."""
        return Origin(invite=self.invite, joined=0.0)

    @property
    def role(self) -> Role:
        return Role.PROBE if self.isp else Role.CONTROL


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """`agents` by ISP; the controls stand under the empty name."""

    isps: tuple[Isp, ...]
    agents: Mapping[str, tuple[Agent, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(isp.id for isp in self.isps)

    def kind_of(self, isp: str) -> IspKind:
        return next(one.kind for one in self.isps if one.id == isp)


def settle(dice: Dice, *, isps: int = 30, fleet: int | None = None) -> Land:
    """A country of so many ISPs; `fleet` agents at each, or a realistic mixture."""
    known = sorted(default_isps(), key=lambda isp: _rank(isp.id))
    small = [Isp(id=f"cable-{n:02}", name=f"Cable {n}", kind=IspKind.FIXED) for n in range(1, CABLE_COMPANIES + 1)]
    chosen = tuple([*known, *small][:isps])
    agents = {
        isp.id: tuple(_agent(dice, isp, n) for n in range(fleet if fleet is not None else FLEET_SIZES[rank]))
        for rank, isp in enumerate(chosen)
    }
    agents[""] = tuple(Agent(id=f"control-{n}", isp="", kind=Kind.ALWAYS, city="abroad") for n in range(CONTROLS))
    return Land(isps=chosen, agents=agents)


def _rank(isp: str) -> tuple[int, str]:
    return (_BY_SIZE.index(isp) if isp in _BY_SIZE else len(_BY_SIZE), isp)


def _agent(dice: Dice, isp: Isp, number: int) -> Agent:
    id_ = f"{isp.id}-{number:03}"
    kind = _choose(KINDS[isp.kind], dice.share("kind", id_))
    many = dice.share("invite", id_) < MANY_SHARE
    invite = isp.id if many else f"{isp.id}-{int(dice.share('friends', id_) * number / FRIENDS)}"
    return Agent(id=id_, isp=isp.id, kind=kind, city=_choose(CITIES, dice.share("city", id_)), invite=invite)


def _choose(shares: Mapping[_Name, float], drawn: float) -> _Name:
    for name, share in shares.items():
        drawn -= share
        if drawn < 0:
            return name
    return next(iter(shares))
