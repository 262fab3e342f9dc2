"""Draws that hang on what they are for and on nothing else. Pure.

A draw is made from a seed and the words that name it ("ptcl", 3, "power"), never from how many were made before. So
one part of the country can be looked at alone, or later, or twice, and is always the same.
"""

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

_SCALE = 1.0 / (1 << 64)


@dataclass(frozen=True, slots=True)
class Dice:
    """`seed` names a world."""

    seed: int

    def share(self, *words: object) -> float:
        """Uniform within [0, 1)."""
        return int.from_bytes(self._digest(words), "big") * _SCALE

    def between(self, low: float, high: float, *words: object) -> float:
        return low + (high - low) * self.share(*words)

    def stream(self, *words: object) -> Random:
        """Any number of draws for one purpose."""
        return Random(self._digest(words))

    def _digest(self, words: tuple[object, ...]) -> bytes:
        return blake2b(repr((self.seed, words)).encode(), digest_size=8).digest()
