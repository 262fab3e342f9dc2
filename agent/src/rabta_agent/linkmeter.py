"""What the line to the collector costs, by the kernel's own counts (Linux); elsewhere traffic.py's reckoning has to do.

gRPC opens its sockets itself and tells nobody. So every TCP socket of this process that no probe has opened is taken
for the collector's, which they are, and asked for what went over it: payload with retransmissions, and segments both
ways at 52 bytes of headers (72 over IPv6). Of one that was closed since the last look what came after that is not
known: it is reckoned as CLOSING_BYTES.
"""

import os
import socket
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from rabta_agent.tcpinfo import read_totals

HEADERS, V6_EXTRA = 52, 20
CLOSING_BYTES = 4 * HEADERS  # two segments each way
_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Bytes both ways, with headers."""

    sent: int = 0
    received: int = 0


class LinkMeter:
    """Counts from when it was made. `probes`: descriptors of sockets that are counted elsewhere, at any time."""

    def __init__(self, probes: Collection[int]) -> None:
        self._probes = probes
        self._open: dict[str, Cost] = {}
        self._past = Cost()
        self.works = self._look()

    def total(self) -> Cost:
        """Everything since the beginning; never falls."""
        self._look()
        costs = (self._past, *self._open.values())
        return Cost(sent=sum(cost.sent for cost in costs), received=sum(cost.received for cost in costs))

    def _look(self) -> bool:
        try:
            names = [name for name in os.listdir(_DESCRIPTORS) if int(name) not in self._probes]  # noqa: PTH208 - thrice as fast
        except OSError:
            return False
        now: dict[str, Cost] = {}
        for name in names:
            with suppress(OSError, ValueError):  # closed meanwhile, or no socket
                place = str((_DESCRIPTORS / name).readlink())
                if place.startswith("socket:") and (cost := _ask(int(name))) is not None:
                    now[place] = cost
        for place in self._open.keys() - now.keys():
            gone = self._open[place]
            self._past = Cost(
                sent=self._past.sent + gone.sent + CLOSING_BYTES // 2,
                received=self._past.received + gone.received + CLOSING_BYTES // 2,
            )
        self._open = now
        return True


def _ask(descriptor: int) -> Cost | None:
    """`None`: no TCP connection. Raises `OSError`."""
    with closing(socket.socket(fileno=os.dup(descriptor))) as opened:
        if opened.type != socket.SOCK_STREAM or opened.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        totals = read_totals(opened)
        mapped = opened.family == socket.AF_INET6 and str(opened.getsockname()[0]).startswith("::ffff:")
        headers = HEADERS + (V6_EXTRA if opened.family == socket.AF_INET6 and not mapped else 0)
    if totals is None:
        return None
    sent, received, segments_out, segments_in = totals
    return Cost(sent=sent + segments_out * headers, received=received + segments_in * headers)
