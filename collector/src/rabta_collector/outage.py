"""What agents' silence says of an ISP as a whole. Pure.

An agent is gone `isp_silence_s` after its session ended, or when a connected one has sent nothing for three times the
longest pause that it lately made. Agents belong to groups: one for each ISP, one for the controls.

* `down`: everybody there is gone, at least `isp_min_agents` of them fell silent within `isp_together_s`, and somebody
  elsewhere has been reporting for `isp_silence_s`. Agents that left one by one in the evening are no outage.
* `degraded`: at least `isp_min_agents`, and twice as many as remain, fell silent together within the last hour.
* `unknown`: nobody was there within `isp_memory_s`, or everybody everywhere is silent, which is our own fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rabta_proto.vocabulary import IspState

PAUSES = 3.0  # a connected agent's longest pause, times this, is silence
FADING = 0.9  # of a long pause's weight at each shorter one after it
RECENT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is silence; all in seconds."""

    silence_s: float = 90.0
    together_s: float = 180.0
    pause_s: float = 300.0  # of a connected agent that has sent too little to tell its own
    memory_s: float = 86_400.0
    min_agents: int = 2


@dataclass(slots=True, kw_only=True)
class Sign:
    """An agent's last sign of life; `left`: when it ended its session, `None` while connected."""

    at: float
    connected: bool
    left: float | None = None
    measured: float | None = None
    heard: float | None = None  # the same, within this session
    pause: float | None = None

    def gone_at(self, patience: Patience) -> float:
        """When it counts as gone, unless it gives another sign."""
        if self.left is not None:
            return self.left + patience.silence_s
        pause = patience.pause_s if self.pause is None else self.pause
        return self.at + max(patience.silence_s, PAUSES * pause)

    def silent_since(self, patience: Patience) -> float:
        return self.gone_at(patience) - patience.silence_s


@dataclass(slots=True, kw_only=True)
class Group:
    """The agents of one ISP, or the controls."""

    patience: Patience
    signs: dict[str, Sign] = field(default_factory=dict)
    connected: int = 0

    def connect(self, agent: str, at: float) -> None:
        sign = self.signs.setdefault(agent, Sign(at=at, connected=False))
        self.connected += not sign.connected
        sign.at, sign.connected, sign.left, sign.heard = at, True, None, None

    def disconnect(self, agent: str, at: float) -> None:
        """A session ended. Of an agent that had been gone already this is no sign of life."""
        sign = self.signs.get(agent)
        if sign is not None:
            sign.left = at if at < sign.gone_at(self.patience) else sign.silent_since(self.patience)
            self.connected -= sign.connected
            sign.connected = False

    def measured(self, agent: str, at: float) -> None:
        """Measurements came. Pauses are learned from how far apart they come."""
        sign = self.signs.setdefault(agent, Sign(at=at, connected=False))
        if sign.heard is not None:
            pause = at - sign.heard
            sign.pause = pause if sign.pause is None else max(pause, sign.pause * FADING)
        sign.at = sign.measured = sign.heard = at
        if sign.left is not None:
            sign.left = at

    def forget(self, now: float) -> list[str]:
        """Leaves out who was last seen too long ago to be expected."""
        forgotten = [a for a, sign in self.signs.items() if _last(sign) + self.patience.memory_s <= now]
        for agent in forgotten:
            self.leave(agent)
        return forgotten

    def leave(self, agent: str) -> None:
        """An agent is no longer one of these."""
        sign = self.signs.pop(agent, None)
        self.connected -= sign is not None and sign.connected

    def reporting(self, now: float) -> int:
        """Agents that have measured and are not gone."""
        return sum(s.measured is not None and s.gone_at(self.patience) > now for s in self.signs.values())

    def alive(self, now: float) -> bool:
        return any(sign.gone_at(self.patience) > now for sign in self.signs.values())

    def silent_since(self) -> float:
        """When the last of them fell silent, or will have."""
        return max((sign.silent_since(self.patience) for sign in self.signs.values()), default=0.0)

    def moments(self) -> Iterable[float]:
        """When its state may change though nothing is heard."""
        for sign in self.signs.values():
            gone_at = sign.gone_at(self.patience)
            yield from (gone_at, gone_at + RECENT_S, _last(sign) + self.patience.memory_s)


def _last(sign: Sign) -> float:
    return max(sign.at, sign.left or sign.at)


def judge(group: Group, now: float, others_since: float | None) -> IspState:
    """The state of an ISP. `others_since`: since when somebody elsewhere has been reporting, `None`: nobody is."""
    patience = group.patience
    gone = [s.silent_since(patience) for s in group.signs.values() if s.gone_at(patience) <= now]
    here = len(group.signs) - len(gone)
    if not group.signs:
        return IspState.UNKNOWN
    if here:
        recent = [since for since in gone if since + patience.silence_s + RECENT_S > now]
        many = _together(recent, patience) >= max(patience.min_agents, 2 * here)
        return IspState.DEGRADED if many else IspState.UP
    if others_since is None or others_since + patience.silence_s > now:
        return IspState.UNKNOWN
    return IspState.DOWN if _together(gone, patience) >= patience.min_agents else IspState.UNKNOWN


def _together(silences: list[float], patience: Patience) -> int:
    """How many fell silent at about the time when the last one did."""
    last = max(silences, default=0.0)
    return sum(since >= last - patience.together_s for since in silences)
