"""Times as pages show them: Pakistan's for all readers, to the minute. Pure.

Evidence that is quoted must not depend on where it was read. What is finer than a minute could be matched with what is
known of one machine.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from rabta_collector.rfc3339 import format_time, minute_of

PKT = timezone(timedelta(hours=5), "PKT")  # no summer time
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time: for machines, and for people in parts, because months have names in each language.

    `year` may be empty.
    """

    machine: str
    day: int
    month: str
    year: str
    clock: str

    @property
    def short(self) -> str:
        """As English says it."""
        return " ".join(filter(None, (str(self.day), self.month, self.year, self.clock)))


def make_moment(at: float, now: float) -> Moment:
    """`17 Feb 22:00`; of another year than `now`, `17 Feb 2023 22:00`."""
    return _moment(minute_of(at), with_year=_local(at).year != _local(now).year, clock="%H:%M")


def make_full_moment(at: float) -> Moment:
    """Always with its year: what is printed has to say of when it is."""
    return _moment(minute_of(at), with_year=True, clock="%H:%M")


def make_clock(at: float) -> Moment:
    """The collector's own clock, to the second: `17 Feb 2024 22:00:00`."""
    return _moment(at, with_year=True, clock="%H:%M:%S")


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(PKT)


def _moment(at: float, *, with_year: bool, clock: str) -> Moment:
    local = _local(at)
    return Moment(
        machine=format_time(at),
        day=local.day,
        month=MONTHS[local.month - 1],
        year=str(local.year) if with_year else "",
        clock=f"{local:{clock}}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long something took: the two largest units of it that are not zero, in words' parts: `3 h 20 min`."""

    days: int
    hours: int
    minutes: int


def make_length(seconds: float) -> Length:
    """Days and hours, or hours and minutes; never nothing: what was shorter than a minute is one."""
    minutes = max(1, round(seconds / MINUTE_S))
    days, rest = divmod(minutes, DAY_S // MINUTE_S)
    hours, minutes = divmod(rest, HOUR_S // MINUTE_S)
    return Length(days=days, hours=hours, minutes=0 if days else minutes)
