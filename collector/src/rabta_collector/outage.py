"""What agents' silence says of an ISP as a whole. Pure.

An agent is gone `isp_silence_s` after its session ended; one that is connected is there, measuring or not (it may have
reached its bytes of the day; a session without heartbeats is ended by whoever keeps it). Agents belong to groups: one
for each ISP, one for the controls.

* `down`: everybody there is gone, at least `isp_min_agents` of them fell silent within `isp_together_s`, and somebody
  elsewhere has been reporting for `isp_silence_s`. Agents that left one by one in the evening are no outage.
* Two agents fall silent within three minutes by chance some times a year at an ISP that has few; three hardly ever. So
  `isp_min_agents` are three, but two do where other ISPs of that kind fell silent as a whole then, too: a shutdown.
* A crowd that falls silent as one is believed sooner than one agent, if that is all who were there. Where sessions
  break and lines do not (address translation forgets everybody), agents are back within `BACK_S`, each at a moment of
  its own: that of n none is after t comes about with a chance of (1 - t / BACK_S) ^ n, and down it is at `SLOW_BACK`.
  That takes three agents 86 s after their sessions ended, five 68, ten 38, twenty 13; agents of other ISPs of that
  kind of which nobody is there count with them. (`Patience.crowd_s`)
* Agents that go one after the other may go together by chance, most of all where many go: at midnight. While each
  leaves with the hazard that agents everywhere had just before (departures.py), all others of n follow the first
  within w seconds with a chance of (1 - exp(-hazard x w)) ^ (n - 1): down or degraded it is only below `CHANCE`. Where
  other ISPs of that kind fell silent then, with a chance of `NOTABLE` or less, it is multiplied by theirs.
* `degraded`: at least `isp_min_agents`, and twice as many as remain, fell silent together within the last hour.
* An agent that said that it goes (stopped, paused, in its hours of silence) is from then on none of the ISP's: a crowd
  of volunteers with the same quiet hours is no outage, on no night.
* Where it is known how many are there at that hour of the week (rhythm.py), what falls silent as it does every night is
  no outage: not `down` where fewer than `CERTAIN` were to be expected, and no more than half of those who fell silent;
  not `degraded` where half of those who were to be expected are there.
* `unknown`: nobody was there within `isp_memory_s`, or everybody everywhere is silent, which is our own fault.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import expm1, log, prod

from rabta_proto.vocabulary import IspState

RECENT_S = 3600.0  # in which agents that fell silent together make an ISP degraded
BACK_S, SLOW_BACK = 120.0, 0.001
"""Seconds within which an agent whose session broke is back, and how seldom a whole crowd may take longer by chance."""

UNNOTICED_S, NOTICED_S = 22.0, 40.0  # for which an agent was silent at least, and at most, when its session is ended
CROWD_LEAST_S = 10.0
CHANCE = 1e-5
"""Thirty ISPs see some hundred thousand falls of three agents or more in a year: one of them is wrongly believed."""

NOTABLE = 0.01
"""Falls of other ISPs that are likelier than this by themselves bear nothing out: somebody is always going to bed."""
PAIR = 2  # agents
CERTAIN = 3.0
"""With so many agents expected there is nobody once in twenty times by chance (Poisson: e^-3)."""
REPORTING_S = 900.0  # in which an agent that reports has measured something


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is silence; all in seconds."""

    silence_s: float = 90.0
    together_s: float = 180.0
    memory_s: float = 86_400.0
    min_agents: int = 3

    def crowd_s(self, together: int) -> float:
        """Silence after which so many agents are gone, all of them."""
        if together < 1:
            return self.silence_s
        back_s = -BACK_S * expm1(log(SLOW_BACK) / together)
        return min(self.silence_s, max(CROWD_LEAST_S, back_s - UNNOTICED_S))


