"""Whom to ask for timed reads, and when: the closed loop of throttling. Pure.

A suspicion (timing.py), a verdict elsewhere, glances that a verdict is over (glances.py), or hours of a verdict that
stands open an inquiry: three agents of the ISP are asked to read against the clock, and the controls with them; as long
as answers are at odds with what is held, others too, those first whose votes that stands on, for a new vote takes the
place of the old. It is closed when the verdict has changed, when two say that nothing has, or four minutes after the
last answer. Reads cost up to a megabyte, so an agent is asked for few of them in an hour and in a day, of which
`SPARED` are kept for the end of a verdict. A place at which a suspicion came to nothing is left alone for a while,
which doubles; that a verdict was borne out is no such thing, nor that answers at odds did not suffice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from zlib import crc32

from rabta_collector.allowance import Allowance
from rabta_collector.asking import ROUND, Newest, Order, Requests, View
from rabta_collector.question import Key
from rabta_proto.vocabulary import Judgement, State

AGENT_HOUR, AGENT_DAY, SPARED = 3, 6, 2
FIRST, MOST = 3, 9
CONTROLS = 2
AGREED = 2
ANSWER_S = 90.0
AGAIN_S = 90.0
PATIENCE_S = 240.0
QUIET_S, QUIET_MOST_S = 600.0, 14_400.0
RECHECK_S = 4 * 3600.0  # within the six hours for which a vote stands
INQUIRIES = 200


@dataclass(slots=True, kw_only=True)
class _Inquiry:
    key: Key
    opened: float
    held: bool  # to be throttled
    over: bool = False  # as glances have it
    asked: dict[str, float] = field(default_factory=dict)
    controls_asked: bool = False


@dataclass(slots=True, kw_only=True)
class _Quiet:
    until: float = 0.0
    pause_s: float = QUIET_S


@dataclass(slots=True, kw_only=True)
class Inquiries:
    """Times are Unix seconds. `lab`: agents pay nothing, so nothing is spared."""

    lab: bool = False
    requests: Requests = field(default_factory=Requests)
    open: dict[Key, _Inquiry] = field(default_factory=dict)
    _quiet: dict[Key, _Quiet] = field(default_factory=dict)
    _spare: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self._spare = Allowance(hour=AGENT_HOUR, day=AGENT_DAY, lab=self.lab)

    def suspect(self, keys: Iterable[Key], view: View, now: float, *, over: bool = False) -> None:
        """Opens an inquiry for each, unless there is one or the last was for nothing too lately.

        `over`: glances have it that what was throttled is not any more.
        """
        for key in keys:
            quiet = self._quiet.get(key)
            if key not in self.open and len(self.open) < INQUIRIES and (quiet is None or now >= quiet.until):
                self.open[key] = _Inquiry(key=key, opened=now, held=view.state(key) is State.THROTTLED, over=over)

    def next(self, now: float, view: View) -> list[Order]:
        """The orders to give now; closes what is answered. `view` tells of timed reads alone."""
        orders: list[Order] = []
        for key, inquiry in list(self.open.items()):
            changed = (view.state(key) is State.THROTTLED) is not inquiry.held
            if changed or self._is_answered(inquiry, view) or now >= _last_heard(inquiry, view) + PATIENCE_S:
                self._close(inquiry, again=changed or inquiry.held or _at_odds(inquiry, view) >= AGREED, now=now)
            else:
                orders += self._ask(inquiry, view, now)
        return orders

    def _is_answered(self, inquiry: _Inquiry, view: View) -> bool:
        return not _at_odds(inquiry, view) and len(_answers(inquiry, view)) >= AGREED

    def _close(self, inquiry: _Inquiry, *, again: bool, now: float) -> None:
        """`again`: another may follow soon."""
        del self.open[inquiry.key]
        quiet = self._quiet.setdefault(inquiry.key, _Quiet())
        if again:
            self._quiet[inquiry.key] = _Quiet(until=now if self.lab else now + AGAIN_S)
            return
        quiet.until = now + (5.0 if self.lab else quiet.pause_s)
        quiet.pause_s = min(QUIET_MOST_S, 2 * quiet.pause_s)

    def _ask(self, inquiry: _Inquiry, view: View, now: float) -> list[Order]:
        """Nobody while an answer is awaited: reads at the same time would slow one another."""
        newest = view.newest(inquiry.key)
        heard = {agent for agent, (started, _) in newest.items() if started >= inquiry.opened}
        if any(agent not in heard and now < at + ANSWER_S for agent, at in inquiry.asked.items()):
            return []
        crew = view.crew(*inquiry.key[:2])
        few = len(crew) < FIRST  # then a verdict takes a second measurement of one of them
        new = [a for a in crew if few or (a not in heard and a not in inquiry.asked)]
        spared = SPARED if inquiry.held and not inquiry.over else 0
        rested = [a for a in new if self._has_rested(a, inquiry, newest, now)]
        free = [a for a in rested if self._spare.allows(a, now, spared=spared)]
        answers, at_odds = _answers(inquiry, view), _at_odds(inquiry, view)
        salt, stood = inquiry.opened, _voters(inquiry, newest) if inquiry.over or at_odds else set()
        free.sort(key=lambda a: (a not in stood, self._spare.used(a), crc32(f"{salt}{a}".encode())))
        mute = sum(agent not in answers for agent in inquiry.asked)
        chosen = free[: FIRST if few else max(0, min(MOST, FIRST + at_odds + mute) - len(inquiry.asked))]
        for agent in chosen:
            inquiry.asked[agent] = now
            self._spare.note(agent, now)
        controls = list(view.crew("", inquiry.key[1]))[:CONTROLS] if chosen and not inquiry.controls_asked else []
        inquiry.controls_asked |= bool(controls)
        return [self._order(inquiry.key, agent, now) for agent in (*chosen, *controls)]

    def _has_rested(self, agent: str, inquiry: _Inquiry, newest: Newest, now: float) -> bool:
        """Whether its last reads are far enough back: some censors keep up for a while what they began."""
        last = max(newest[agent][0] if agent in newest else -1e18, inquiry.asked.get(agent, -1e18))
        return now >= last + (0.0 if self.lab else AGAIN_S)

    def _order(self, key: Key, agent: str, now: float) -> Order:
        return Order(request=self.requests.next(now), agent=agent, platform=key[1], url=key[2], reads=ROUND)


def _voters(inquiry: _Inquiry, newest: Newest) -> set[str]:
    """Those whose votes bear out what is held."""
    bears_out = Judgement.THROTTLED if inquiry.held else Judgement.OK
    return {agent for agent, (_, judgement) in newest.items() if judgement is bears_out}


def _answers(inquiry: _Inquiry, view: View) -> dict[str, Judgement]:
    """What was read since the inquiry began and says something, by agent."""
    since = {agent: judgement for agent, (at, judgement) in view.newest(inquiry.key).items() if at >= inquiry.opened}
    return {agent: one for agent, one in since.items() if one in (Judgement.OK, Judgement.THROTTLED)}


def _at_odds(inquiry: _Inquiry, view: View) -> int:
    """How many of them are at odds with what is held."""
    return sum((one is Judgement.THROTTLED) is not inquiry.held for one in _answers(inquiry, view).values())


def _last_heard(inquiry: _Inquiry, view: View) -> float:
    """When the newest of them began, or the inquiry."""
    newest = view.newest(inquiry.key)
    return max((newest[agent][0] for agent in _answers(inquiry, view)), default=inquiry.opened)
