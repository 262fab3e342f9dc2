"""What the closed loop may know of the engine: what is held, and what agents found last. Pure; it changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rabta_collector.cells import Cell
from rabta_collector.court import Court
from rabta_collector.dossier import Dossier
from rabta_collector.nation import Nation
from rabta_collector.paths import Sighting
from rabta_collector.question import Key
from rabta_collector.verdict.instruments import find_faulty
from rabta_proto.vocabulary import Judgement, State

KNOWN = (State.REACHABLE, State.BLOCKED, State.THROTTLED)
"""States of a platform that a change elsewhere casts doubt on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """A view of an engine's parts, as they are at any time."""

    court: Court
    nation: Nation
    isps: Sequence[str]

    def state_of(self, key: Key) -> State:
        """What is held of a target at an ISP."""
        cell = self.court.cells.get(key[:2])
        return State.INCONCLUSIVE if cell is None or key[2] not in cell.windows else cell.windows[key[2]].decision.state

    def newest_of(self, key: Key) -> Mapping[str, tuple[float, Judgement | None]]:
        """Of each agent of an ISP when its newest measurement of a target began, and what it says of the network."""
        cell = self.court.cells.get(key[:2])
        return {} if cell is None or key[2] not in cell.windows else cell.windows[key[2]].newest_findings()

    def pace_of(self, key: Key) -> State:
        """What timed reads of a target say at an ISP."""
        cell = self.court.cells.get(key[:2])
        return State.INCONCLUSIVE if cell is None or key[2] not in cell.paces else cell.paces[key[2]].decision.state

    def newest_reads_of(self, key: Key) -> Mapping[str, tuple[float, Judgement | None]]:
        """The same as `newest_of`, of timed reads."""
        cell = self.court.cells.get(key[:2])
        return {} if cell is None or key[2] not in cell.paces else cell.paces[key[2]].newest_findings()

    def throttled(self) -> list[Key]:
        """Where timed reads hold a target to be throttled."""
        slowed = ((place, url, one) for place, cell in self.court.cells.items() for url, one in cell.paces.items())
        return [(place[0], place[1], url) for place, url, one in slowed if one.decision.state is State.THROTTLED]

    def timed_elsewhere(self, isp: str, platform: str) -> list[Key]:
        """The platform's targets with an object to read, at the other ISPs that it is reached at."""
        others = [cell for cell in self.cells_of(platform) if cell.isp != isp]
        return [
            (cell.isp, platform, url)
            for cell in others
            for url, target in cell.targets.items()
            if target.transfer is not None and cell.window(url).decision.state is State.REACHABLE
        ]

    def agents_known(self, isp: str) -> int:
        """Agents that were heard at an ISP lately, connected or not."""
        return self.nation.known(isp) if isp in self.isps else 0

    def siblings_of(self, key: Key) -> list[str]:
        """The other targets that decide about the platform of one."""
        cell = self.court.cells.get(key[:2])
        return [] if cell is None else [url for url in cell.deciding if url != key[2]]

    def targets_in(self, isp: str, platform: str, state: State) -> list[str]:
        """Targets of a platform that are held to be in a state at an ISP; where others decide on it, all that count."""
        cell = self.court.cells.get((isp, platform))
        if cell is None:
            return list(dict.fromkeys(url for one in self.cells_of(platform) for url in one.deciding))
        return [url for url in cell.deciding if cell.window(url).decision.state is state]

    def isps_not_in(self, platform: str, state: State) -> list[tuple[str, State]]:
        """ISPs where a platform is held to be reachable or blocked, but not in this state, each with what is held."""
        verdicts = [cell.verdict for cell in self.cells_of(platform)]
        return [(v.isp, v.state) for v in verdicts if v.state is not state and v.state in KNOWN]

    def cells_of(self, platform: str) -> list[Cell]:
        """The cells of a platform, at every ISP."""
        places = ((isp, platform) for isp in self.isps)
        return [self.court.cells[place] for place in places if place in self.court.cells]

    def dossier_of(self, isp: str, platform: str, now: float) -> Dossier | None:
        """What a verdict rests on as it stands; `None` where there is none."""
        cell = self.court.cells.get((isp, platform))
        return None if cell is None or not platform else self.court.open_dossier(cell, now)

    def paths_of(self, isp: str, platform: str, *, since: float, until: float | None = None) -> list[Sighting]:
        """Where on the path agents found a platform cut off, in a state that began then and ended then."""
        return self.court.paths.find((isp, platform), since=since, until=until)

    def faulty_of(self, platform: str, url: str) -> frozenset[str]:
        """Versions of the agent that fail at a target by their own fault."""
        windows = [cell.windows[url] for cell in self.cells_of(platform) if url in cell.windows]
        return find_faulty(list(window.standing.values()) for window in windows)

    def outlier_scores(self) -> Mapping[str, float]:
        """How often each agent finds otherwise than its ISP's verdict, 0 to 1."""
        return self.court.outliers.scores()
