"""What measurements say that came too late to vote: they correct history, and page nobody. Pure, bounded.

After an outage agents send what they measured in it. Each of these is judged like any other, and has one voice for its
agent, site and hour, the newest; voices become spans by the rules of the past that others measured (history/fold.py),
and fill the times of which the verdicts of then say nothing (past.py). What is older than KEPT_S is forgotten, and of
more than MOST voices no more are taken, and counted: the journal has them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rabta_collector.catalogue import Need
from rabta_collector.history.fold import HOUR_S, Found, fold
from rabta_collector.history.places import site_of
from rabta_collector.timeline import Span
from rabta_collector.verdict.classify import Finding
from rabta_collector.windows import says

KEPT_S = 15 * 86_400.0  # a spool keeps what waits for fourteen days
MOST = 200_000

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

    def _make_room(self, now: float) -> bool:
        """Forgets what is too old; whether there is room then."""
        for place, voices in self._voices.items():
            self._voices[place] = {key: found for key, found in voices.items() if found.started + KEPT_S > now}
        self._count = sum(map(len, self._voices.values()))
        return self._count < self.most

    def voices(self, *, isp: str | None, platform: str | None) -> Voices:
        """What was heard of the wanted cells, oldest first; it does not change after that."""
        return {
            place: tuple(sorted(voices.values(), key=lambda found: (found.started, found.site, found.rule)))
            for place, voices in self._voices.items()
            if voices and isp in (None, place[0]) and platform in (None, place[1])
        }


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
        for (isp, platform), found in sorted(heard.items())
        for span in fold(found, needs.get(platform, Need.ALL))
    )
