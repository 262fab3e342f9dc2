"""What agents' silence says of an ISP as a whole. Pure.

An agent is gone `isp_silence_s` after its session ended; one that is connected is there, measuring or not (it may have
reached its bytes of the day; a session without heartbeats is ended by whoever keeps it). Agents belong to groups: one
for each ISP, one for the controls.

* `down`: everybody there is gone, at least `isp_min_agents` of them fell silent within `isp_together_s`, and somebody
  elsewhere has been reporting for `isp_silence_s`. Agents that left one by one in the evening are no outage.
* Two agents fall silent within three minutes by chance some times a year at an ISP that has few; three hardly ever. So
  `isp_min_agents` are three, but two do where other ISPs of that kind fell silent as a whole then, too: a shutdown.
* A crowd that falls silent as one is believed sooner: ten agents in 10 s, five in 20 s, if that is all who were there.
  One agent may be slow to come back; that ten are, each with its own line, is what an outage is. (CROWDS)
* `degraded`: at least `isp_min_agents`, and twice as many as remain, fell silent together within the last hour.
* An agent that said that it goes (stopped, paused, in its hours of silence) is from then on none of the ISP's: a crowd
  of volunteers with the same quiet hours is no outage, on no night.
* Where it is known how many are there at that hour of the week (rhythm.py), what falls silent as it does every night is
  no outage: not `down` where fewer than `CERTAIN` were to be expected, and no more than half of those who fell silent;
  not `degraded` where half of those who were to be expected are there.
* `unknown`: nobody was there within `isp_memory_s`, or everybody everywhere is silent, which is our own fault.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rabta_proto.vocabulary import IspState

RECENT_S = 3600.0  # in which agents that fell silent together make an ISP degraded
CROWDS = ((10, 10.0), (5, 20.0))
"""So many agents that fell silent together, and the seconds after which they all count as gone; the most first."""
PAIR = 2
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
        return next((min(s, self.silence_s) for count, s in CROWDS if together >= count), self.silence_s)


@dataclass(slots=True, kw_only=True)
class Sign:
    """An agent's last sign of life. `measured`: when it last sent a measurement."""

    at: float
    connected: bool = False
    measured: float | None = None


@dataclass(slots=True, kw_only=True)
class Group:
    """The agents of one ISP, or the controls."""

    patience: Patience
    signs: dict[str, Sign] = field(default_factory=dict)
    connected: int = 0

    def connect(self, agent: str, at: float) -> None:
        sign = self._sign(agent, at)
        self.connected += not sign.connected
        sign.connected = True

    def disconnect(self, agent: str, at: float) -> None:
        """A session ended. Of one that had never begun this is no sign of life."""
        if agent in self.signs:
            sign = self._sign(agent, at)
            self.connected -= sign.connected
            sign.connected = False

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
        """When its state may change though nothing is heard."""
        for sign in self.signs.values():
            if not sign.connected:
                yield from (sign.at + self.patience.crowd_s(count) for count, _ in CROWDS)
                gone_at = sign.at + self.patience.silence_s
                yield from (gone_at, gone_at + RECENT_S, sign.at + self.patience.memory_s)


def unforeseen(moment: float) -> float | None:
    """Where it is not known how many agents are to be expected."""
    return None


def judge(
    group: Group,
    now: float,
    others_since: float | None,
    others_connected_since: float | None,
    expect: Callable[[float], float | None] = unforeseen,
    alike: Iterable[float] = (),
) -> IspState:
    """The state of an ISP.

    `others_since`: since when somebody elsewhere has been reporting, `None`: nobody is. `others_connected_since`: since
    when somebody elsewhere has had a session, without a gap. `expect`: how many agents are there at such a moment.
    `alike`: when agents fell silent at other ISPs of that kind, of which nobody is there.
    """
    patience = group.patience
    gone = [sign.at for sign in group.signs.values() if group.gone(sign, now)]
    here = len(group.signs) - len(gone)
    if not group.signs:
        return IspState.UNKNOWN
    if here and not _crowd_gone(group, now, others_connected_since):
        recent = [at for at in gone if at + patience.silence_s + RECENT_S > now]
        many = _together(recent, patience) >= max(patience.min_agents, 2 * here)
        usual = (expected := expect(now)) is not None and 2 * here >= expected
        return IspState.DEGRADED if many and not usual else IspState.UP
    if others_since is None or others_since + patience.silence_s > now:
        return IspState.UNKNOWN
    silent = [sign.at for sign in group.signs.values()]
    fell = _together(silent, patience)
    usual = (expected := expect(max(silent))) is not None and expected < min(CERTAIN, fell / 2)
    beside = sum(abs(at - max(silent)) <= patience.together_s for at in alike)
    enough = fell >= patience.min_agents or (fell >= PAIR and fell + beside > patience.min_agents)
    return IspState.DOWN if enough and not usual else IspState.UNKNOWN


def _crowd_gone(group: Group, now: float, others_connected_since: float | None) -> bool:
    """Whether all who were there fell silent as one, so many that they are gone sooner than each of them would be.

    Somebody elsewhere has to have stayed connected meanwhile: when the collector restarts, whole ISPs may come back
    later than others do. Those of them that are gone by now each for itself still count, or the crowd would melt while
    nobody came back.
    """
    if group.connected or others_connected_since is None:
        return False
    silent = [sign.at for sign in group.signs.values()]
    here = [sign.at for sign in group.signs.values() if not group.gone(sign, now)]
    last = max(silent)
    as_one = min(here) >= last - group.patience.together_s and others_connected_since < last
    return as_one and last + group.patience.crowd_s(_together(silent, group.patience)) <= now


def _together(silences: list[float], patience: Patience) -> int:
    """How many fell silent at about the time when the last one did."""
    last = max(silences, default=0.0)
    return sum(since >= last - patience.together_s for since in silences)
