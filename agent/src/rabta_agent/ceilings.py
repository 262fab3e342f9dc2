"""What no plan can make this agent do. Pure.

The collector is not trusted with a volunteer's safety or money: every plan is cut down to these limits, which only
`RABTA_LAB=1` in the agent's own environment loosens, and of them only the two on time and the one on addresses.
"""

from dataclasses import dataclass

from rabta_agent.categories import RISKY

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
MEASUREMENT_MOST_BYTES = 384 * 1024  # of one measurement: past them no further step of it begins
STEP_MOST_BYTES = 128 * 1024  # what steps that began before that may still add; each bounds its own
TRANSFER_MOST_BYTES = 1_000_000  # of one measurement with timed reads: none begins that could take it past them
TRANSFER_SHARE = 0.5  # of the volunteer's bytes of a day, at most, go to such measurements
READ_SECONDS = 10.0  # for the body of one timed read
READ_BYTES = 96 * 1024  # of one timed read
READ_SPARE_BYTES = 80 * 1024  # what one may cost beyond: handshake, headers, what a server sends unasked

TRACES_DAY = 4  # looks where on the path a target is cut, in a UTC day; none without the volunteer's own word
TRACES_OF_ONE = 1  # of one host, in a UTC day
TRACE_HOPS = 20  # routers that a packet of one may pass
TRACE_CONNECTIONS = 48  # of one, one after the other
TRACE_PACKETS = 400  # that one may send
TRACE_BYTES = 64_000  # of one, both ways: past them no further connection of it begins
TRACE_SECONDS = 40.0  # of one

BACKLOG_MOST_BYTES_PER_S = 250_000  # that the backlog may be sent at, whoever asks for more
LINK_BYTES = 4_000_000  # what a collector may send in a day, or the volunteer's day of bytes where that is more

# How far the bytes used may run ahead of the day: urgent targets further than the others.
_AHEAD = {1: 0.25, 2: 0.15, 3: 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The limits on time: seconds between any two measurements, between two of one target, and of one host.

    `errand_target_s`: seconds between two of one target where the collector asked for the second at once.

    `left_out`: categories of which nothing is measured, by the volunteer's choice.

    `any_address`: special addresses may be named, as in the lab, whose Internet is made of them.
    """

    between_s: float = 1.0
    same_target_s: float = 60.0
    errand_target_s: float = 20.0
    same_host_s: float = 5.0
    any_address: bool = False
    left_out: frozenset[str] = RISKY

    @classmethod
    def of(cls, *, lab: bool, left_out: frozenset[str] = RISKY) -> "Ceilings":
        """Lifted in the lab, but for a floor that keeps a mistake from spinning."""
        if not lab:
            return cls(left_out=left_out)
        return cls(
            between_s=0.0,
            same_target_s=0.1,
            errand_target_s=0.1,
            same_host_s=0.0,
            any_address=True,
            left_out=left_out,
        )


def affords(*, used: int, running: int, allowance: int, day_fraction: float, priority: int) -> bool:
    """Whether one more measurement fits beside those that are `running`.

    The day's allowance opens as the day goes on, so that too large a plan makes measurements rarer all day, targets of
    low priority first, instead of ending them at noon: that would look like an outage. Against the whole of it those
    that run are reckoned at their worst, so that no plan overdraws it by more than one measurement.
    """
    opened = min(1.0, day_fraction + _AHEAD.get(priority, _AHEAD[3]))
    worst = running * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES)
    return (
        used + (running + 1) * MEASUREMENT_BYTES <= allowance * opened and used + worst + MEASUREMENT_BYTES <= allowance
    )


def affords_transfer(*, used: int, spent: int, running: int, allowance: int) -> bool:
    """Whether a measurement with timed reads fits beside those that are `running`, at their worst.

    `spent`: bytes of the day that such measurements took already.
    """
    worst = running * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES)
    within_day = used + worst + TRANSFER_MOST_BYTES <= allowance
    return within_day and spent + TRANSFER_MOST_BYTES <= max(TRANSFER_MOST_BYTES, TRANSFER_SHARE * allowance)


def affords_trace(*, used: int, running: int, allowance: int) -> bool:
    """Whether a trace fits beside the other measurements that are `running`, at their worst."""
    return used + running * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES) + TRACE_BYTES <= allowance


def byte_limit(*, used: int, running: int, allowance: int) -> int:
    """Bytes past which one measurement begins no further step: what the day has left, within bounds."""
    left = allowance - used - running * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES)
    return min(MEASUREMENT_MOST_BYTES, max(MEASUREMENT_BYTES, left))
