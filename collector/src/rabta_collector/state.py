"""What the collector has decided, as frozen values: the only thing that metrics, API and page read.

Times are Unix seconds. A snapshot is made on the decision grid, shared by all readers, and never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rabta_collector.drops import Drops
from rabta_proto.vocabulary import IspKind, IspState, Mechanism, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A rule that measurements of the window matched, and how many of them."""

    rule: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartVerdict:
    """What is known of one part of a platform."""

    id: str
    name: str
    state: State
    mechanism: Mechanism | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one platform at one ISP.

    `agents` are distinct voters, `measurements` the sample of the window, `agreement` the share of conclusive votes for
    this state, `reached` the share of agents that reached it (`None`: none was conclusive).
    """

    platform: str
    isp: str
    state: State
    mechanism: Mechanism | None
    since: float
    updated: float
    confidence: float
    agents: int
    measurements: int
    agreement: float
    witness: tuple[Witness, ...] = ()
    note: str | None = None
    reached: float | None = None
    parts: tuple[PartVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IspStatus:
    """What is known of one ISP as a whole. `reporting`: agents with a measurement in the window.

    `since`: when the state last changed; `None`: it never has, because nobody was ever heard there.
    """

    isp: str
    name: str
    kind: IspKind
    state: IspState
    since: float | None
    agents_connected: int
    agents_expected: int
    agents_reporting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of state. `platform` is `None` when it is the ISP's own state that changed.

    `detected_after_seconds` counts from the start of the first measurement that showed the change to the decision.
    """

    id: int
    at: float
    platform: str | None
    isp: str
    from_state: str
    to_state: str
    mechanism: Mechanism | None
    detected_after_seconds: float | None
    revised: bool = False
    witness: tuple[Witness, ...] = ()


DURATION_BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper bounds of `rabta_step_duration_seconds`, the infinite one left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts per bucket of `DURATION_BUCKETS_S` plus one for what is longer (not cumulative), and the sum."""

    counts: tuple[int, ...]
    sum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """Counters since the journal began; keys are label values in the order of the metric's labels."""

    attempts: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # platform, isp, step
    failures: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)  # platform, isp, step, failure
    durations: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)  # isp, step
    last_measurement: Mapping[tuple[str, str], float] = field(default_factory=dict)  # platform, isp


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything decided up to one point of the decision grid."""

    at: float
    verdicts: tuple[Verdict, ...] = ()
    isps: tuple[IspStatus, ...] = ()
    controls_connected: int = 0
    controls_out_of_step: int = 0  # that are left out
    late_dropped: int = 0  # findings that came too late to vote, and for which history had no room
    tallies: Tallies = field(default_factory=Tallies)
    goodput: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """By platform and ISP: bytes a second under its names, and in what these are compared with."""


SYNC_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Upper bounds of `rabta_collector_journal_sync_duration_seconds`, the infinite one left out."""


@dataclass(slots=True, kw_only=True)
class IngestStats:
    """What the receiving side counts about itself; written by it alone, read by metrics."""

    results: dict[str, int] = field(default_factory=lambda: {"accepted": 0, "duplicate": 0, "rejected": 0})
    rejected: dict[str, int] = field(default_factory=dict)  # by reason
    doubted: dict[str, int] = field(default_factory=dict)  # by doubt
    beyond_memory: int = 0  # measurements taken that may be replays of others that are forgotten: see echoes.py
    copied: int = 0  # measurements of the journal that decide nothing: another agent's, see originals.py
    checkpoints: dict[str, int] = field(default_factory=lambda: {"written": 0, "failed": 0})
    drops: Drops = field(default_factory=Drops)  # of agents that have a session
    lag_s: float = 0.0  # age of the newest measurement when it was acknowledged
    sync_buckets: list[int] = field(default_factory=lambda: [0] * (len(SYNC_BUCKETS_S) + 1))  # not cumulative
    sync_sum_s: float = 0.0
    journal_bytes: int = 0
    inflight_bytes: int = 0
    sessions: int = 0
    questions: int = 0  # of the closed loop, open
    alarms_refused: int = 0  # by it, for want of room
    requests: dict[str, int] = field(default_factory=lambda: {"given": 0, "not_taken": 0})  # to measure at once
    events_said: int = 0  # on NATS
    events_unsaid: int = 0  # that are to be, and wait
    archive_sealed_to: float = 0.0  # the end of the newest sealed day; 0: nothing is sealed here
    archive_failures: int = 0
