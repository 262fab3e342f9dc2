"""The volunteer's bytes of a day, as a hard cap: probes and the line to the collector together. Pure.

Measuring ends where a measurement that begins could, at its worst, pass what is left, less what the line to the
collector needs for the rest of the day. At the very end the line goes, too, until the next day (UTC). What can still
pass the cap is one message of the collector's, for what is sent cannot be sent back: 1 MiB at the most.
"""

from rabta_agent.ceilings import MEASUREMENT_BYTES, STEP_MOST_BYTES

LINK_DAY_BYTES = 1_700_000  # signs of life every 15 s for a day, each with its answer and TCP's acknowledgements
WORST_BYTES = MEASUREMENT_BYTES + STEP_MOST_BYTES  # by which a measurement may pass its limit, at its worst
LAST_BYTES = 64_000  # for what is on its way while the line is closed


def for_measuring(allowance: int, *, day_fraction: float) -> int:
    """What of a day's bytes measuring may take, with so much of the day gone. Of a small cap, shares."""
    link = min(LINK_DAY_BYTES, allowance // 4) * (1.0 - day_fraction)
    return max(0, allowance - int(link) - min(WORST_BYTES, allowance // 8) - min(LAST_BYTES, allowance // 16))


def is_used_up(allowance: int, used: int) -> bool:
    """Whether nobody may be contacted any more today."""
    return used >= allowance - min(LAST_BYTES, allowance // 16)
