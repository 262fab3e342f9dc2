"""How long what is kept on this machine is kept. Pure: numbers of the configuration's `[archive]`."""

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
