"""How long to wait before the next attempt to reach the collector. Pure: the caller draws.

After an outage thousands of agents come back at once, so each delay is drawn from a whole range.
"""

FIRST_S = 0.5
_MOST_DOUBLINGS = 16  # beyond any cap; keeps the power small after weeks of failures


def delay_s(failures: int, draw: float, *, cap_s: float) -> float:
    """Seconds to wait after so many failures in a row, the last included; `draw` is within [0, 1).

    Between half of min(cap, FIRST_S * 2^(failures - 1)) and all of it.
    """
    full = min(cap_s, FIRST_S * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS))
    return full * (0.5 + 0.5 * draw)
