"""The state of every ISP, from what is heard of agents there and elsewhere. Pure; outage.py has the rules."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from rabta_collector.agenda import Agenda
from rabta_collector.catalogue import Isp
from rabta_collector.departures import Departures
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.outage import Elsewhere, Group, Patience, crowd_gone_at, judge
from rabta_collector.rhythm import Rhythm
from rabta_collector.state import IspStatus
from rabta_proto.vocabulary import IspState, Role

CONTROLS = ""
"""Key of the controls' group, which has no state of its own."""

_BY_GRAVITY = (IspState.UP, IspState.DEGRADED, IspState.DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An ISP's state changed."""

    isp: str
    before: IspState
    after: IspState
    detected_after_s: float | None


class Nation:
    """`health` says how well an ISP carries what its agents measure: up, degraded or down."""

    def __init__(
        self, isps: Sequence[Isp], patience: Patience, agenda: Agenda, health: Callable[[str], IspState]
    ) -> None:
        self._isps = isps
        self._patience = patience
        self._agenda = agenda
        self._health = health
        self._groups = {key: Group(patience=patience) for key in [CONTROLS, *(isp.id for isp in isps)]}
        self._rhythms = {key: Rhythm() for key in self._groups}
        self._lived: dict[str, float] = {}
        self._homes: dict[str, str] = {}
        self._alive_since: dict[str, float] = {}
        self._connected_since: dict[str, float] = {}
        self._departures = Departures(together_s=patience.together_s)
        self._hazards: dict[str, float] = {}
        self._kinds = {isp.id: isp.kind for isp in isps}
        self._states = {isp.id: IspState.UNKNOWN for isp in isps}
        self._since: dict[str, float | None] = {isp.id: None for isp in isps}

    def state(self, isp: str) -> IspState:
        return self._states[isp]

    def connected(self, isp: str) -> int:
        return self._groups[isp].connected

    def known(self, isp: str) -> int:
        """Agents that were heard there lately, connected or not."""
        return len(self._groups[isp].signs)

    def was_away(self, isp: str, agent: str, moment: float) -> bool:
        """Whether an agent that is back there had no session at a moment, or one whose line was dead."""
        return self._groups[isp].was_away(agent, moment)

    @property
    def controls_connected(self) -> int:
        return self._groups[CONTROLS].connected

    def hear(self, entry: Entry) -> None:
        """Takes in a sign of life, or of leaving."""
        key = CONTROLS if entry.role is Role.CONTROL else entry.isp
        group = self._groups.get(key)
        if group is None:
            return
        if isinstance(entry, Presence):
            self._live(key, entry.at)
        self._move(entry.agent, key)
        if isinstance(entry, Measured):
            group.measured(entry.agent, entry.at)
        elif entry.connected:
            group.connect(entry.agent, entry.at)
        elif entry.left:
            group.leave(entry.agent)
            del self._homes[entry.agent]
        else:
            self._break_off(key, entry.agent, entry.at)
        self._note_sessions(key, entry.at)
        if not isinstance(entry, Measured) or self._news(key, entry.agent):
            self._agenda.enter_after((key,), entry.at)

    def _break_off(self, key: str, agent: str, at: float) -> None:
        """An agent's session ended without a word; whoever is silent beside its ISP may be looked at sooner for it."""
        group = self._groups[key]
        before = group.connected
        group.disconnect(agent, at)
        if key == CONTROLS or group.connected == before:
            return
        connected = sum(one.connected for other, one in self._groups.items() if other != CONTROLS)
        self._departures.note(key, at)
        self._hazards[key] = self._departures.hazard(key, connected)
        if not group.connected:
            for other in self._alike(key):
                self._agenda.enter_after((other,), at)

    def look_at(self, isp: str, moment: float) -> None:
        """Something was decided that the state of an ISP may hang on."""
        self._agenda.enter_after((isp,), moment)

    def recall(self, isp: str, state: IspState, since: float, now: float) -> Turn | None:
        """What was known of an ISP by those who knew more, as of `now`; what has changed since, if that is known."""
        if (found := self._states[isp]) is state:
            self._since[isp] = since
        elif found is not IspState.UNKNOWN:
            self._since[isp] = now
            return Turn(isp=isp, before=state, after=found, detected_after_s=None)
        return None

    def settle(self, keys: Iterable[str], now: float) -> list[Turn]:
        """Decides what is due at a point of the grid; returns the changes."""
        due = set(keys)
        if self._roll_call(due, now):
            due = set(self._groups)
        for key in due:
            self._schedule(key, now)
        return [turn for isp in self._isps if isp.id in due and (turn := self._decide(isp.id, now))]

    def statuses(self, now: float) -> tuple[IspStatus, ...]:
        """All ISPs, in the order of the catalogue."""
        return tuple(
            IspStatus(
                isp=isp.id,
                name=isp.name,
                kind=isp.kind,
                state=self._states[isp.id],
                since=self._since[isp.id],
                agents_connected=self._groups[isp.id].connected,
                agents_expected=self._expected(isp.id, now),
                agents_reporting=self._groups[isp.id].reporting(now),
            )
            for isp in self._isps
        )

    def _live(self, key: str, now: float) -> None:
        """Learns from the time since the last coming or going; not where nobody was there to tell, or all was down."""
        group = self._groups[key]
        since, self._lived[key] = self._lived.get(key, now), now
        heard_since = min(self._connected_since.values(), default=now)
        if group.signs and self._states.get(key) is not IspState.DOWN:
            self._rhythms[key].live(max(since, heard_since), now, group.connected / len(group.signs))

    def _foresee(self, key: str, moment: float) -> float | None:
        """How many agents are there at such a moment; `None` where it is not known."""
        share = self._rhythms[key].expect(moment)
        return None if share is None else share * len(self._groups[key].signs)

    def _expected(self, key: str, now: float) -> int:
        """The same in whole agents; all that are known where no hour is."""
        foreseen = self._foresee(key, now)
        return len(self._groups[key].signs) if foreseen is None else round(foreseen)

    def _move(self, agent: str, key: str) -> None:
        """An agent is where it was last heard."""
        home = self._homes.get(agent)
        if home is not None and home != key:
            self._groups[home].leave(agent)
            self._note_sessions(home, 0.0)
            self._agenda.enter_after((home,), 0.0)
        self._homes[agent] = key

    def _note_sessions(self, key: str, at: float) -> None:
        """Since when a group has had a session without a gap."""
        if not self._groups[key].connected:
            self._connected_since.pop(key, None)
        else:
            self._connected_since.setdefault(key, at)

    def _news(self, key: str, agent: str) -> bool:
        """Whether a measurement can change more than when its agent counts as gone."""
        calm = key in self._alive_since and self._states.get(key, IspState.UP) is IspState.UP
        return not calm or not self._groups[key].signs[agent].connected

    def _roll_call(self, keys: set[str], now: float) -> bool:
        """Notes which groups are alive; says whether that changed."""
        changed = False
        for key in keys:
            group = self._groups[key]
            for agent in group.forget(now):
                del self._homes[agent]
            if group.alive(now) != (key in self._alive_since):
                changed = True
                if self._alive_since.pop(key, None) is None:
                    self._alive_since[key] = now
        return changed

    def _decide(self, isp: str, now: float) -> Turn | None:
        group, before = self._groups[isp], self._states[isp]
        after = judge(group, now, self._elsewhere(isp), partial(self._foresee, isp))
        if after in (IspState.UP, IspState.DEGRADED):
            after = max(after, self._health(isp), key=_BY_GRAVITY.index)
        if after is before:
            return None
        self._states[isp], self._since[isp] = after, now
        if after is IspState.DOWN and not group.connected:
            self._departures.explain(isp, group.silent_since() - self._patience.together_s)
        silent = now - group.silent_since() if after is IspState.DOWN and not group.connected else None
        return Turn(isp=isp, before=before, after=after, detected_after_s=silent)

    def _elsewhere(self, isp: str) -> Elsewhere:
        connected = (since for other, since in self._connected_since.items() if other != isp)
        return Elsewhere(
            since=self._others_since(isp),
            connected_since=min(connected, default=None),
            alike=[[sign.at for sign in self._groups[other].signs.values()] for other in self._alike(isp)],
            hazard=self._hazards.get(isp, 0.0),
        )

    def _alike(self, isp: str) -> list[str]:
        """Other ISPs of the same kind, of which nobody is there."""
        kind = self._kinds[isp]
        others = (other for other, its in self._kinds.items() if its is kind and other != isp)
        return [other for other in others if not self._groups[other].connected]

    def _others_since(self, key: str) -> float | None:
        """Since when somebody in another group has been reporting."""
        return min((since for other, since in self._alive_since.items() if other != key), default=None)

    def _schedule(self, key: str, now: float) -> None:
        """A group is looked at again when its state may change though nothing is heard."""
        others_since = self._others_since(key)
        group = self._groups[key]
        moments = [*group.moments()]
        if key != CONTROLS and not group.connected:
            moments += filter(None, [crowd_gone_at(group, self._elsewhere(key))])
        if others_since is not None:
            moments.append(others_since + self._patience.silence_s)
        if later := [moment for moment in moments if moment > now]:
            self._agenda.enter_at((key,), min(later))
