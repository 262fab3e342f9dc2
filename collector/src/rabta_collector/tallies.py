"""Counts of steps, their failures and durations since the journal began: the source of the counters on /metrics. Pure.

Label values come from closed sets alone: what an agent says beyond them is counted as `other`. Repeats count, each
being an attempt of its own; handshakes that only look closer (isolation, a refused certificate) do not.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
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
_BUCKETS_US = tuple(bound * 1_000_000 for bound in DURATION_BUCKETS_S)


@dataclass(slots=True)
class _Durations:
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_US) + 1))
    sum_us: int = 0


@dataclass(slots=True)
class Counting:
    """Counts measurements by agents inside of the country; `platform` empty (references) counts for durations alone."""

    _attempts: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """By platform and ISP, then by step."""

    _failures: defaultdict[tuple[str, str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    _durations: dict[str, dict[str, _Durations]] = field(default_factory=dict)
    """By ISP, then by step."""

    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    def count(self, measurement: Measurement, isp: str, started: float) -> None:
        """Takes a measurement into account."""
        platform, durations_us = measurement.platform, measurement.durations_us
        cell, counted = (platform, isp), _counted(measurement)
        of_isp = self._durations.get(isp) or self._durations.setdefault(isp, {})
        for place, step, _ in counted:
            durations = of_isp.get(step) or of_isp.setdefault(step, _Durations())
            duration_us = durations_us[place]
            durations.counts[bisect_left(_BUCKETS_US, duration_us)] += 1
            durations.sum_us += duration_us
        if not platform:
            return
        attempts = self._attempts.get(cell) or self._attempts.setdefault(cell, {})
        for _, step, failure in counted:
            attempts[step] = attempts.get(step, 0) + 1
            if failure is not None:
                self._failures[platform, isp, step, failure] += 1
        if started > self._last.get(cell, -inf):
            self._last[cell] = started

    def snapshot(self) -> Tallies:
        """The counts so far, not to change any more."""
        return Tallies(
            attempts={(*cell, step): count for cell, steps in self._attempts.items() for step, count in steps.items()},
            failures=dict(self._failures),
            durations={
                (isp, step): Histogram(counts=tuple(durations.counts), sum_s=durations.sum_us / 1_000_000)
                for isp, steps in self._durations.items()
                for step, durations in steps.items()
            },
            last_measurement=dict(self._last),
        )


@by_likeness
def _counted(measurement: Measurement) -> tuple[tuple[int, str, str | None], ...]:
    """Of each observation that counts its place, its step, and its failure in the words of `FAILURES`."""
    return tuple(
        (place, step, None if one.failure is None else _WORDS.get(step, {}).get(one.failure, OTHER))
        for place, one in enumerate(measurement.observations)
        if not _looks_closer(one) and (step := _STEPS[type(one.detail)])
    )


def _looks_closer(observation: Observation) -> bool:
    detail = observation.detail
    return isinstance(detail, TlsHandshake) and (
        detail.isolation or (observation.failure is None and not detail.verified)
    )
