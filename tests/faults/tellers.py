"""How long nobody told of the country, by the logs of those that may, and by when each was killed. Pure."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

HELD, LOST = "lease.held", "lease.lost"


class Turn(NamedTuple):
    """At a moment (Unix seconds) one began to tell, or does no more."""

    at: float
    name: str
    tells: bool


def turns_of(name: str, log: str) -> Iterator[Turn]:
    """What a process's log says of it."""
    for line in log.splitlines():
        if HELD in line or LOST in line:
            said = json.loads(line)
            yield Turn(datetime.fromisoformat(said["timestamp"]).timestamp(), name, said["event"] == HELD)


def gaps(turns: Iterable[Turn]) -> list[float]:
    """Each span in which nobody told, between the first that did and the last; seconds."""
    found, telling, since = list[float](), set[str](), 0.0
    for at, name, tells in sorted(turns):
        if tells and not telling and since:
            found.append(at - since)
        if not tells and telling == {name}:
            since = at
        (telling.add if tells else telling.discard)(name)
    return found
