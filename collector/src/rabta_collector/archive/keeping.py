"""How long what is kept is kept: numbers of the configuration's `[archive]`, and what others need yet. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

GIB = 1024**3
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Sealed rows stay in the journal for `journal_days`, and of more than `journal_bytes` the oldest go before that.

    `minutes_days`: for how long there are counts for each minute; those for hours and days are kept for ever.
    """

    journal_days: int = 90
    journal_bytes: int = 50 * GIB
    minutes_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the journal holds: its first row, bytes, and the first row that is younger than `journal_days`."""

    first: int
    bytes: int
    young: int


def rows_to_drop(held: Held, keeping: Keeping, *, sealed: int, checkpoint: int) -> int:
    """The last row that may go, or 0. Only such go as are sealed and are in the last checkpoint: no start needs them.

    By bytes a twentieth of what is old enough goes at a time, for how much a row takes is not known.
    """
    most = min(sealed, checkpoint - 1)
    by_age = min(held.young - 1, most)
    if held.bytes > keeping.journal_bytes and most >= held.first:
        share = max(1, (most - held.first + 1) // 20)
        by_age = max(by_age, held.first + share - 1)
    return by_age if by_age >= held.first else 0


DECIDES, SEALS = "decide", "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one process of several says of itself: the last row of the journal that it has no need of any more.

    `part`: `DECIDES` or `SEALS`. `share`: which one of how many shares of the ISPs it decides on. `event`: the last
    message of the stream of events that it has sealed.
    """

    part: str
    share: tuple[int, int] = (1, 1)
    row: int
    event: int = 0


def needed_by_nobody(needs: Iterable[Need]) -> tuple[int, str]:
    """The last row that all have sealed, or have in a checkpoint; 0, and why, where one is missing that has to say so.

    Of some number of shares each has to be there.
    """
    known = tuple(needs)
    if not any(one.part == SEALS for one in known):
        return 0, "no archive"
    deciding = {one.share for one in known if one.part == DECIDES}
    counts = sorted({count for _, count in deciding})
    if not any({(number, count) for number in range(1, count + 1)} <= deciding for count in counts):
        missing = [f"{n}/{count}" for count in counts for n in range(1, count + 1) if (n, count) not in deciding]
        return 0, f"no decide of share {', '.join(missing)}" if missing else "no decide"
    return min(one.row for one in known), ""
