"""What no plan can make this agent do. Pure.

The collector is not trusted with a volunteer's safety or money: every plan is cut down to these limits, which only
`RABTA_LAB=1` in the agent's own environment loosens, and of them only the two on time and the one on addresses.
"""

from dataclasses import dataclass

PLAN_BYTES = 1024 * 1024
ASSIGNMENTS = 1000
RESOLVERS = 4  # of each kind
INNOCUOUS_NAMES = 8
CONTROL_ADDRESSES = 2  # of one target
MARKS = 200
MARK_BYTES = 200
STEP_SECONDS = 30.0  # for any one step
PAUSE_SECONDS = 60.0  # before the second repeat of an anomaly
AT_ONCE = 4  # measurements at the same time
MEASUREMENT_BYTES = 12_000  # what one is reckoned to cost before it has been made; a full https one is 6-10 kB
ERRANDS_HOUR, ERRANDS_DAY = 60, 200  # measurements that the collector asks for at once ("measure now")
ERRANDS_WAITING = 32  # of them at any moment
ERRAND_SECONDS = 120.0  # for which one waits at the most

# How far the bytes used may run ahead of the day: urgent targets further than the others.
_AHEAD = {1: 0.25, 2: 0.15, 3: 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The limits on time: seconds between any two measurements, and between two of one target.

    `errand_target_s`: seconds between two of one target where the collector asked for the second at once.

    `any_address`: special addresses may be named, as in the lab, whose Internet is made of them.
    """

    between_s: float = 1.0
    same_target_s: float = 60.0
    errand_target_s: float = 20.0
    any_address: bool = False

    @classmethod
    def of(cls, *, lab: bool) -> "Ceilings":
        """Lifted in the lab, but for a floor that keeps a mistake from spinning."""
        return cls(between_s=0.0, same_target_s=0.1, errand_target_s=0.1, any_address=True) if lab else cls()


def affords(*, used: int, allowance: int, day_fraction: float, priority: int) -> bool:
    """Whether one more measurement fits.

    The day's allowance opens as the day goes on, so that too large a plan makes measurements rarer all day, targets of
    low priority first, instead of ending them at noon: that would look like an outage.
    """
    opened = min(1.0, day_fraction + _AHEAD.get(priority, _AHEAD[3]))
    return used + MEASUREMENT_BYTES <= allowance * opened
