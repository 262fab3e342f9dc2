"""Where a record goes on from, at a start that reads a journal whose beginning is nowhere any more. Pure.

What was decided before that moment was decided from rows that are gone: it stands as it is written, and so do the
counts of what was measured. What is decided from there on is decided anew, as at a start that reads everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rabta_proto.vocabulary import Mechanism

WARM_S = 86_400.0
"""For so long what is decided on such a journal may be news to nobody else: what was seen before is not known."""

HALVES = 2
"""Of a second: events are numbered by these (chronicle.py), so that none may be parted."""

Place = tuple[str, str]
"""ISP and platform; that is empty where the ISP's own state is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """What was known of a place. `since` (Unix seconds): when its state last changed."""

    state: str
    mechanism: Mechanism | None
    since: float


Standing = Mapping[Place, Stood]


def goes_on_from(begins: float, known_to: float) -> float:
    """Up to when the record stands; 0: nowhere, all is decided anew. All in Unix seconds.

    `begins`: when the first row there is was written, 0 where none is missing before it. `known_to`: up to when the
    record knows what was decided, 0 where it knows nothing.
    """
    if not begins or not known_to:
        return 0.0
    return int(min(begins + WARM_S, max(begins, known_to)) * HALVES) / HALVES
