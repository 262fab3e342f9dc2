"""What one agent copied from another, in a journal that many processes write: left out by whoever decides. Pure.

A process that takes agents refuses what came to it before under another agent's name (echoes.py); what came to another
process it has never seen. Whoever decides reads it all, in the journal's order, so that all who do find the same. Of
two the first one in the journal counts; the other one stays there, and nothing is made of it. It is remembered by ISP,
so that shares of the ISPs come to what one process comes to that has them all.
"""

from dataclasses import replace

from rabta_collector.echoes import Echoes
from rabta_collector.entries import Measured


class Originals:
    """The newest measurements of each ISP; ten megabytes at the most for each (`echoes.MOST`)."""

    def __init__(self) -> None:
        self._by_isp: dict[str, Echoes] = {}

    def of(self, entry: Measured, epoch: int) -> Measured:
        """The next entry of the journal without its copies."""
        echoes = self._by_isp.setdefault(entry.isp, Echoes())
        places, _ = echoes.look(entry.agent, epoch, entry.measurements)
        if places:
            copied = {*places}
            kept = (one for place, one in enumerate(entry.measurements) if place not in copied)
            entry = replace(entry, measurements=tuple(kept))
        echoes.add(entry.agent, epoch, entry.measurements)
        return entry
