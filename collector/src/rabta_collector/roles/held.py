"""The verdicts that stand, as whoever decides tells all that take agents, for these to tell agents. Pure."""

import json
import zlib
from dataclasses import dataclass, field

from rabta_collector.isp_share import WHOLE, IspShare, parse_share
from rabta_collector.roles.rolls import MOST_BYTES
from rabta_collector.state import Snapshot, Verdict
from rabta_proto.vocabulary import Mechanism, State

HELD_S = 60.0
"""After which what was held is told to nobody any more, while nobody says what is."""


def write_held(snapshot: Snapshot, share: IspShare = WHOLE) -> bytes:
    """What an agent is told of each verdict of a share of the ISPs, and when it was decided."""
    rows = [[one.platform, one.isp, str(one.state), one.mechanism, one.since] for one in snapshot.verdicts]
    return zlib.compress(json.dumps([snapshot.at, rows, str(share)], separators=(",", ":")).encode(), 1)


@dataclass(slots=True)
class Held:
    """What is held, of all shares that are told of; of one that nobody tells of for a while nothing."""

    _told: dict[str, tuple[Snapshot, float]] = field(default_factory=dict)

    def hear(self, text: bytes, now: float) -> None:
        """`now`: any clock's seconds. Raises `ValueError`."""
        share, snapshot = read_held(text)
        self._told[str(share)] = snapshot, now

    def snapshot(self, now: float) -> Snapshot:
        self._told = {share: told for share, told in self._told.items() if now - told[1] <= HELD_S}
        fresh = [snapshot for snapshot, _ in self._told.values()]
        at = max((one.at for one in fresh), default=0.0)
        return Snapshot(at=at, verdicts=tuple(verdict for one in fresh for verdict in one.verdicts))


def read_held(text: bytes) -> tuple[IspShare, Snapshot]:
    """Verdicts without what they rest on. Raises `ValueError`."""
    try:
        at, rows, share = json.loads(zlib.decompressobj().decompress(text, MOST_BYTES))
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
    return parse_share(share), Snapshot(
        at=float(at),
        verdicts=tuple(
            Verdict(
                platform=platform,
                isp=isp,
                state=State(state),
                mechanism=None if mechanism is None else Mechanism(mechanism),
                since=float(since),
                updated=float(at),
                confidence=0.0,
                agents=0,
                measurements=0,
                agreement=0.0,
            )
            for platform, isp, state, mechanism, since in rows
        ),
    )
