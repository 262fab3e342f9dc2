"""Which ISPs a process decides on, where several share them: the n-th of m shares, `2/3`. Pure.

ISPs are dealt out in the order of their list, one after the other, so that shares differ by one ISP at the most; all
processes find the same, for all have the same list. 1/1 is all of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 99
_WORD = re.compile(r"([0-9]{1,2})/([0-9]{1,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class IspShare:
    """The n-th of m shares, from 1."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def whole(self) -> bool:
        """Whether there is no other."""
        return self.of == 1

    def owned(self, isps: Sequence[str]) -> Sequence[str]:
        """The ISPs of this share, of all in the order of their list."""
        return isps[self.number - 1 :: self.of]

    def others(self) -> "tuple[IspShare, ...]":
        """The other ones, in order."""
        return tuple(IspShare(number, self.of) for number in range(1, self.of + 1) if number != self.number)


WHOLE = IspShare()


def parse_share(text: str) -> IspShare:
    """`N/M`. Raises `ValueError`."""
    found = _WORD.fullmatch(text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of:
        raise ValueError(f'"{text}" is no share; expected N/M, the N-th of M shares of the ISPs, of {MOST} at the most')
    return IspShare(number, of)
