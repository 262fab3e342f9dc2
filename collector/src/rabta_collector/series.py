"""Which samples each metric has, from a snapshot. Pure.

Made afresh at every scrape, so that a series ends with what it tells of; what is known to exist starts at 0. What
agents say becomes a label only where it is a word of the vocabulary and of a platform and ISP known here: the number of
series is bounded by the catalogue and the ISPs, whatever agents send.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rabta_collector import metrics
from rabta_collector.admit import Reason
from rabta_collector.catalogue import Catalogue
from rabta_collector.eventtime import Doubt
from rabta_collector.metrics import Metric
from rabta_collector.state import Histogram, IngestStats, IspStatus, Snapshot, Tallies, Verdict
from rabta_proto.vocabulary import Failure, IspState, State, Step

Labels = tuple[str, ...]
Sample = tuple[Labels, float | Histogram]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The samples of one metric: values of its labels in their order, and a number or a histogram."""

    metric: Metric
    samples: tuple[Sample, ...]


STEPS = (Step.DNS, Step.TCP, Step.TLS, Step.HTTP)  # what agents of today try
WITH_MECHANISM = (State.BLOCKED, State.THROTTLED)
OTHER = "other"
FAILURES: Mapping[str, frozenset[str]] = {
    Step.DNS: frozenset(
        {
            Failure.GENERIC_TIMEOUT,
            Failure.DNS_NXDOMAIN,
            Failure.DNS_REFUSED,
            Failure.DNS_SERVFAIL,
            Failure.DNS_NO_ANSWER,
        }
    ),
    Step.TCP: frozenset(
        {
            Failure.GENERIC_TIMEOUT,
            Failure.CONNECTION_REFUSED,
            Failure.CONNECTION_RESET,
            Failure.HOST_UNREACHABLE,
        }
    ),
    Step.TLS: frozenset(
        {
            Failure.GENERIC_TIMEOUT,
            Failure.CONNECTION_RESET,
            Failure.EOF,
            Failure.SSL_FAILED_HANDSHAKE,
            Failure.SSL_INVALID_HOSTNAME,
            Failure.SSL_UNKNOWN_AUTHORITY,
            Failure.SSL_INVALID_CERTIFICATE,
        }
    ),
    Step.HTTP: frozenset(
        {
            Failure.GENERIC_TIMEOUT,
            Failure.CONNECTION_RESET,
            Failure.EOF,
        }
    ),
}
"""Failures with a series of their own, by step; the rest is `other`. Each costs ISPs x platforms series."""


def of_country(snapshot: Snapshot, catalogue: Catalogue) -> Iterator[Series]:
    """What is known of platforms and ISPs."""
    platforms = {platform.id for platform in catalogue.platforms} | {verdict.platform for verdict in snapshot.verdicts}
    known = _Known(
        platforms=frozenset(platforms),
        isps=frozenset(isp.isp for isp in snapshot.isps) | {verdict.isp for verdict in snapshot.verdicts},
    )
    yield from _verdicts(snapshot.verdicts)
    yield from _tallies(snapshot.tallies, snapshot.verdicts, known)
    # Transfers are not measured yet: both are part of the catalogue and have no samples.
    yield Series(metric=metrics.GOODPUT, samples=())
    yield Series(metric=metrics.GOODPUT_CONTROL, samples=())
    named = (((platform.id, platform.name, platform.category), 1.0) for platform in catalogue.platforms)
    yield Series(metric=metrics.PLATFORM_INFO, samples=tuple(named))
    yield from _isps(snapshot.isps)
    yield _single(metrics.CONTROLS_CONNECTED, snapshot.controls_connected)
    yield _single(metrics.CONTROLS_OUT_OF_STEP, snapshot.controls_out_of_step)
    yield _single(metrics.LATE_DROPPED, snapshot.late_dropped)


