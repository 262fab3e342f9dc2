"""The verdicts that stand, as whoever decides tells all that take agents, for these to tell agents. Pure."""

import json
import zlib

from rabta_collector.roles.rolls import MOST_BYTES
from rabta_collector.state import Snapshot, Verdict
from rabta_proto.vocabulary import Mechanism, State


def write_held(snapshot: Snapshot) -> bytes:
    """What an agent is told of each verdict, and when it was decided."""
    rows = [[one.platform, one.isp, str(one.state), one.mechanism, one.since] for one in snapshot.verdicts]
    return zlib.compress(json.dumps([snapshot.at, rows], separators=(",", ":")).encode(), 1)


def read_held(text: bytes) -> Snapshot:
    """Verdicts without what they rest on. Raises `ValueError`."""
    try:
        at, rows = json.loads(zlib.decompressobj().decompress(text, MOST_BYTES))
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
    return Snapshot(
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
