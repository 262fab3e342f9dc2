"""How well an ISP carries what its agents measure: what references say, and platforms where those all fail. Pure.

What an agent found of a reference while its line was dead says nothing of now, once it is back: it was silent then, and
silence has its own rules (outage.py). Such measurements come with the first session afterwards, and the next turn of a
reference may be minutes away. They are kept, for they explain what else failed then, and have no vote.
"""

from collections.abc import Callable, Iterable
from functools import partial

from rabta_collector.cells import Cell
from rabta_collector.court import REFERENCES
from rabta_collector.nation import Nation
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import IspState, Judgement, State

_ILL = (State.BLOCKED, State.THROTTLED, State.DISRUPTED)


def health(cells: Iterable[Cell]) -> IspState:
    """Of an ISP's cells, that of its references among them: up, degraded or down."""
    by_platform = {cell.platform: cell for cell in cells}
    references = by_platform.pop(REFERENCES, None)
    states = [references.window(url).decision.state for url in references.deciding] if references else []
    known = [state for state in states if state not in (State.INCONCLUSIVE, State.DOWN)]
    ill = [state for state in known if state in _ILL]
    if not ill or 2 * len(ill) < len(known):
        return IspState.UP
    windows = (window for cell in by_platform.values() for window in cell.windows.values())
    works = any(window.decision.state is State.REACHABLE for window in windows)
    return IspState.DEGRADED if works or len(ill) < len(known) or len(known) < 2 else IspState.DOWN


def void_votes(cell: Cell, nation: Nation) -> Callable[[Vote], bool]:
    """Which votes on a cell's targets say nothing of now."""
    return partial(_is_of_a_dead_line, cell.isp, nation) if cell.platform == REFERENCES else _is_none


def _is_of_a_dead_line(isp: str, nation: Nation, vote: Vote) -> bool:
    return vote.judgement is not Judgement.OK and nation.was_away(isp, vote.agent, vote.started)


def _is_none(vote: Vote) -> bool:
    return False
