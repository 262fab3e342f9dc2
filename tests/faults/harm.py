"""What a power cut and a bad disk do to a file: it ends too early, or some of its bytes are others. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One harm: the file ends at a place, or the byte there is another."""

    at: int
    cut: bool

    def done_to(self, content: bytes) -> bytes:
        """The file after it."""
        if self.cut:
            return content[: self.at]
        return content[: self.at] + bytes([content[self.at] ^ 0x5A]) + content[self.at + 1 :]

    def __str__(self) -> str:
        return f"{'cut' if self.cut else 'changed'} at {self.at}"


def every_byte(first: int, length: int) -> Iterator[Harm]:
    """Each byte from a place on, cut and changed."""
    for at in range(first, length):
        yield Harm(at=at, cut=True)
        yield Harm(at=at, cut=False)


def some_of(harms: Sequence[Harm], count: int, dice: Random) -> list[Harm]:
    """As many of them, spread over all of them; all where there are no more."""
    if count >= len(harms):
        return list(harms)
    width = len(harms) / count
    return [harms[int(n * width + dice.random() * width)] for n in range(count)]
