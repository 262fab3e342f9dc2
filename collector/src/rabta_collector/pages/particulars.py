"""One verdict, or one change of it, with its evidence: what a journalist quotes and a lawyer attaches. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rabta_collector.disclosure import Row
from rabta_collector.pages.attachment import Attachment, event_row, make_attachment, span_row, verdict_row
from rabta_collector.pages.changes import Change, Took, make_change, make_changes, make_took
from rabta_collector.pages.chart import DAYS, Band, Tick, make_band, make_frame, make_ticks
from rabta_collector.pages.country import Cell, make_cell
from rabta_collector.pages.daily import Daily, day_row, make_daily
from rabta_collector.pages.evidence import Evidence, make_evidence
from rabta_collector.pages.moments import Length, Moment, make_full_moment, make_length
from rabta_collector.pages.names import Link
from rabta_collector.pages.paths import PathLine, make_paths
from rabta_collector.pages.sheet import Material, to_kilobits
from rabta_collector.pages.words import explain
from rabta_collector.record.counts import Counted
from rabta_collector.rfc3339 import format_minute
from rabta_collector.state import Event, Verdict, Witness
from rabta_collector.timeline import Span, overlaps
from rabta_collector.verdict.rules import RULES_BY_ID

CHANGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A rule that measurements matched, how many, and why the rule is so. `judgement`: what it makes of one."""

    rule: str
    count: int
    because: str | None
    judgement: str | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The timeline of the last so many days."""

    days: int
    band: Band
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """A verdict of now. `agreement` in percent; `how`: the mechanism in a plain sentence; `controls`: connected now.

    `goodput`: medians in kbit/s, under the platform's name and under an innocuous one.
    """

    platform: Link
    isp: Link
    cell: Cell
    since: Moment
    lasted: Length
    how: str | None
    measurements: int
    agreement: int
    controls: int
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    paths: tuple[PathLine, ...]
    goodput: tuple[str, str] | None
    stretches: tuple[Stretch, ...]
    daily: Daily
    changes: tuple[Change, ...]
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An event. `stood`: how long what it changed had stood; `lasted`: how long its outcome did.

    Both are `None` where that is not known, or still goes on.
    """

    change: Change
    at: Moment
    how: str | None
    seen_after: Took | None
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    paths: tuple[PathLine, ...]
    before: Span | None
    stood: Length | None
    after: Span | None
    lasted: Length | None
    elsewhere: tuple[Change, ...]
    attachment: Attachment


def make_particulars(
    material: Material,
    platform: str,
    isp: str,
    evidence: Row | None = None,
    counts: Sequence[Counted] = (),
    paths: Sequence[Row] = (),
) -> Particulars | None:
    """`None` where there is no such verdict. `evidence`: what it rests on, as anybody may see it.

    `counts`: of the days of the longest stretch. `paths`: where on the path it is cut off, likewise.
    """
    found = (v for v in material.snapshot.verdicts if (v.platform, v.isp) == (platform, isp))
    verdict = next(found, None)
    if verdict is None:
        return None
    now, names = material.snapshot.at, material.names
    spans = [span for span in material.spans if (span.platform, span.isp) == (platform, isp)]
    events = [event for event in material.events if (event.platform, event.isp) == (platform, isp)]
    return Particulars(
        platform=names.platform(platform),
        isp=names.isp(isp),
        cell=make_cell(verdict, None, names, now),
        since=make_full_moment(verdict.since),
        lasted=make_length(now - verdict.since),
        how=explain(verdict.mechanism),
        measurements=verdict.measurements,
        agreement=round(verdict.agreement * 100),
        controls=material.snapshot.controls_connected,
        reasons=make_reasons(verdict.witness),
        evidence=None if evidence is None else make_evidence(evidence, now),
        paths=make_paths(paths, now),
        goodput=to_kilobits(material.snapshot.goodput.get((platform, isp))),
        stretches=tuple(_stretch(spans, now, days) for days in DAYS),
        daily=make_daily(counts, make_frame(now, DAYS[-1])),
        changes=make_changes(reversed(events[-CHANGES:]), names, now),
        attachment=_attachment(
            material,
            verdict,
            spans,
            events,
            {
                "evidence": _to_the_minute(evidence, verdict.since),
                "days": list(map(day_row, counts)),
                "paths": list(paths),
            },
        ),
    )


def make_reasons(witness: Iterable[Witness]) -> tuple[Reason, ...]:
    return tuple(_reason(one) for one in witness)


def _reason(one: Witness) -> Reason:
    rule = RULES_BY_ID.get(one.rule)
    return Reason(
        rule=one.rule,
        count=one.count,
        because=None if rule is None else rule.comment,
        judgement=None if rule is None else str(rule.judgement),
        source=None if rule is None else rule.source,
    )


def _stretch(spans: Sequence[Span], now: float, days: int) -> Stretch:
    frame = make_frame(now, days)
    return Stretch(days=days, band=make_band(spans, frame), ticks=make_ticks(frame, days))


def _attachment(
    material: Material, verdict: Verdict, spans: Iterable[Span], events: Sequence[Event], borne_out: Row
) -> Attachment:
    """`borne_out`: evidence and paths."""
    begin = make_frame(material.snapshot.at, DAYS[-1]).begin
    content: Mapping[str, object] = {
        "verdict": verdict_row(verdict),
        "spans": [span_row(span) for span in spans if overlaps(span, begin, None)],
        "events": [event_row(event, material.seals) for event in events[-CHANGES:]],
        **borne_out,
    }
    return make_attachment(f"rabta-{verdict.platform}-{verdict.isp}", material.snapshot.at, content, material.seals)


def make_story(material: Material, event: Event, evidence: Row | None = None, paths: Sequence[Row] = ()) -> Story:
    """`material`: all that is known of the event's platform, or of its ISP where it is the ISP's own.

    `evidence`: what it rested on then, as anybody may see it. `paths`: what was traced since, likewise.
    """
    names, now = material.names, material.snapshot.at
    spans = [span for span in material.spans if (span.platform, span.isp) == (event.platform, event.isp)]
    after = next((span for span in spans if _covers(span, event.at)), None)
    before = next((span for span in reversed(spans) if span.until is not None and span.until <= event.at), None)
    near = [one for one in material.events if one.id != event.id and abs(one.at - event.at) <= 86_400]
    near = [one for one in near if one.platform == event.platform]
    lasted = None if after is None or after.until is None else make_length(after.until - after.since)
    return Story(
        change=make_change(event, names, now),
        at=make_full_moment(event.at),
        how=explain(event.mechanism),
        seen_after=make_took(event.detected_after_seconds),
        reasons=make_reasons(event.witness),
        evidence=None if evidence is None else make_evidence(evidence, now),
        paths=make_paths(paths, now),
        before=before,
        stood=None if before is None or before.until is None else make_length(before.until - before.since),
        after=after,
        lasted=lasted,
        elsewhere=make_changes(reversed(near[-CHANGES:]), names, now),
        attachment=make_attachment(
            f"rabta-event-{event.id}",
            now,
            {
                "event": event_row(event, material.seals),
                "evidence": _to_the_minute(evidence, event.at),
                "paths": list(paths),
            },
            material.seals,
        ),
    )


def _to_the_minute(evidence: Row | None, since: float) -> Row | None:
    return None if evidence is None else {**evidence, "since": format_minute(since)}


def _covers(span: Span, at: float) -> bool:
    return span.since <= at and (span.until is None or at < span.until)
