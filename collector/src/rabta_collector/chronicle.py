"""The events so far: numbered in order, kept up to a bound, and told once to whoever asks for news. Pure.

An event's number is that of its half second since 1970, times a million, and its place within. So numbers grow with
time, whoever decides comes to the same ones, from the whole journal or from a part of it, and where several share the
ISPs no two give out the same: the n-th of m shares has the places n, n + m, n + 2m and so on. They stay below 2^53, up
to which JSON's readers are exact (RFC 8259, section 6), until 2112.
"""

from collections import deque

from rabta_collector.cells import Change
from rabta_collector.dossier import Dossier
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.nation import Turn
from rabta_collector.state import Event

DOSSIERS = 4000
"""Of events that nobody has taken theirs of; more change at one moment only where the whole country does."""

ROOM = 1_000_000
"""Numbers of a half second."""


class Chronicle:
    """Writes events down; the oldest beyond `limit` are forgotten, their numbers never used again."""

    def __init__(self, limit: int, share: IspShare = WHOLE) -> None:
        self._share = share
        self._events: deque[Event] = deque(maxlen=limit)
        self._untold: list[Event] = []
        self._dossiers: dict[int, Dossier] = {}
        self._last = 0
        self._begins = 0.0
        self._forgot = False

    def write_change(self, change: Change, at: float, dossier: Dossier | None = None) -> None:
        """A verdict changed; `dossier` is what it rests on now."""
        before, after = change.before, change.after
        self._write(
            Event(
                id=self._number(at),
                at=at,
                platform=after.platform,
                isp=after.isp,
                from_state=before.state,
                to_state=after.state,
                mechanism=after.mechanism,
                detected_after_seconds=change.detected_after_s,
                witness=after.witness,
            )
        )

        if dossier is not None and at >= self._begins:
            self._dossiers[self._last] = dossier
            if len(self._dossiers) > DOSSIERS:
                del self._dossiers[next(iter(self._dossiers))]

    @property
    def begins(self) -> float:
        """Before this moment nothing is written down here: others know what was decided."""
        return self._begins

    def begin_at(self, moment: float) -> None:
        """To be said before anything is written."""
        self._begins, self._forgot = moment, moment > 0.0

    @property
    def first(self) -> int:
        """All events from this number on are kept here, and older ones elsewhere; 0: there are none elsewhere."""
        if not self._forgot:
            return 0
        return self._events[0].id if self._events else _first_of(self._begins)

    def take_dossier(self, event: int) -> Dossier | None:
        """What an event rests on, given out once; `None` where nothing is kept of it."""
        return self._dossiers.pop(event, None)

    def write_turn(self, turn: Turn, at: float) -> None:
        """An ISP's own state changed."""
        self._write(
            Event(
                id=self._number(at),
                at=at,
                platform=None,
                isp=turn.isp,
                from_state=turn.before,
                to_state=turn.after,
                mechanism=None,
                detected_after_seconds=turn.detected_after_s,
            )
        )

    def _number(self, at: float) -> int:
        return max(_first_of(at) + self._share.number, self._last + self._share.of)

    def _write(self, event: Event) -> None:
        self._last = event.id
        if event.at < self._begins:
            return
        self._forgot = self._forgot or len(self._events) == self._events.maxlen
        self._events.append(event)
        self._untold.append(event)

    def tell(self) -> tuple[Event, ...]:
        """What was written since this was last asked for."""
        told = tuple(self._untold)
        self._untold.clear()
        return told

    def find(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        """Events of a half-open span of time, oldest first."""
        return tuple(
            event
            for event in self._events
            if (since is None or event.at >= since)
            and (until is None or event.at < until)
            and (platform is None or event.platform == platform)
            and (isp is None or event.isp == isp)
        )


def _first_of(at: float) -> int:
    """Below all numbers of a moment's half second, and above those of the one before."""
    return int(at * 2) * ROOM
