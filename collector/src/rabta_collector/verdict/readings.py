"""Legs of measurements that many others are held against: each is read once, and so is what its legs are asked."""

from rabta_collector.verdict.legs import Leg, read_legs
from rabta_proto.model import Measurement

KEPT = 1024
"""Measurements whose legs are kept; a leg takes a few kB."""


class Readings:
    """Of more than `KEPT` measurements the one that was read first is forgotten."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[Measurement, tuple[Leg, ...]]] = {}

    def of(self, measurement: Measurement) -> tuple[Leg, ...]:
        """Its legs, which nobody may change; they keep it alive, so that no other has its id meanwhile."""
        if (known := self._read.get(id(measurement))) is None:
            if len(self._read) >= KEPT:
                del self._read[next(iter(self._read))]
            known = self._read[id(measurement)] = measurement, read_legs(measurement)
        return known[1]
