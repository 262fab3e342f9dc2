"""What was known by those who knew more of the past, put beside what is known of what is left of it. Pure.

Whoever starts on a journal whose beginning is gone finds each state anew, as of the first rows there are. Since when it
stands, and what stood before, the record says, which was written when all of that was there.
"""

from collections.abc import Collection

from rabta_collector.chronicle import Chronicle
from rabta_collector.court import Court
from rabta_collector.nation import Nation
from rabta_collector.record.seam import Standing
from rabta_proto.vocabulary import IspState


def recall(
    standing: Standing, now: float, *, isps: Collection[str], court: Court, nation: Nation, chronicle: Chronicle
) -> None:
    """As of `now`, up to which everything is decided: states have stood since when they did, and what is another one
    is written down as a change of now. What is not known (again) stays so.
    """
    for (isp, platform), stood in sorted(standing.items()):
        if isp not in isps:
            continue
        cell = court.cells.get((isp, platform))
        if not platform:
            if (turn := nation.recall(isp, IspState(stood.state), stood.since, now)) is not None:
                chronicle.write_turn(turn, now)
        elif cell is not None and (change := cell.recall(stood, now)) is not None:
            chronicle.write_change(change, now, court.open_dossier(cell, now))
