"""How many of an ISP's agents are there at each hour of the week, as learnt from weeks gone by. Pure, bounded.

Laptops are closed at midnight and offices at six: then many fall silent together, and that is no outage. So for every
ISP the share of its agents that was connected is averaged over each hour, and each hour of the day remembers it, as
does each hour of the week. What is remembered follows slowly: a day's value moves an hour of the day by a quarter, a
week's an hour of the week by a third, so that one day of an outage is forgotten within days, and moves nothing much
meanwhile. Expected is what the hour of the week says once it was seen `WEEKS` times, the hour of the day once it was
seen on `DAYS` days, and before that nobody knows.

Shares, and not numbers, so that an ISP that gains agents is expected to have more of them at once. Hours are UTC's;
Pakistan's clocks are never changed, so that every hour of the week stays at its place.
An hour in which nobody anywhere was connected for its whole length is the collector's own (a stop, a cable), and
teaches nothing; nor does one in which the ISP was down.
"""

from dataclasses import dataclass, field

HOUR_S = 3600.0
DAY_HOURS, WEEK_HOURS = 24, 168
DAYS, WEEKS = 3, 3
BY_DAY, BY_WEEK = 0.25, 1 / 3
ENOUGH_S = 1800.0  # of an hour that has to be known


@dataclass(slots=True, kw_only=True)
class Habit:
    """What one hour remembers: a share, and how often it was seen (as far as that matters)."""

    share: float = 0.0
    seen: int = 0

    def learn(self, share: float, pace: float) -> None:
        self.seen += 1
        self.share += max(pace, 1 / self.seen) * (share - self.share)


@dataclass(slots=True, kw_only=True)
class Rhythm:
    """One ISP's: at most 192 habits, of two numbers each."""

    _hour: int = 0  # since 1970, that is being lived
    _known_s: float = 0.0
    _there_s: float = 0.0  # agent-seconds as a share of all agents
    _habits: dict[tuple[str, int], Habit] = field(default_factory=dict)

    def live(self, since: float, until: float, share: float) -> None:
        """From one moment to a later one a share of the ISP's agents was connected. Unix seconds."""
        while since < until:
            hour = int(since // HOUR_S)
            if hour != self._hour:
                self._close(hour)
            ends = min(until, (hour + 1) * HOUR_S)
            self._known_s += ends - since
            self._there_s += share * (ends - since)
            since = ends

    def expect(self, now: float) -> float | None:
        """The share of its agents that is there at this hour or at the next, whichever is less; `None`: not known."""
        hour = int(now // HOUR_S)
        both = [share for share in (self._habit(hour), self._habit(hour + 1)) if share is not None]
        return min(both) if len(both) == 2 else None

    def _habit(self, hour: int) -> float | None:
        week, day = self._habits.get(_of_week(hour)), self._habits.get(_of_day(hour))
        if week is not None and week.seen >= WEEKS:
            return week.share
        return day.share if day is not None and day.seen >= DAYS else None

    def _close(self, hour: int) -> None:
        """An hour is over: it is learnt, if enough of it is known."""
        if self._known_s >= ENOUGH_S:
            share = self._there_s / self._known_s
            self._habits.setdefault(_of_day(self._hour), Habit()).learn(share, BY_DAY)
            self._habits.setdefault(_of_week(self._hour), Habit()).learn(share, BY_WEEK)
        self._hour, self._known_s, self._there_s = hour, 0.0, 0.0


def _of_day(hour: int) -> tuple[str, int]:
    return "day", hour % DAY_HOURS


def _of_week(hour: int) -> tuple[str, int]:
    return "week", hour % WEEK_HOURS
