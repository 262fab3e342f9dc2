"""What the collector holds of platforms and ISPs, as it tells this agent, kept for the volunteer's `status`.

In the home as `standing.json`: `at` (Unix seconds), and `held`: platform, then ISP, then `state`, `mechanism`, `since`
(Unix seconds). What is not in it is not known.
"""

from rabta_agent.home import Home
from rabta_proto.v1 import collector_pb2 as wire

MOST = 20_000
"""Verdicts that are kept at the most: the collector is not trusted with this disk either."""
_STATES = {"reachable", "blocked", "throttled", "disrupted", "down", "inconclusive"}


class Board:
    """Of one running agent."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._held: dict[str, dict[str, object]] = {}

    def hear(self, standing: wire.Standing) -> None:
        """Takes in what is new, or all of it."""
        if standing.whole:
            self._held = {}
        count = sum(map(len, self._held.values()))
        for held in standing.held[: max(0, MOST - count)]:
            if held.state in _STATES and max(map(len, (held.platform, held.isp, held.mechanism))) <= 100:
                self._held.setdefault(held.platform, {})[held.isp] = {
                    "state": held.state,
                    "mechanism": held.mechanism,
                    "since": held.since.seconds,
                }
        self._home.save_note("standing", {"at": standing.at.seconds, "held": self._held})
