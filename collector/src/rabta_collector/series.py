"""Which samples each metric has, from a snapshot. Pure.

Made afresh at every scrape, so that a series ends with what it tells of; what is known to exist starts at 0. What
agents say becomes a label only where it is a word of the vocabulary and of a platform and ISP known here: the number of
series is bounded by the catalogue and the ISPs, whatever agents send.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rabta_collector import metrics
from rabta_collector.admit import Reason
from rabta_collector.catalogue import Catalogue
from rabta_collector.eventtime import Doubt
from rabta_collector.folding import Folding, Labels
from rabta_collector.isp_share import IspShare
from rabta_collector.metrics import Metric
from rabta_collector.state import Histogram, IngestStats, IspStatus, Snapshot, Tallies, Verdict
from rabta_collector.tallies import FAILURES, OTHER
from rabta_proto.vocabulary import IspState, State

Cell = tuple[str, str]
Sample = tuple[Labels, float | Histogram]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The samples of one metric: values of its labels in their order, and a number or a histogram for each.

    Two columns, because labels are most often as they were at the scrape before, and nothing is made of them anew.
    """

    metric: Metric
    labels: tuple[Labels, ...]
    values: Sequence[float | Histogram]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Labels and value of each."""
        return tuple(zip(self.labels, self.values, strict=True))


def gather(metric: Metric, samples: Iterable[Sample]) -> Series:
    """Series from samples one by one."""
    rows = tuple(samples)
    return Series(metric=metric, labels=tuple([labels for labels, _ in rows]), values=[value for _, value in rows])


WITH_MECHANISM = (State.BLOCKED, State.THROTTLED)
_STEPS = tuple(FAILURES)  # plain words: an enum's hash is worked out in Python
_ONE_OF = {str(state): tuple(int(other is state) for other in State) for state in State}


class Kept:
    """What is remembered from scrape to scrape: labels, which are seldom other ones. It changes no answer."""

    def __init__(self) -> None:
        self.attempts: Folding[tuple[str, str, str]] = Folding()
        self.failures: Folding[tuple[str, str, str, str]] = Folding()
        self.cells: tuple[Cell, ...] = ()
        self.states: tuple[Labels, ...] = ()
        self.steps: tuple[Labels, ...] = ()

    def keep_up(self, cells: tuple[Cell, ...]) -> None:
        """Makes the labels of these cells."""
        if cells != self.cells:
            self.cells = cells
            self.states = tuple((*cell, state) for cell in cells for state in _ONE_OF)
            self.steps = tuple((*cell, step) for cell in cells for step in _STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Which ISPs a process decides on, and whether it is the one to tell of them; the first share's tells the rest."""

    share: IspShare
    tells: bool


def of_country(
    snapshot: Snapshot, catalogue: Catalogue, kept: Kept | None = None, *, nationwide: bool = True
) -> Iterator[Series]:
    """What is known of platforms and ISPs. `kept` is from the scrape before, of who asks again and again.

    `nationwide`: with what is the same wherever it is decided; of several that share the ISPs one tells it.
    """
    platforms = {platform.id for platform in catalogue.platforms} | {verdict.platform for verdict in snapshot.verdicts}
    known = _Known(
        platforms=frozenset(platforms),
        isps=frozenset(isp.isp for isp in snapshot.isps) | {verdict.isp for verdict in snapshot.verdicts},
    )
    kept = kept or Kept()
    kept.keep_up(tuple([(verdict.platform, verdict.isp) for verdict in snapshot.verdicts]))
    yield from _verdicts(snapshot.verdicts, kept)
    yield from _tallies(snapshot.tallies, snapshot.verdicts, known, kept)
    paces = [(cell, pair) for cell, pair in snapshot.goodput.items() if known.cell(*cell)]
    yield gather(metrics.GOODPUT, ((cell, round(own)) for cell, (own, _) in paces))
    yield gather(metrics.GOODPUT_CONTROL, ((cell, round(other)) for cell, (_, other) in paces))
    if nationwide:
        named = (((platform.id, platform.name, platform.category), 1.0) for platform in catalogue.platforms)
        yield gather(metrics.PLATFORM_INFO, named)
    yield from _isps(snapshot.isps)
    if nationwide:
        yield _single(metrics.CONTROLS_CONNECTED, snapshot.controls_connected)
        yield _single(metrics.CONTROLS_OUT_OF_STEP, snapshot.controls_out_of_step)
    yield _single(metrics.LATE_DROPPED, snapshot.late_dropped)


