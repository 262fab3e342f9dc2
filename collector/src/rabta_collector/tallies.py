"""Counts of steps, their failures and durations since the journal began: the source of the counters on /metrics. Pure.

Label values come from closed sets alone: what an agent says beyond them is counted as `other`. Repeats count, each
being an attempt of its own; handshakes that only look closer (isolation, a refused certificate) do not.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from rabta_collector.state import DURATION_BUCKETS_S, Histogram, Tallies
from rabta_proto.alike import by_likeness
from rabta_proto.model import STEP_OF, Measurement, Observation, TlsHandshake
from rabta_proto.vocabulary import Failure, Step

_STEPS = {kind: str(step) for kind, step in STEP_OF.items()}  # plain words: an enum's hash is worked out in Python
OTHER = "other"
FAILURES: Mapping[str, frozenset[str]] = {
    str(step): frozenset(map(str, failures))
    for step, failures in {
        Step.DNS: (
            Failure.GENERIC_TIMEOUT,
            Failure.DNS_NXDOMAIN,
            Failure.DNS_REFUSED,
            Failure.DNS_SERVFAIL,
            Failure.DNS_NO_ANSWER,
        ),
        Step.TCP: (
            Failure.GENERIC_TIMEOUT,
            Failure.CONNECTION_REFUSED,
            Failure.CONNECTION_RESET,
            Failure.HOST_UNREACHABLE,
        ),
        Step.TLS: (
            Failure.GENERIC_TIMEOUT,
            Failure.CONNECTION_RESET,
            Failure.EOF,
            Failure.SSL_FAILED_HANDSHAKE,
            Failure.SSL_UNKNOWN_AUTHORITY,
        ),
        Step.HTTP: (Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF),
    }.items()
}
"""The steps that are counted, and failures with a series of their own; the rest is `other`. Each costs ISPs x platforms
series: what is not told apart on /metrics is counted together from the beginning."""
_WORDS = {step: {word: word for word in usual} for step, usual in FAILURES.items()}
MOST_WAITING, LOOKS_WAITING = 4096, 512
"""Durations, and looks, that wait to be counted in: a millisecond of work."""
_BUCKETS_US = tuple(bound * 1_000_000 for bound in DURATION_BUCKETS_S)


@dataclass(slots=True)
class _Durations:
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_US) + 1))
    sum_us: int = 0

    def add(self, durations_us: Iterable[int]) -> None:
        """Sorts many in at once: that takes a third of the time that one after the other does."""
        found = sorted(durations_us)
        self.sum_us += sum(found)
        places = [bisect_right(found, bound) for bound in _BUCKETS_US]
        for bucket, (first, end) in enumerate(pairwise((0, *places, len(found)))):
            self.counts[bucket] += end - first


class _Waiting(dict[str, list[int]]):
    """How long operations took, by step."""

    def __missing__(self, step: str) -> list[int]:
        durations_us = self[step] = list[int]()
        return durations_us


@dataclass(slots=True, eq=False)
class Look:
    """What counts of measurements that are alike: of each observation its place, its step, and how it failed, if so.

    Failures in the words of `FAILURES`. Known by what it is and not by what it holds: so it is found in no time.
    """

    platform: str
    steps: tuple[tuple[int, str, str | None], ...]


@dataclass(slots=True)
class Counting:
    """Counts measurements by agents inside of the country; `platform` empty (references) counts for durations alone.

    What is not counted in yet waits: in `_looks` how many measurements of each look came from an ISP, in `_waiting` by
    ISP and step how long operations took, `_count` of them.
    """

    _attempts: defaultdict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    _failures: defaultdict[tuple[str, str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    _durations: defaultdict[tuple[str, str], _Durations] = field(default_factory=lambda: defaultdict(_Durations))
    _last: dict[tuple[str, str], float] = field(default_factory=dict)
    _looks: dict[tuple[str, Look], int] = field(default_factory=dict)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _count: int = 0

    def count(self, measurement: Measurement, isp: str, started: float) -> None:
        """Takes a measurement into account."""
        look, durations_us = _look(measurement), measurement.durations_us
        self._looks[isp, look] = self._looks.get((isp, look), 0) + 1
        waiting = self._waiting.get(isp)
        if waiting is None:
            waiting = self._waiting[isp] = _Waiting()
        for place, step, _ in look.steps:
            waiting[step].append(durations_us[place])
        self._count += len(look.steps)
        if self._count >= MOST_WAITING or len(self._looks) >= LOOKS_WAITING:
            self._settle()
        cell = (look.platform, isp)
        if look.platform and started > self._last.get(cell, -inf):
            self._last[cell] = started

    def snapshot(self) -> Tallies:
        """The counts so far, not to change any more."""
        self._settle()
        return Tallies(
            attempts=dict(self._attempts),
            failures=dict(self._failures),
            durations={
                place: Histogram(counts=tuple(durations.counts), sum_s=durations.sum_us / 1_000_000)
                for place, durations in self._durations.items()
            },
            last_measurement=dict(self._last),
        )

    def _settle(self) -> None:
        """Counts in what waits."""
        for (isp, look), count in self._looks.items():
            if look.platform:
                for _, step, failure in look.steps:
                    self._attempts[look.platform, isp, step] += count
                    if failure is not None:
                        self._failures[look.platform, isp, step, failure] += count
        for isp, waiting in self._waiting.items():
            for step, durations_us in waiting.items():
                self._durations[isp, step].add(durations_us)
        self._looks, self._waiting, self._count = {}, {}, 0


@by_likeness
def _look(measurement: Measurement) -> Look:
    steps = tuple(
        (place, step, None if one.failure is None else _WORDS.get(step, {}).get(one.failure, OTHER))
        for place, one in enumerate(measurement.observations)
        if not _looks_closer(one) and (step := _STEPS[type(one.detail)])
    )
    return Look(platform=measurement.platform, steps=steps)


def _looks_closer(observation: Observation) -> bool:
    detail = observation.detail
    return isinstance(detail, TlsHandshake) and (
        detail.isolation or (observation.failure is None and not detail.verified)
    )
