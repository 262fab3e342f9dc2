"""Timed reads of one measurement, held against one another and against the controls'. Pure.

Reads under the target's name are compared with reads of the same object at the same address under an innocuous name,
or with those of a reference's object (pace.py has the test). What is slow for everybody is the server's doing: a
control's reads under the target's name must have been faster.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from rabta_collector.verdict.once import once
from rabta_collector.verdict.pace import ALPHA, MOST, Comparison, Pace, goodput, plateau
from rabta_proto.model import Measurement, Transfer
from rabta_proto.vocabulary import Depth, TransferKind

PERHAPS = 0.5
"""At most this share is worth telling, though it proves nothing."""

CONTROL_RATIO = 0.4
"""At most this share of what a control gets under the same name, or the server is slow for everybody."""

HANDSHAKE_TIMES, HANDSHAKE_S = 5.0, 1.0
"""A handshake that takes so many times as long, and so many seconds longer, is delayed."""

STEADY = 4.0
"""Of a line that is slowed whatever the name, the fastest read is at most so many times as fast as the slowest."""

_WHOLE = (200, 206)


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Reads:
    """The timed reads of a measurement. `controls` are measurements of the same target by controls."""

    measurement: Measurement
    controls: Sequence[Measurement] = ()

    @once
    def own(self) -> tuple[Transfer, ...]:
        return _reads(self.measurement, TransferKind.TARGET)

    @once
    def innocuous(self) -> tuple[Transfer, ...]:
        """Reads of the same object under another name; none where the server gave something else."""
        likeness = {(one.status, one.declared_bytes) for one in self.own}
        found = _reads(self.measurement, TransferKind.CONTROL)
        return tuple(one for one in found if (one.status, one.declared_bytes) in likeness)

    @once
    def reference(self) -> tuple[Transfer, ...]:
        return _reads(self.measurement, TransferKind.REFERENCE)

    @once
    def by_name(self) -> Comparison:
        return Comparison(own=_plateaus(self.own), other=_plateaus(self.innocuous))

    @once
    def by_line(self) -> Comparison:
        """All reads of the server, under whatever name, with those of the reference."""
        return Comparison(own=_plateaus((*self.own, *self.innocuous)), other=_plateaus(self.reference))

    @once
    def handshakes(self) -> Comparison:
        """Speeds of handshakes: their inverse, so that lower is slower here too."""
        return Comparison(own=_speeds(self.own), other=_speeds(self.innocuous))

    @once
    def compared(self) -> bool:
        """Whether there are two reads at least on either side, of one comparison or the other."""
        return len(self.own) >= 2 and max(len(self.innocuous), len(self.reference)) >= 2

    @property
    def slowed_by_name(self) -> bool:
        return self.by_name.lower

    @property
    def delayed_by_name(self) -> bool:
        """Whether handshakes under the target's name take far longer."""
        own, other = self.handshakes.own, self.handshakes.other
        if not self.handshakes.enough or self.handshakes.p > ALPHA:
            return False
        longer_s = 1 / max(own) - 1 / min(other)
        return longer_s >= HANDSHAKE_S and median(own) * HANDSHAKE_TIMES <= median(other)

    @property
    def slowed_by_address(self) -> bool:
        """Whether all reads of the server are held to one plateau, and the line can do more."""
        own = self.by_line.own
        steady = bool(own) and max(own) <= STEADY * max(min(own), 1.0)
        by_name = bool(self.innocuous) and self.by_name.ratio <= PERHAPS
        return self.by_line.lower and steady and not by_name

    @property
    def suspicious(self) -> bool:
        """Whether something looks slowed, be it by chance, in a comparison that was made to its end or not."""
        if not self.own:  # of no other name is anything read then, and most measurements time none
            return False
        if self.slowed_by_name or self.slowed_by_address or self.delayed_by_name:
            return True
        return any(
            len(one.own) >= 2 and len(one.other) >= 2 and max(one.own) < PERHAPS * min(one.other)
            for one in (self.by_name, self.by_line)
        ) and bool(self.pace and self.pace.own <= MOST)

    # The controls

    @once
    def _looks(self) -> list[tuple[Transfer, ...]]:
        """Reads under the target's name by each control that made any."""
        found = (_reads(control, TransferKind.TARGET) for control in self.controls)
        return [reads for reads in found if reads]

    @property
    def controls_read(self) -> int:
        """Looks of controls that timed the same object."""
        return len(self._looks)

    @property
    def controls_are_faster(self) -> bool:
        """Whether most controls got far more under this name, or shook hands sooner where that is the matter."""
        if not self.own:
            return False
        own = median(_plateaus(self.own))
        if self.delayed_by_name and not (self.slowed_by_name or self.slowed_by_address):
            own_speed = median(_speeds(self.own))
            return _most(median(_speeds(look)) >= own_speed / CONTROL_RATIO for look in self._looks if _speeds(look))
        return _most(own <= CONTROL_RATIO * median(_plateaus(look)) for look in self._looks)

    @property
    def controls_plateau(self) -> float:
        """Median of what controls got; 0 where none read."""
        return median(median(_plateaus(look)) for look in self._looks) if self._looks else 0.0

    @once
    def pace(self) -> Pace | None:
        """The figures, of the comparison that was made; `None` where none was."""
        if not self.compared:
            return None
        others = self.innocuous if len(self.innocuous) >= 2 and not self.by_line.lower else self.reference
        others = others or self.innocuous
        plateaus = _plateaus(self.own)
        return Pace(
            own=median(plateaus),
            other=median(_plateaus(others)),
            least=min(plateaus),
            most=max(plateaus),
            goodput=median(map(goodput, self.own)),
            goodput_other=median(map(goodput, others)),
        )


def has_reads(measurement: Measurement) -> bool:
    """Whether there are any; most measurements say no without a look."""
    return measurement.depth is Depth.TRANSFER and any(isinstance(o.detail, Transfer) for o in measurement.observations)


def without_reads(measurement: Measurement) -> Measurement:
    """The same without its timed reads: whether a site is reached is judged without them."""
    if measurement.depth is not Depth.TRANSFER:
        return measurement
    kept = tuple(o for o in measurement.observations if not isinstance(o.detail, Transfer))
    return replace(measurement, observations=kept)


def _reads(measurement: Measurement, kind: TransferKind) -> tuple[Transfer, ...]:
    """Those that gave something to time: a response with the object, be it that its bytes ceased to come."""
    found = ((o.failure, o.detail) for o in measurement.observations if isinstance(o.detail, Transfer))
    return tuple(
        sorted(
            (
                read
                for failure, read in found
                if failure is None and read.kind is kind and read.status in _WHOLE and read.read_us
            ),
            key=lambda read: (read.turn, read.read_us or 0),
        )
    )


def _plateaus(reads: Iterable[Transfer]) -> tuple[float, ...]:
    return tuple(map(plateau, reads))


def _speeds(reads: Iterable[Transfer]) -> tuple[float, ...]:
    return tuple(1e6 / max(1, one.handshake_us) for one in reads if one.handshake_us is not None)


def _most(votes: Iterable[bool]) -> bool:
    told = list(votes)
    return 2 * sum(told) > len(told)