def of_collector(
    stats: IngestStats,
    telling: Telling | None = None,
    *,
    decided: float | None,
    ready: bool,
    versions: tuple[str, str],
) -> Iterator[Series]:
    """What the collector knows of itself. `versions`: its own and Python's. `decided` is `None` until it has begun.

    `telling`: `None` where nothing is decided.
    """
    yield gather(metrics.DECIDED, () if decided is None else (((), decided),))
    if telling is not None:
        yield gather(metrics.SHARE_TOLD, (((str(telling.share.number),), float(telling.tells)),))
        yield _single(metrics.SHARES, telling.share.of)
    yield _single(metrics.READY, ready)
    yield _counts(metrics.INGESTED, stats.results)
    yield _counts(metrics.REJECTED, {str(reason): 0 for reason in Reason} | stats.rejected)
    yield _counts(metrics.DOUBTED, {str(doubt): 0 for doubt in Doubt} | stats.doubted)
    yield _single(metrics.BEYOND_MEMORY, stats.beyond_memory)
    yield _single(metrics.COPIED, stats.copied)
    yield _counts(metrics.CHECKPOINTS, stats.checkpoints)
    yield _counts(metrics.DROPPED, stats.drops.sums())
    yield _single(metrics.INGEST_LAG, stats.lag_s)
    sync = Histogram(counts=tuple(stats.sync_buckets), sum_s=stats.sync_sum_s)
    yield gather(metrics.JOURNAL_SYNC, (((), sync),))
    yield _single(metrics.JOURNAL_BYTES, stats.journal_bytes)
    yield _single(metrics.INFLIGHT_BYTES, stats.inflight_bytes)
    yield _single(metrics.SESSIONS, stats.sessions)
    yield _counts(metrics.REQUESTS, stats.requests)
    yield _single(metrics.QUESTIONS, stats.questions)
    yield _single(metrics.ALARMS_REFUSED, stats.alarms_refused)
    yield _single(metrics.EVENTS_SAID, stats.events_said)
    yield _single(metrics.EVENTS_UNSAID, stats.events_unsaid)
    yield gather(metrics.ARCHIVE_SEALED, (((), stats.archive_sealed_to),) if stats.archive_sealed_to else ())
    yield _single(metrics.ARCHIVE_FAILURES, stats.archive_failures)
    yield gather(metrics.BUILD_INFO, ((versions, 1.0),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What may stand in labels."""

    platforms: frozenset[str]
    isps: frozenset[str]

    def cell(self, platform: str, isp: str) -> bool:
        return platform in self.platforms and isp in self.isps


def _verdicts(verdicts: tuple[Verdict, ...], kept: Kept) -> Iterator[Series]:
    states = [bit for verdict in verdicts for bit in _ONE_OF[verdict.state]]
    yield Series(metric=metrics.VERDICT, labels=kept.states, values=states)
    mechanisms = (
        ((v.platform, v.isp, str(v.mechanism)), 1.0)
        for v in verdicts
        if v.mechanism is not None and v.state in WITH_MECHANISM
    )
    yield gather(metrics.VERDICT_MECHANISM, mechanisms)
    parts = (
        ((v.platform, v.isp, part.id, state), float(bit))
        for v in verdicts
        for part in v.parts
        for state, bit in zip(_ONE_OF, _ONE_OF[part.state], strict=True)
    )
    yield gather(metrics.VERDICT_PART, parts)
    yield Series(metric=metrics.VERDICT_CHANGED, labels=kept.cells, values=[v.since for v in verdicts])
    yield Series(metric=metrics.VERDICT_CONFIDENCE, labels=kept.cells, values=[v.confidence for v in verdicts])
    reached = (((v.platform, v.isp), v.reached) for v in verdicts if v.reached is not None)
    yield gather(metrics.REACHABLE_AGENTS, reached)


def _tallies(tallies: Tallies, verdicts: tuple[Verdict, ...], known: _Known, kept: Kept) -> Iterator[Series]:
    def attempted(counter: tuple[str, str, str]) -> Labels | None:
        platform, isp, step = counter
        return counter if known.cell(platform, isp) and step in FAILURES else None

    def failed(counter: tuple[str, str, str, str]) -> Labels | None:
        platform, isp, step, failure = counter
        if (usual := FAILURES.get(step)) is None or not known.cell(platform, isp):
            return None
        return (platform, isp, str(step), str(failure) if failure in usual else OTHER)

    labels, counts = kept.attempts.fold(tallies.attempts, attempted, first=kept.steps, rules=known)
    yield Series(metric=metrics.MEASUREMENTS, labels=labels, values=counts)
    labels, counts = kept.failures.fold(tallies.failures, failed, rules=known)
    yield Series(metric=metrics.MEASUREMENT_FAILURES, labels=labels, values=counts)
    yield _durations(tallies, verdicts, known)
    newest = ((cell, at) for cell, at in tallies.last_measurement.items() if known.cell(*cell))
    yield gather(metrics.LAST_MEASUREMENT, newest)


def _durations(tallies: Tallies, verdicts: tuple[Verdict, ...], known: _Known) -> Series:
    nothing = Histogram(counts=(0,) * (len(metrics.STEP_DURATION.buckets) + 1), sum_s=0.0)
    isps = dict.fromkeys(verdict.isp for verdict in verdicts)
    durations = {(isp, step): nothing for isp in isps for step in _STEPS}
    for (isp, step), histogram in tallies.durations.items():
        if isp in known.isps and step in FAILURES:
            durations[isp, str(step)] = histogram
    return gather(metrics.STEP_DURATION, durations.items())


def _isps(isps: tuple[IspStatus, ...]) -> Iterator[Series]:
    states = (((isp.isp, str(state)), float(state is isp.state)) for isp in isps for state in IspState)
    yield gather(metrics.ISP_STATE, states)
    connected = (((isp.isp,), float(isp.agents_connected)) for isp in isps)
    yield gather(metrics.AGENTS_CONNECTED, connected)
    reporting = (((isp.isp,), float(isp.agents_reporting)) for isp in isps)
    yield gather(metrics.AGENTS_REPORTING, reporting)
    named = (((isp.isp, isp.name, str(isp.kind)), 1.0) for isp in isps)
    yield gather(metrics.ISP_INFO, named)


def _single(metric: Metric, value: float) -> Series:
    return gather(metric, (((), float(value)),))


def _counts(metric: Metric, counts: Mapping[str, int]) -> Series:
    return gather(metric, (((key,), float(count)) for key, count in counts.items()))


def count_series(series: Iterable[Series]) -> int:
    """Time series that a scrape of these makes; each bucket of a histogram is one, and so are its sum and count."""
    return sum(len(value.counts) + 2 if isinstance(value, Histogram) else 1 for one in series for value in one.values)
