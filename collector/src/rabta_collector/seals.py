"""Where record and archive have what a page says, so that a printed page can be held against them. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The line of the record that an event is, and its SHA-256, which the line after it names (record/lines.py)."""

    record: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The newest day that is sealed, and the SHA-256 of its checkpoint, which vouches for all before it."""

    day: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seals:
    """`marks`: of events by their numbers in the API, once they are written down. `checkpoint`: if there is one."""

    marks: Mapping[int, Mark] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None


NO_SEALS = Seals()
