"""A stretch of virtual time: what goes in, and what comes out. Plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from rabta_collector.catalogue import Catalogue
from rabta_collector.state import Event, Snapshot
from sim.land import Land
from sim.presence import Stay
from sim.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What is to be played. `restart_at`: the collector is killed then, and replays its journal.

    `calm_from`: from then on it ends as soon as every agent's newest finding is `ok`.
    """

    land: Land
    catalogue: Catalogue
    platforms: frozenset[str]
    scene: Scene
    stays: Mapping[str, Sequence[Stay]]
    start: float
    end: float
    restart_at: float | None = None
    calm_from: float = inf


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it. Bytes and orders are by agent, of the stretch itself."""

    events: list[Event] = field(default_factory=list)
    samples: list[Snapshot] = field(default_factory=list)
    bytes: Counter[str] = field(default_factory=Counter)
    asked_bytes: Counter[str] = field(default_factory=Counter)
    measurements: int = 0
    entries: int = 0
