"""How fast a read was, and whether some were slower than others by more than chance. Pure.

A policer lets the first bytes through and then holds the flow to a plateau, so it is the plateau that is compared: the
rate of the second half of the bytes of a read, or of its time where that ended before all had come. (Slow starts, and
servers that take long to begin, are in the first half.) The test is the one-sided rank-sum test of Mann and Whitney,
exact: with four against four, nothing but samples that do not overlap is significant. That comes about by chance once
in seventy times, and at a fifth of the speed far more seldom still; and a verdict takes several agents who find so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from rabta_proto.model import Transfer

RATIO = 0.2
"""At most this share of the other's plateau is throttled (Xue et al., IMC 2021, and Wehe have 0.1 to 0.5)."""

ALPHA = 0.02
LEAST = 4
"""Reads of either side; of four against four the least p is 1/70."""

MOST = 500_000.0
"""Bytes a second: who still gets 4 Mbit/s is not said to be held down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Bytes a second: medians of the plateaus under the target's name and under what it is compared with.

    `least`, `most`: the spread of the target's. `goodput`, `goodput_other`: medians of whole reads.
    """

    own: float
    other: float
    least: float
    most: float
    goodput: float
    goodput_other: float

    @property
    def ratio(self) -> float:
        return self.own / self.other if self.other else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two samples; `p` is how likely ranks as low as those of the first are by chance."""

    own: tuple[float, ...]
    other: tuple[float, ...]

    @property
    def enough(self) -> bool:
        return min(len(self.own), len(self.other)) >= LEAST

    @property
    def ratio(self) -> float:
        """Of the medians; 1 where there is nothing to compare."""
        if not self.own or not self.other or not median(self.other):
            return 1.0
        return median(self.own) / median(self.other)

    @property
    def p(self) -> float:
        return rank_sum_p(self.own, self.other)

    @property
    def lower(self) -> bool:
        """Whether the first sample is lower by so much, and not by chance."""
        return self.enough and self.ratio <= RATIO and self.p <= ALPHA and median(self.own) <= MOST


def goodput(read: Transfer) -> float:
    """Bytes a second of a whole read, from the request."""
    return read.body_bytes / max(1, read.read_us or 1) * 1e6


def plateau(read: Transfer) -> float:
    """Bytes a second of the second half: of the bytes where all came, else of the time."""
    end = max(1, read.read_us or 1)
    points = sorted((point.offset_us, point.bytes) for point in read.curve if 0 <= point.offset_us < end)
    if read.body_bytes >= read.wanted_bytes or read.body_bytes == read.declared_bytes:
        half = next(((at, count) for at, count in points if 2 * count >= read.body_bytes), (0, 0))
    else:
        half = next(((at, count) for at, count in reversed(points) if 2 * at <= end), (0, 0))
    return max(0, read.body_bytes - half[1]) / max(1, end - half[0]) * 1e6


def rank_sum_p(own: Sequence[float], other: Sequence[float]) -> float:
    """How likely it is that ranks as low as those of `own` come about by chance: exact; equal values count against it.

    1 where there is nothing to compare.
    """
    if not own or not other:
        return 1.0
    above = sum(theirs <= mine for mine in own for theirs in other)  # pairs that speak against
    ways = _ways(len(own), len(other))
    return sum(ways[: above + 1]) / comb(len(own) + len(other), len(own))


def _ways(m: int, n: int) -> list[int]:
    """In how many of all orders of m and n values so many pairs stand the wrong way round, by their number."""
    # The coefficients of the Gaussian binomial: multiply by (1 - q^(n+i)), divide by (1 - q^i).
    ways = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for place in range(m * n, n + i - 1, -1):
            ways[place] -= ways[place - n - i]
        for place in range(i, m * n + 1):
            ways[place] += ways[place - i]
    return ways


def typical(paces: Sequence[Pace]) -> Pace:
    """The medians of several agents' figures, with the whole spread."""
    return Pace(
        own=median(pace.own for pace in paces),
        other=median(pace.other for pace in paces),
        least=min(pace.least for pace in paces),
        most=max(pace.most for pace in paces),
        goodput=median(pace.goodput for pace in paces),
        goodput_other=median(pace.goodput_other for pace in paces),
    )


def rate(bytes_per_second: float) -> str:
    """`16 kB/s`; below ten with one more figure."""
    if bytes_per_second >= 1e6:
        return f"{bytes_per_second / 1e6:.1f} MB/s"
    thousands = bytes_per_second / 1e3
    return f"{thousands:.1f} kB/s" if thousands < 10 else f"{thousands:.0f} kB/s"


def held(pace: Pace) -> str:
    """Plateau, spread and ratio: what a verdict says in its note."""
    spread = f"{rate(pace.least)} to {rate(pace.most)}"
    return f"held to {rate(pace.own)} ({spread}), {percent(pace.ratio)} of the {rate(pace.other)} compared with"


def percent(ratio: float) -> str:
    """A share; below ten in a hundred with one more figure."""
    return f"{100 * ratio:.1f} %" if ratio < 0.1 else f"{100 * ratio:.0f} %"
