"""Every Prometheus metric that the collector exposes, declared here and nowhere else. Pure.

Names, labels and meanings are public and only ever added to. Conventions: https://prometheus.io/docs/practices/naming/.
A label's values come from closed sets (the catalogue, the ISPs, the vocabulary): never an agent, an address or a URL.
`series.py` says which samples each metric has; tests hold the README's table and a golden file against this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rabta_collector.state import DURATION_BUCKETS_S, SYNC_BUCKETS_S


class Kind(StrEnum):
    """Types of the exposition format that are used here."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `buckets`: upper bounds of a histogram, the infinite one left out."""

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    help: str
    buckets: tuple[float, ...] = ()


CELL = ("platform", "isp")

VERDICT = Metric(
    name="rabta_verdict",
    kind=Kind.GAUGE,
    labels=(*CELL, "state"),
    help="Verdict for a platform at an ISP: 1 for the current state, 0 for the other five.",
)
VERDICT_MECHANISM = Metric(
    name="rabta_verdict_mechanism",
    kind=Kind.GAUGE,
    labels=(*CELL, "mechanism"),
    help="1 while a platform is blocked or throttled in this way at an ISP; absent otherwise.",
)
VERDICT_PART = Metric(
    name="rabta_verdict_part",
    kind=Kind.GAUGE,
    labels=(*CELL, "part", "state"),
    help="Verdict for a part of a platform (messages, media): 1 for the current state, 0 for the other five.",
)
VERDICT_CHANGED = Metric(
    name="rabta_verdict_changed_timestamp_seconds",
    kind=Kind.GAUGE,
    labels=CELL,
    help="When the verdict's state last changed, in Unix time.",
)
VERDICT_CONFIDENCE = Metric(
    name="rabta_verdict_confidence_ratio",
    kind=Kind.GAUGE,
    labels=CELL,
    help="Confidence in the verdict, from 0 to 1.",
)
REACHABLE_AGENTS = Metric(
    name="rabta_reachable_agents_ratio",
    kind=Kind.GAUGE,
    labels=CELL,
    help="Share of the agents with a conclusive vote that reached the platform; absent while there is none.",
)
MEASUREMENTS = Metric(
    name="rabta_measurements_total",
    kind=Kind.COUNTER,
    labels=(*CELL, "step"),
    help="Network operations that agents tried for a platform, by step.",
)
MEASUREMENT_FAILURES = Metric(
    name="rabta_measurement_failures_total",
    kind=Kind.COUNTER,
    labels=(*CELL, "step", "failure"),
    help="Network operations that failed, by step and failure; rare failures of a step are counted as other.",
)
STEP_DURATION = Metric(
    name="rabta_step_duration_seconds",
    kind=Kind.HISTOGRAM,
    labels=("isp", "step"),
    help="Time that network operations took, failed ones included.",
    buckets=DURATION_BUCKETS_S,
)
LAST_MEASUREMENT = Metric(
    name="rabta_last_measurement_timestamp_seconds",
    kind=Kind.GAUGE,
    labels=CELL,
    help="When the newest measurement began, in Unix time.",
)
GOODPUT = Metric(
    name="rabta_goodput_bytes_per_second",
    kind=Kind.GAUGE,
    labels=CELL,
    help="Median goodput of transfers under the platform's name; absent until one was measured.",
)
GOODPUT_CONTROL = Metric(
    name="rabta_goodput_control_bytes_per_second",
    kind=Kind.GAUGE,
    labels=CELL,
    help="Median goodput of the same transfers under an innocuous name; absent until one was measured.",
)
PLATFORM_INFO = Metric(
    name="rabta_platform_info",
    kind=Kind.GAUGE,
    labels=("platform", "name", "category"),
    help="Names of the platforms that are measured; always 1.",
)
ISP_STATE = Metric(
    name="rabta_isp_state",
    kind=Kind.GAUGE,
    labels=("isp", "state"),
    help="State of an ISP as a whole: 1 for the current state, 0 for the other three.",
)
AGENTS_CONNECTED = Metric(
    name="rabta_agents_connected",
    kind=Kind.GAUGE,
    labels=("isp",),
    help="Agents of an ISP that have a session now.",
)
AGENTS_REPORTING = Metric(
    name="rabta_agents_reporting",
    kind=Kind.GAUGE,
    labels=("isp",),
    help="Agents of an ISP with a measurement in the window.",
)
ISP_INFO = Metric(
    name="rabta_isp_info",
    kind=Kind.GAUGE,
    labels=("isp", "name", "kind"),
    help="Names and kinds of the ISPs that are watched; always 1.",
)
CONTROLS_CONNECTED = Metric(
    name="rabta_controls_connected",
    kind=Kind.GAUGE,
    help="Control agents that have a session now; without any, little can be told.",
)
CONTROLS_OUT_OF_STEP = Metric(
    name="rabta_controls_out_of_step",
    kind=Kind.GAUGE,
    help="Controls that find otherwise than all others too often, and are left out.",
)
LATE_DROPPED = Metric(
    name="rabta_collector_late_findings_dropped_total",
    kind=Kind.COUNTER,
    help="Measurements too late to vote that correct no history either, because that is full; all are journaled.",
)
DECIDED = Metric(
    name="rabta_collector_decided_timestamp_seconds",
    kind=Kind.GAUGE,
    help="Point in Unix time up to which everything journaled is decided.",
)
SHARE_TOLD = Metric(
    name="rabta_collector_share_told",
    kind=Kind.GAUGE,
    labels=("share",),
    help="1 where this process tells of this share of the ISPs, 0 where it decides on it and another one tells.",
)
SHARES = Metric(
    name="rabta_collector_shares", kind=Kind.GAUGE, help="Shares of the ISPs, each to be told of by one process."
)
READY = Metric(
    name="rabta_collector_ready",
    kind=Kind.GAUGE,
    help="1 when verdicts are current; 0 while the journal is replayed, when there are none to scrape.",
)
INGESTED = Metric(
    name="rabta_collector_ingest_measurements_total",
    kind=Kind.COUNTER,
    labels=("result",),
    help="Measurements that agents delivered, by what became of them.",
)
REJECTED = Metric(
    name="rabta_collector_rejected_total",
    kind=Kind.COUNTER,
    labels=("reason",),
    help="Calls and measurements that were not taken, by reason.",
)
DOUBTED = Metric(
    name="rabta_collector_doubted_times_total",
    kind=Kind.COUNTER,
    labels=("doubt",),
    help="Measurements kept in the journal alone, because their agent's clock does not tell when they were made.",
)
BEYOND_MEMORY = Metric(
    name="rabta_collector_beyond_memory_total",
    kind=Kind.COUNTER,
    labels=(),
    help="Measurements taken so late that nobody can tell whether another agent sent the same before.",
)
COPIED = Metric(
    name="rabta_collector_copied_total",
    kind=Kind.COUNTER,
    labels=(),
    help="Measurements in the journal that decide nothing: another agent had brought the same to another process.",
)
CHECKPOINTS = Metric(
    name="rabta_collector_checkpoints_total",
    kind=Kind.COUNTER,
    labels=("result",),
    help="Checkpoints, from which a start goes on, by what became of them; rows are kept until one is written.",
)
DROPPED = Metric(
    name="rabta_collector_spool_dropped_measurements",
    kind=Kind.GAUGE,
    labels=("cause",),
    help="Measurements that the spools of agents with a session have dropped since they were made, by their word.",
)
INGEST_LAG = Metric(
    name="rabta_collector_ingest_lag_seconds",
    kind=Kind.GAUGE,
    help="Age of the newest measurement of the last batch when it was acknowledged.",
)
JOURNAL_SYNC = Metric(
    name="rabta_collector_journal_sync_duration_seconds",
    kind=Kind.HISTOGRAM,
    help="Time that commits to the journal took, sync to disk included.",
    buckets=SYNC_BUCKETS_S,
)
JOURNAL_BYTES = Metric(
    name="rabta_collector_journal_bytes",
    kind=Kind.GAUGE,
    help="Size of the journal on disk.",
)
INFLIGHT_BYTES = Metric(
    name="rabta_collector_inflight_bytes",
    kind=Kind.GAUGE,
    help="Bytes of batches that were received and are not yet on disk.",
)
SESSIONS = Metric(
    name="rabta_collector_sessions",
    kind=Kind.GAUGE,
    help="Sessions of agents, controls included.",
)
REQUESTS = Metric(
    name="rabta_collector_measure_now_requests_total",
    kind=Kind.COUNTER,
    labels=("result",),
    help="Requests to agents to measure a target at once; not_taken: the agent was gone, or its session was full.",
)
QUESTIONS = Metric(
    name="rabta_collector_open_questions",
    kind=Kind.GAUGE,
    help="Targets at ISPs that agents are being asked about, because a measurement was at odds with the verdict.",
)
ALARMS_REFUSED = Metric(
    name="rabta_collector_alarms_refused_total",
    kind=Kind.COUNTER,
    help="Alarms on which nobody was asked, because as many targets were being asked about as may be.",
)
EVENTS_SAID = Metric(
    name="rabta_collector_events_said_total",
    kind=Kind.COUNTER,
    help="Changes of verdicts that this process has put into the stream of events on NATS.",
)
EVENTS_UNSAID = Metric(
    name="rabta_collector_events_unsaid",
    kind=Kind.GAUGE,
    help="Changes of verdicts that are to be put into the stream of events by this process, and wait.",
)
ARCHIVE_SEALED = Metric(
    name="rabta_collector_archive_sealed_timestamp_seconds",
    kind=Kind.GAUGE,
    help="End of the newest day that is sealed in the archive here, in Unix time; absent where none is.",
)
ARCHIVE_FAILURES = Metric(
    name="rabta_collector_archive_failures_total",
    kind=Kind.COUNTER,
    help="Times that days that were over could not be sealed, or old rows not given up; it is tried again.",
)
BUILD_INFO = Metric(
    name="rabta_collector_build_info",
    kind=Kind.GAUGE,
    labels=("version", "python_version"),
    help="Version of the collector and of its Python; always 1.",
)

CATALOGUE = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
"""Every one of them, in the order in which they stand here."""


def to_markdown(catalogue: Iterable[Metric] = CATALOGUE) -> str:
    """The catalogue as the table that stands in the README."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in catalogue:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(rows) + "\n"
