"""Journal entries for the engine, as a country of agents would cause them.

    feed = Feed(agents={"ptcl": 3, "jazz": 3}, controls=2)
    entries = feed.connect(NOON) + feed.rounds(NOON, NOON + 60, {"ptcl": tls_trouble(RESET)})

Agents of an ISP measure in turns, `interval_s` apart; controls each measure every target at the interval. An entry
comes as soon as its measurement is over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rabta_collector.catalogue import Catalogue, Isp, Platform, Target
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.settings import Settings
from rabta_collector.state import Event, Verdict
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import IspKind, Role
from support.factories import URL, Story, works

INTERVAL_S = 20.0
CATALOGUE = Catalogue(
    platforms=(
        Platform(
            id="x",
            name="X",
            category="SOCIAL",
            targets=(Target(url=URL, platform="x", interval_s=INTERVAL_S, priority=1),),
        ),
    )
)
ISPS = (
    Isp(id="ptcl", name="PTCL", kind=IspKind.FIXED),
    Isp(id="nayatel", name="Nayatel", kind=IspKind.FIXED),
    Isp(id="jazz", name="Jazz", kind=IspKind.MOBILE),
)
ABROAD = "abroad"
SETTINGS = Settings()

Scene = Mapping[str, Story]
"""What the agents of an ISP (or `ABROAD`) see; where nothing is said, everything works."""


def measured(agent: str, isp: str, measurement: Measurement, *, delay_s: float = 0.0) -> Measured:
    """A measurement that arrives when it is over, or later."""
    over = measurement.started_at.timestamp() + measurement.duration_us / 1e6
    role = Role.CONTROL if isp == ABROAD else Role.PROBE
    return Measured(at=over + delay_s, agent=agent, isp=isp, role=role, measurements=(measurement,))


@dataclass(slots=True, kw_only=True)
class Feed:
    """Agents by ISP, and controls."""

    agents: Mapping[str, int] = field(default_factory=lambda: {"ptcl": 3, "nayatel": 3, "jazz": 3})
    controls: int = 2
    interval_s: float = INTERVAL_S

    @property
    def groups(self) -> dict[str, list[str]]:
        counts = {**self.agents, ABROAD: self.controls}
        return {isp: [f"{isp}-{n}" for n in range(count)] for isp, count in counts.items()}

    def presence(self, at: float, connected: bool, *, only: Sequence[str] | None = None) -> list[Entry]:
        """All agents, or those of some ISPs, come or go."""
        return [
            Presence(at=at, agent=agent, isp=isp, connected=connected, role=_role(isp))
            for isp, agents in self.groups.items()
            if only is None or isp in only
            for agent in agents
        ]

    def rounds(
        self, start: float, end: float, scene: Scene | None = None, *, silent: Sequence[str] = ()
    ) -> list[Entry]:
        """Everybody measures, from `start` until before `end`; the agents of `silent` ISPs do not."""
        return self.tell(start, end, lambda isp, agent: (scene or {}).get(isp, works()), silent=silent)

    def tell(
        self, start: float, end: float, told: Callable[[str, str], Story | None], *, silent: Sequence[str] = ()
    ) -> list[Entry]:
        """The same, each agent seeing its own."""
        entries: list[Entry] = []
        for isp, agents in self.groups.items():
            every = self.interval_s * (1 if isp == ABROAD else len(agents))
            for turn, agent in enumerate(agents if isp not in silent else ()):
                began = start + every * (turn + 0.5) / len(agents)
                while began < end:
                    if (story := told(isp, agent)) is not None:
                        entries.append(measured(agent, isp, story.measurement(at=began)))
                    began += every
        return sorted(entries, key=lambda entry: entry.at)


def _role(isp: str) -> Role:
    return Role.CONTROL if isp == ABROAD else Role.PROBE


def make_engine(catalogue: Catalogue = CATALOGUE, settings: Settings = SETTINGS) -> Engine:
    return Engine(catalogue, ISPS, settings)


def play(engine: Engine, entries: Sequence[Entry], until: float | None = None) -> list[Event]:
    """Feeds entries as the collector does, and lets time pass to the end."""
    events: list[Event] = []
    for entry in entries:
        events.extend(engine.advance(entry.at))
        engine.apply(entry)
    if until is not None:
        events.extend(engine.advance(until))
    return events


def verdict(engine: Engine, isp: str, platform: str = "x") -> Verdict:
    return next(v for v in engine.snapshot().verdicts if (v.isp, v.platform) == (isp, platform))


def isp_state(engine: Engine, isp: str) -> str:
    return next(status.state for status in engine.snapshot().isps if status.isp == isp)
