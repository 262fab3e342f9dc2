"""What measurements say that came too late to vote: they correct history, and page nobody. Pure, bounded.

After an outage agents send what they measured in it. Each of these is judged like any other, and has one voice for its
agent, site and hour, the newest; voices become spans by the rules of the past that others measured (history/fold.py),
and fill the times of which the verdicts of then say nothing (past.py). What is older than KEPT_S is corrected no more:
it is given out to be kept as spans in the record, a run of voices at a time, and forgotten here. Of more than MOST
voices no more are taken, and counted: the journal has them all.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rabta_collector.catalogue import Need
from rabta_collector.history.fold import GAP_S, HOUR_S, Found, PastSpan, fold
from rabta_collector.history.places import site_of
from rabta_collector.timeline import Span
from rabta_collector.verdict.classify import Finding
from rabta_collector.windows import says

KEPT_S = 15 * 86_400.0  # a spool keeps what waits for fourteen days
MOST = 200_000
APART_S = GAP_S + HOUR_S
"""Voices that are further apart have no say in what is made of each other."""

Place = tuple[str, ...]
"""ISP and platform."""
Voice = tuple[float, str, str]
"""Hour, site and agent."""
Voices = Mapping[Place, tuple[Found, ...]]


@dataclass(slots=True, kw_only=True)
class Backfill:
    """`dropped` counts findings for which there was no room."""

    most: int = MOST
    dropped: int = 0
    _voices: dict[Place, dict[Voice, Found]] = field(default_factory=dict)
    _count: int = 0
    _settled: dict[Place, list[Found]] = field(default_factory=dict)
    _looked: float = 0.0

    def hear(self, place: Place, agent: str, url: str, finding: Finding, started: float, now: float) -> None:
        """Takes in a finding of a measurement that came late. Times in Unix seconds."""
        if says(finding) is None or started + KEPT_S <= now:
            return
        key = (started // HOUR_S * HOUR_S, site_of(url) or url, agent)
        known = self._voices.get(place, {}).get(key)
        if known is not None and known.started >= started:
            return
        if known is None and self._count >= self.most and not self._make_room(now):
            self.dropped += 1
            return
        self._count += known is None
        self._voices.setdefault(place, {})[key] = Found(
            started=started,
            site=key[1],
            judgement=finding.judgement,
            mechanism=finding.mechanism,
            rule=finding.rule,
        )

    def settle(self, now: float) -> Voices:
        """Gives out, once, voices that are too old to be corrected, and forgets them; looks once in an hour.

        A run of voices goes as a whole, once nothing younger is within `APART_S` of it: what is made of it then is what
        would have been made of it all along.
        """
        if now >= self._looked + HOUR_S:
            self._looked = now
            for place in tuple(self._voices):
                ordered = self._ordered(place)
                old = bisect_right(ordered, now - KEPT_S, key=_started)
                apart = (n for n in range(old, 0, -1) if n == len(ordered) or _apart(ordered[n - 1], ordered[n]))
                self._forget(place, ordered, next(apart, 0))
        settled, self._settled = self._settled, {}
        return {place: tuple(found) for place, found in settled.items()}

    def _make_room(self, now: float) -> bool:
        """Has all go that is too old, be it a whole run or not; whether there is room then."""
        for place in tuple(self._voices):
            ordered = self._ordered(place)
            self._forget(place, ordered, bisect_right(ordered, now - KEPT_S, key=_started))
        return self._count < self.most

    def _forget(self, place: Place, ordered: list[Found], count: int) -> None:
        """The oldest voices of a place, which are given out next time."""
        if not count:
            return
        self._settled.setdefault(place, []).extend(ordered[:count])
        last = ordered[count - 1].started
        self._voices[place] = {key: found for key, found in self._voices[place].items() if found.started > last}
        if not self._voices[place]:
            del self._voices[place]
        self._count = sum(map(len, self._voices.values()))

    def _ordered(self, place: Place) -> list[Found]:
        return sorted(self._voices[place].values(), key=lambda found: (found.started, found.site, found.rule))

    def voices(self, *, isp: str | None, platform: str | None) -> Voices:
        """What was heard of the wanted cells, oldest first; it does not change after that."""
        return {
            place: tuple(self._ordered(place))
            for place in self._voices
            if isp in (None, place[0]) and platform in (None, place[1])
        }


def _started(found: Found) -> float:
    return found.started


def _apart(before: Found, after: Found) -> bool:
    return after.started - before.started > APART_S


def fold_voices(heard: Voices, needs: Mapping[str, Need]) -> Iterator[tuple[Place, tuple[PastSpan, ...]]]:
    """What voices of each cell make."""
    for place, found in sorted(heard.items()):
        yield place, tuple(fold(found, needs.get(place[1], Need.ALL)))


def to_spans(heard: Voices, needs: Mapping[str, Need]) -> tuple[Span, ...]:
    """Spans that voices make, each cell's in order of time."""
    return tuple(
        Span(
            platform=platform,
            isp=isp,
            state=str(span.state),
            mechanism=span.mechanism,
            since=span.since,
            until=span.until,
            revised=True,
            witness=span.witness,
        )
        for (isp, platform), spans in fold_voices(heard, needs)
        for span in spans
    )