def of_collector(
    stats: IngestStats, *, decided: float | None, ready: bool, versions: tuple[str, str]
) -> Iterator[Series]:
    """What the collector knows of itself. `versions`: its own and Python's. `decided` is `None` until it has begun."""
    yield Series(metric=metrics.DECIDED, samples=() if decided is None else (((), decided),))
    yield _single(metrics.READY, ready)
    yield _counts(metrics.INGESTED, stats.results)
    yield _counts(metrics.REJECTED, {str(reason): 0 for reason in Reason} | stats.rejected)
    yield _counts(metrics.DOUBTED, {str(doubt): 0 for doubt in Doubt} | stats.doubted)
    yield _single(metrics.INGEST_LAG, stats.lag_s)
    sync = Histogram(counts=tuple(stats.sync_buckets), sum_s=stats.sync_sum_s)
    yield Series(metric=metrics.JOURNAL_SYNC, samples=(((), sync),))
    yield _single(metrics.JOURNAL_BYTES, stats.journal_bytes)
    yield _single(metrics.INFLIGHT_BYTES, stats.inflight_bytes)
    yield _single(metrics.SESSIONS, stats.sessions)
    yield _counts(metrics.REQUESTS, stats.requests)
    yield _single(metrics.QUESTIONS, stats.questions)
    yield Series(metric=metrics.BUILD_INFO, samples=((versions, 1.0),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What may stand in labels."""

    platforms: frozenset[str]
    isps: frozenset[str]

    def cell(self, platform: str, isp: str) -> bool:
        return platform in self.platforms and isp in self.isps


def _verdicts(verdicts: tuple[Verdict, ...]) -> Iterator[Series]:
    states = (((v.platform, v.isp, str(state)), float(state is v.state)) for v in verdicts for state in State)
    yield Series(metric=metrics.VERDICT, samples=tuple(states))
    mechanisms = (
        ((v.platform, v.isp, str(v.mechanism)), 1.0)
        for v in verdicts
        if v.mechanism is not None and v.state in WITH_MECHANISM
    )
    yield Series(metric=metrics.VERDICT_MECHANISM, samples=tuple(mechanisms))
    yield Series(metric=metrics.VERDICT_CHANGED, samples=tuple(((v.platform, v.isp), v.since) for v in verdicts))
    confidences = (((v.platform, v.isp), v.confidence) for v in verdicts)
    yield Series(metric=metrics.VERDICT_CONFIDENCE, samples=tuple(confidences))
    reached = (((v.platform, v.isp), v.reached) for v in verdicts if v.reached is not None)
    yield Series(metric=metrics.REACHABLE_AGENTS, samples=tuple(reached))


def _tallies(tallies: Tallies, verdicts: tuple[Verdict, ...], known: _Known) -> Iterator[Series]:
    attempts: dict[Labels, int] = {(v.platform, v.isp, str(step)): 0 for v in verdicts for step in STEPS}
    for (platform, isp, step), count in tallies.attempts.items():
        if known.cell(platform, isp) and step in FAILURES:
            attempts[platform, isp, str(step)] = count
    yield _counts_by(metrics.MEASUREMENTS, attempts)
    yield _counts_by(metrics.MEASUREMENT_FAILURES, _failures(tallies, known))
    yield _durations(tallies, verdicts, known)
    newest = tuple((cell, at) for cell, at in tallies.last_measurement.items() if known.cell(*cell))
    yield Series(metric=metrics.LAST_MEASUREMENT, samples=newest)


def _failures(tallies: Tallies, known: _Known) -> dict[Labels, int]:
    """Half of all series, so that no tuple is made for those that are shown as they were counted."""
    failures: dict[Labels, int] = {}
    for labels, count in tallies.failures.items():
        platform, isp, step, failure = labels
        usual = FAILURES.get(step)
        if usual is None or platform not in known.platforms or isp not in known.isps:
            continue
        if failure in usual:
            failures[labels] = count
        else:
            labels = (platform, isp, step, OTHER)
            failures[labels] = failures.get(labels, 0) + count
    return failures


def _durations(tallies: Tallies, verdicts: tuple[Verdict, ...], known: _Known) -> Series:
    nothing = Histogram(counts=(0,) * (len(metrics.STEP_DURATION.buckets) + 1), sum_s=0.0)
    isps = dict.fromkeys(verdict.isp for verdict in verdicts)
    durations = {(isp, str(step)): nothing for isp in isps for step in STEPS}
    for (isp, step), histogram in tallies.durations.items():
        if isp in known.isps and step in FAILURES:
            durations[isp, str(step)] = histogram
    return Series(metric=metrics.STEP_DURATION, samples=tuple(durations.items()))


def _isps(isps: tuple[IspStatus, ...]) -> Iterator[Series]:
    states = (((isp.isp, str(state)), float(state is isp.state)) for isp in isps for state in IspState)
    yield Series(metric=metrics.ISP_STATE, samples=tuple(states))
    connected = (((isp.isp,), float(isp.agents_connected)) for isp in isps)
    yield Series(metric=metrics.AGENTS_CONNECTED, samples=tuple(connected))
    reporting = (((isp.isp,), float(isp.agents_reporting)) for isp in isps)
    yield Series(metric=metrics.AGENTS_REPORTING, samples=tuple(reporting))
    named = (((isp.isp, isp.name, str(isp.kind)), 1.0) for isp in isps)
    yield Series(metric=metrics.ISP_INFO, samples=tuple(named))


def _single(metric: Metric, value: float) -> Series:
    return Series(metric=metric, samples=(((), float(value)),))


def _counts(metric: Metric, counts: Mapping[str, int]) -> Series:
    return Series(metric=metric, samples=tuple(((key,), float(count)) for key, count in counts.items()))


def _counts_by(metric: Metric, counts: Mapping[Labels, int]) -> Series:
    return Series(metric=metric, samples=tuple((labels, float(count)) for labels, count in counts.items()))


def count_series(series: Iterable[Series]) -> int:
    """Time series that a scrape of these makes; each bucket of a histogram is one, and so are its sum and count."""
    return sum(
        len(value.counts) + 2 if isinstance(value, Histogram) else 1 for one in series for _, value in one.samples
    )
