"""Measurements of a journal, each judged as the collector judged it, with the controls that stood at that time.

A finding hangs on what was measured before and after it, so the journal is read twice: first what controls saw, and
agents of their references, is put on a shelf; then each measurement is held against what is near it, a while after it
came, when it is known what else its agent got through to. The collector may not wait: where its own finding was another
one at first, this is what it came to.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from rabta_collector.catalogue import Catalogue
from rabta_collector.court import INTERVALS, REFERENCES
from rabta_collector.export.rows import Delivery, JournalReader, start_of
from rabta_collector.export.shelf import Shelf, Subject
from rabta_collector.locators import NO_TELLING, scheme_of
from rabta_collector.settings import Settings
from rabta_collector.vantages import Vantages
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement, Role

WAITING = 5000
"""Measurements that are held back at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which measurements are wanted; `None` is no filter. Times in Unix seconds, half-open, of their beginning."""

    since: float | None = None
    until: float | None = None
    platform: str | None = None
    isp: str | None = None

    def takes_time(self, started: float) -> bool:
        return (self.since is None or started >= self.since) and (self.until is None or started < self.until)

    def takes(self, measurement: Measurement, isp: str) -> bool:
        within = self.takes_time(measurement.started_at.timestamp())
        return within and self.platform in (None, measurement.platform) and self.isp in (None, isp)

    def widened(self, by_s: float) -> "Selection":
        """The same, longer at both ends."""
        return replace(
            self,
            since=None if self.since is None else self.since - by_s,
            until=None if self.until is None else self.until + by_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A measurement by an agent of an ISP (empty: unknown), and what is to be said of it."""

    isp: str
    measurement: Measurement
    controls: tuple[Measurement, ...]
    references: tuple[Measurement, ...]
    background: Background
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A measurement that is judged later. `at`: when it was admitted."""

    at: float
    agent: str
    isp: str
    measurement: Measurement


@dataclass(slots=True, kw_only=True)
class Bench:
    """Judges a journal's measurements. `heard` is called for every delivery, with its time.

    `asn_of`: number of the network that announces an address, where the operator supplies a database.
    """

    reader: JournalReader
    catalogue: Catalogue
    settings: Settings
    asn_of: Callable[[str], int | None] | None = None
    heard: Callable[[float], None] = lambda _: None
    _controls: Shelf = field(default_factory=Shelf)
    _references: Shelf = field(default_factory=Shelf)
    _vantages: Vantages = field(default_factory=Vantages)
    _read_before: float = 0.0
    _well: dict[str, float] = field(default_factory=dict)
    """Of each agent: when its newest measurement began that was ok, of those judged so far."""

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1: everything is read twice."""
        return (self._read_before + self.reader.share) / 2

    def judge(self, wanted: Selection) -> Iterator[Judged]:
        """Wanted measurements by probes, in the journal's order. Raises `UnreadableJournalError`."""
        reach_s = max([self.settings.control_max_age_s, *(INTERVALS * t.interval_s for t in self.catalogue.targets)])
        near = wanted.widened(reach_s)
        with closing(self._controls), closing(self._references):
            self._fill(near)
            self._read_before, self.reader.share = 1.0, 0.0
            for waiting in self._in_time(near):
                judged = self._hold(waiting)
                if wanted.takes(waiting.measurement, waiting.isp):
                    yield judged

    def _fill(self, near: Selection) -> None:
        """First reading: what may speak for a wanted measurement."""
        for delivery in self.reader.deliveries(near.since):
            self.heard(delivery.at)
            looks = [
                (Subject(platform=message.platform, url=message.target), delivery.agent, started, message)
                for message in delivery.messages
                if (delivery.role is Role.CONTROL or message.platform == REFERENCES)
                and message.target
                and near.takes_time(started := start_of(message, delivery.at))
            ]
            (self._controls if delivery.role is Role.CONTROL else self._references).add(looks)
        self._controls.sort()
        self._references.sort()

    def _in_time(self, near: Selection) -> Iterator[_Waiting]:
        """Second reading: measurements by probes, when it is known what their agents did soon after."""
        queue: deque[_Waiting] = deque()
        for delivery in self.reader.deliveries(near.since):
            self.heard(delivery.at)
            while queue and (delivery.at - queue[0].at > self.settings.control_max_age_s or len(queue) > WAITING):
                yield queue.popleft()
            if delivery.role is Role.PROBE:
                queue.extend(self._arrive(delivery, near))
        yield from queue

    def _arrive(self, delivery: Delivery, near: Selection) -> Iterator[_Waiting]:
        for message in delivery.messages:
            started = start_of(message, delivery.at)
            if not message.target or not near.takes_time(started):
                continue
            measurement = replace(from_message(message), started_at=datetime.fromtimestamp(started, UTC))
            self._vantages.hear(delivery.agent, measurement, started)
            yield _Waiting(at=delivery.at, agent=delivery.agent, isp=delivery.isp, measurement=measurement)

    def _hold(self, waiting: _Waiting) -> Judged:
        """Holds a measurement against what is near it."""
        agent, measurement = waiting.agent, waiting.measurement
        started, url = measurement.started_at.timestamp(), measurement.target
        controls, reach_s = self._voices(measurement), self.settings.control_max_age_s
        failed = () if measurement.platform == REFERENCES else self._failed_references(agent, started)
        background = Background(
            quic_works=self._vantages.quic_works(agent, url, started, self._quic_reach_s(measurement)),
            udp_works=self._vantages.udp_works(agent, url, started, self._quic_reach_s(measurement)),
            ipv6_works=self._vantages.ipv6_works(agent, url, started, reach_s),
            tls_works=self._vantages.tls_works(agent, url, started, reach_s),
            loses=self._vantages.loses(agent, url, started, reach_s),
            controls_sound=True,
            asn_of=self.asn_of,
        )
        finding = classify(measurement, controls, failed, background=background)
        if finding.judgement is Judgement.OK and scheme_of(url) != "dns":
            self._well[agent] = max(started, self._well.get(agent, started))
        if finding.judgement is Judgement.OK:
            self._vantages.hear_reached(agent, measurement, started)
        return Judged(
            isp=waiting.isp,
            measurement=measurement,
            controls=controls,
            references=failed,
            background=background,
            finding=finding,
        )

    def _voices(self, measurement: Measurement) -> tuple[Measurement, ...]:
        subject = Subject(platform=measurement.platform, url=measurement.target)
        return self._controls.near(subject, measurement.started_at.timestamp(), self._reach_s(measurement))

    def _failed_references(self, agent: str, moment: float) -> tuple[Measurement, ...]:
        """The agent's measurements of references from about that time, as court.py has them."""
        failed: dict[float, Measurement] = {}
        for subject in self._references.subjects():
            if scheme_of(subject.url) in NO_TELLING:
                continue
            looks = list(self._references.around(subject, agent, moment, self.settings.control_max_age_s))
            if not looks:
                continue
            started, look = looks[0]
            if classify(look, self._voices(look)).judgement is Judgement.OK:
                return ()
            failed[started] = look
        if failed and self._well.get(agent, 0.0) > max(failed):
            return ()
        return tuple(failed.values())

    def _reach_s(self, measurement: Measurement) -> float:
        """How far from a measurement a control may have begun."""
        return max(self.settings.control_max_age_s, INTERVALS * self._interval_s(measurement))

    def _quic_reach_s(self, measurement: Measurement) -> float:
        """Half of the time that a vote stands at least."""
        settings = self.settings
        stands_s = max(settings.vote_intervals * self._interval_s(measurement), settings.vote_floor_s)
        return max(settings.control_max_age_s, min(stands_s, settings.vote_ceiling_s) / 2)

    def _interval_s(self, measurement: Measurement) -> float:
        """Of its target; 0 for one that is measured no more."""
        place = (measurement.platform, measurement.target)
        return next((t.interval_s for t in self.catalogue.targets if (t.platform, t.url) == place), 0.0)
