"""What is so in the country of a crowd: agents measure it, and what is told is held against it. Pure.

Some platforms work for ever, some are reset after the ClientHello at every ISP for ever, and one turns: it works but
for a while in the middle. Controls reach all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rabta_proto.vocabulary import State

ISPS = ("ptcl", "nayatel", "zong", "jazz")
OPEN = tuple(f"open{number}" for number in range(47))
WALLED = tuple(f"walled{number}" for number in range(2))
TURNING = "turning"
PLATFORMS = (*OPEN, *WALLED, TURNING)
NOT_YET = ("inconclusive", "")


def target_of(platform: str) -> str:
    return f"https://{platform}.example/"


def targets_file() -> str:
    """All of them, as the collector is told."""
    return "\n".join(
        f'[[platform]]\nid = "{one}"\nname = "{one}"\n[[platform.target]]\nurl = "{target_of(one)}"\ninterval = "60s"'
        for one in PLATFORMS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """`blocked`: from when until when the platform that turns is blocked, Unix seconds."""

    blocked: tuple[float, float]

    def of(self, platform: str, at: float) -> str:
        """The state that it is in."""
        begin, end = self.blocked
        walled = platform in WALLED or (platform == TURNING and begin <= at < end)
        return str(State.BLOCKED if walled else State.REACHABLE)

    def lately(self, platform: str, at: float, within_s: float) -> set[str]:
        """The states that it was in at any time from so long ago until now."""
        begin, end = at - within_s, at
        moments = (begin, end, *(turn for turn in self.blocked if begin < turn <= end))
        return {self.of(platform, moment) for moment in moments}


@dataclass(slots=True, kw_only=True)
class Held:
    """What was told, held against what is so. `wrong`: lines about what was never so; it may be late by `late_s`."""

    truth: Truth
    late_s: float
    wrong: list[str] = field(default_factory=list)
    told: int = 0
    latest_s: float = 0.0
    """The longest that anything was told that was so no more."""

    _decided: set[tuple[str, str, str]] = field(default_factory=set)

    def hear(self, teller: str, verdicts: Iterable[Mapping[str, object]], at: float) -> None:
        """All verdicts that one process tells at a moment."""
        for verdict in verdicts:
            platform, isp, state = (str(verdict[key]) for key in ("platform", "isp", "state"))
            cell = (teller, platform, isp)
            if state in NOT_YET and cell not in self._decided:
                continue
            self._decided.add(cell)
            self.told += 1
            if state == self.truth.of(platform, at):
                continue
            if state not in self.truth.lately(platform, at, self.late_s):
                self.wrong.append(f"{teller} tells {state} of {platform} at {isp}, {at:.1f}")
            else:
                self.latest_s = max(self.latest_s, at - max(turn for turn in self.truth.blocked if turn <= at))

    def decided(self, teller: str, isp: str) -> int:
        """Of how many platforms at an ISP it has told a state."""
        return sum((one[0], one[2]) == (teller, isp) for one in self._decided)