@dataclass(slots=True, kw_only=True)
class Sign:
    """An agent's last sign of life. `measured`: when it last sent a measurement.

    `began`, `ended`: when its newest session began, and the newest of those that are over ended.
    """

    at: float
    connected: bool = False
    began: float = 0.0
    ended: float = 0.0
    measured: float | None = None


@dataclass(slots=True, kw_only=True)
class Group:
    """The agents of one ISP, or the controls."""

    patience: Patience
    signs: dict[str, Sign] = field(default_factory=dict)
    connected: int = 0

    def connect(self, agent: str, at: float) -> None:
        sign = self._sign(agent, at)
        if not sign.connected:
            self.connected += 1
            sign.connected, sign.began = True, at

    def disconnect(self, agent: str, at: float) -> None:
        """A session ended. Of one that had never begun this is no sign of life."""
        if agent in self.signs:
            sign = self._sign(agent, at)
            if sign.connected:
                self.connected -= 1
                sign.connected, sign.ended = False, at

    def was_away(self, agent: str, moment: float) -> bool:
        """Whether an agent that is back was between two sessions at a moment, or in one whose line was dead already."""
        sign = self.signs.get(agent)
        return sign is not None and sign.ended - NOTICED_S <= moment < sign.began

    def measured(self, agent: str, at: float) -> None:
        """Measurements came."""
        self._sign(agent, at).measured = at

    def _sign(self, agent: str, at: float) -> Sign:
        sign = self.signs.setdefault(agent, Sign(at=at))
        sign.at = at
        return sign

    def gone(self, sign: Sign, now: float) -> bool:
        """Whether an agent counts as gone."""
        return not sign.connected and sign.at + self.patience.silence_s <= now

    def forget(self, now: float) -> list[str]:
        """Leaves out who was last seen too long ago to be expected."""
        forgotten = [a for a, s in self.signs.items() if not s.connected and s.at + self.patience.memory_s <= now]
        for agent in forgotten:
            self.leave(agent)
        return forgotten

    def leave(self, agent: str) -> None:
        """An agent is no longer one of these."""
        sign = self.signs.pop(agent, None)
        self.connected -= sign is not None and sign.connected

    def reporting(self, now: float) -> int:
        """Agents that have measured lately."""
        return sum(s.measured is not None and s.measured + REPORTING_S > now for s in self.signs.values())

    def alive(self, now: float) -> bool:
        return any(not self.gone(sign, now) for sign in self.signs.values())

    def silent_since(self) -> float:
        """When the last of them fell silent."""
        return max((sign.at for sign in self.signs.values()), default=0.0)

    def moments(self) -> Iterable[float]:
        """When its state may change though nothing is heard; not when a crowd counts as gone (`crowd_gone_at`)."""
        for sign in self.signs.values():
            if not sign.connected:
                gone_at = sign.at + self.patience.silence_s
                yield from (gone_at, gone_at + RECENT_S, sign.at + self.patience.memory_s)


def unforeseen(moment: float) -> float | None:
    """Where it is not known how many agents are to be expected."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What is heard beyond an ISP.

    `since`: since when somebody has been reporting, `None`: nobody is. `connected_since`: since when somebody has had a
    session, without a gap. `alike`: of each other ISP of that kind of which nobody is there, when agents fell silent.
    `hazard`: departures of agents everywhere, per agent and second, just before the last ones here.
    """

    since: float | None
    connected_since: float | None
    alike: Sequence[Sequence[float]] = ()
    hazard: float = 0.0


