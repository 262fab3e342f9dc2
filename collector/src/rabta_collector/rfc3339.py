"""Times as readers write and read them: RFC 3339, UTC with Z on the way out, any offset on the way in. Pure.

What anybody may read gives times of measurements and changes by the minute: what is finer could be matched with what
an ISP knows of one subscriber's connections. Exact are the record, the archive and what operators ask for.
"""

import re
from datetime import UTC, datetime

# Python's own parser takes more than RFC 3339 has: weeks, dates without a time, times without an offset.
_SHAPE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
MINUTE_S = 60.0


def minute_of(at: float) -> float:
    """The beginning of the minute that a moment is in: cut, so that nothing is said to happen later than it did."""
    return at // MINUTE_S * MINUTE_S


def format_minute(at: float) -> str:
    """Unix seconds as `2024-02-17T17:00:00.000Z`, of the minute that they are in: how public answers tell times."""
    return format_time(minute_of(at))


def format_time(at: float) -> str:
    """Unix seconds as `2024-02-17T17:00:00.500Z`; milliseconds, cut and not rounded."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> float:
    """Unix seconds. Raises `ValueError` with one line that says what is expected."""
    # An unescaped "+" of a query arrives as a space.
    repaired = re.sub(r" (?=\d\d:\d\d$)", "+", text)
    if not _SHAPE.fullmatch(repaired):
        raise ValueError(f'"{text}" is no time; expected RFC 3339, such as 2024-02-17T17:00:00Z')
    try:
        return datetime.fromisoformat(repaired.upper()).timestamp()
    except ValueError:
        raise ValueError(f'"{text}" is no time of the calendar') from None
