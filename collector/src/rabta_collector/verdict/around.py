"""How controls' looks lie about a measurement: whose each is, on which side, and which of several is nearer. Pure.

That is all that rules know of the times at which controls looked. So measurements that are alike, held against looks
that are alike and lie alike, are one case to them (memory.py).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rabta_proto.model import Measurement


class Around(NamedTuple):
    """Of one look. `control` tells controls apart: they are numbered as they come, by the epochs of their measurements.

    `after`: it began with the measurement or later. `nearer`: how many other distances of looks of the same control on
    the same side are less.
    """

    control: int
    after: bool
    nearer: int


def arrange(measurement: Measurement, controls: Iterable[Measurement]) -> tuple[Around, ...]:
    """How each lies, in their order."""
    start, numbers = measurement.began_us, dict[int, int]()
    delays = [(numbers.setdefault(one.epoch, len(numbers)), one.began_us - start) for one in controls]
    sides = {(control, delay_us >= 0) for control, delay_us in delays}
    if len(sides) == len(delays):  # as a rule
        return tuple([Around(control, delay_us >= 0, 0) for control, delay_us in delays])
    return tuple(Around(control, delay_us >= 0, _nearer(control, delay_us, delays)) for control, delay_us in delays)


def _nearer(control: int, delay_us: int, delays: Sequence[tuple[int, int]]) -> int:
    same = {abs(other) for one, other in delays if one == control and (other >= 0) == (delay_us >= 0)}
    return sum(distance < abs(delay_us) for distance in same)