def judge(
    group: Group, now: float, elsewhere: Elsewhere, expect: Callable[[float], float | None] = unforeseen
) -> IspState:
    """The state of an ISP. `expect`: how many agents are there at such a moment."""
    patience = group.patience
    gone = [sign.at for sign in group.signs.values() if group.gone(sign, now)]
    here = len(group.signs) - len(gone)
    if not group.signs:
        return IspState.UNKNOWN
    crowd_gone = (at := crowd_gone_at(group, elsewhere)) is not None and at <= now and _as_one(group, now, elsewhere)
    if here and not crowd_gone:
        recent = _together([at for at in gone if at + patience.silence_s + RECENT_S > now], patience)
        many = len(recent) >= max(patience.min_agents, 2 * here) and _chance(recent, (), elsewhere.hazard) <= CHANCE
        usual = (expected := expect(now)) is not None and 2 * here >= expected
        return IspState.DEGRADED if many and not usual else IspState.UP
    if elsewhere.since is None or elsewhere.since + patience.silence_s > now:
        return IspState.UNKNOWN
    fell = _together([sign.at for sign in group.signs.values()], patience)
    usual = (expected := expect(max(fell))) is not None and expected < min(CERTAIN, len(fell) / 2)
    beside = [
        [at for at in fall if crowd_gone or at + patience.silence_s <= now]
        for fall in _beside(fell, elsewhere, patience)
    ]
    pair = len(fell) >= PAIR and len(fell) + sum(map(len, beside)) > patience.min_agents
    enough = len(fell) >= patience.min_agents or pair
    chance = _chance(fell, beside, elsewhere.hazard) > CHANCE
    return IspState.DOWN if enough and not usual and not chance else IspState.UNKNOWN


def crowd_gone_at(group: Group, elsewhere: Elsewhere) -> float | None:
    """When all who were there count as gone together, if nobody comes back; `None`: somebody is there.

    Whoever falls silent beside them later may make it sooner, and never later.
    """
    if group.connected or not group.signs:
        return None
    fell = _together([sign.at for sign in group.signs.values()], group.patience)
    last, beside = max(fell), sorted(chain.from_iterable(_beside(fell, elsewhere, group.patience)))
    moments = [last, *(at for at in beside if at > last)]
    return min(at + group.patience.crowd_s(len(fell) + bisect_right(beside, at)) for at in moments)


def _as_one(group: Group, now: float, elsewhere: Elsewhere) -> bool:
    """Whether all who were there fell silent as one.

    Somebody elsewhere has to have stayed connected meanwhile: when the collector restarts, whole ISPs may come back
    later than others do. Those of them that are gone by now each for itself still count, or the crowd would melt while
    nobody came back.
    """
    silent = [sign.at for sign in group.signs.values()]
    here = [sign.at for sign in group.signs.values() if not group.gone(sign, now)]
    fell = _together(silent, group.patience)
    stayed = elsewhere.connected_since is not None and elsewhere.connected_since < max(silent)
    chance = _chance(fell, _beside(fell, elsewhere, group.patience), elsewhere.hazard) > CHANCE
    return len(fell) >= PAIR and stayed and min(here, default=max(silent)) >= min(fell) and not chance


def _together(silences: Sequence[float], patience: Patience) -> list[float]:
    """Those who fell silent at about the time when the last one did."""
    last = max(silences, default=0.0)
    return [at for at in silences if at >= last - patience.together_s]


def _beside(fell: Sequence[float], elsewhere: Elsewhere, patience: Patience) -> list[list[float]]:
    """Of each other ISP those who fell silent at about that time, too."""
    last = max(fell)
    return [[at for at in fall if abs(at - last) <= patience.together_s] for fall in elsewhere.alike]


def _chance(fell: Sequence[float], beside: Iterable[Sequence[float]], hazard: float) -> float:
    """How likely these fell silent as close together as they did, while agents leave with a hazard; and others, too."""
    others = (_by_chance(fall, hazard) for fall in beside)
    return _by_chance(fell, hazard) * prod(chance for chance in others if chance <= NOTABLE)


def _by_chance(fall: Sequence[float], hazard: float) -> float:
    """All but the first within so much time of it; one alone is no coincidence, and none shows nothing."""
    if len(fall) < PAIR:
        return 1.0
    return (-expm1(-hazard * (max(fall) - min(fall)))) ** (len(fall) - 1)
