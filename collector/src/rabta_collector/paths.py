"""Where on the path names are cut off, as agents traced it: evidence beside verdicts, of which none is made. Pure.

Of a platform at an ISP the newest traces are kept, of one agent and target one a day, KEPT in all. What each says is
worked out by `rabta_proto.locating`. A trace that ran through a VPN, or while the machine moved, or at another ISP than
the volunteer named, says nothing of this one, and is not kept.

`to_row` is what others may see: no pseudonym, no time finer than a minute. Fields are public and only ever added to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rabta_collector.disclosure import Row
from rabta_collector.rfc3339 import format_minute
from rabta_proto.locating import Location, find_traces, locate
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import State

KEPT = 20
DAY_S = 86_400.0
BEFORE_S = 600.0
"""By so much a trace may be older than the decision that what it traced is blocked: the first signs are traced, too."""

WITHOUT = frozenset({State.REACHABLE, State.DOWN})
"""States in which nothing on the path is in question."""

Place = tuple[str, ...]
"""ISP and platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one trace says. `started`: Unix seconds."""

    started: float
    url: str
    location: Location


@dataclass(slots=True, kw_only=True)
class Paths:
    """By place, and there by agent, target and day."""

    _seen: dict[Place, dict[tuple[str, str, int], Sighting]] = field(default_factory=dict)

    def hear(self, place: Place, agent: str, measurement: Measurement, started: float) -> None:
        """Takes in a trace."""
        network = measurement.network
        own, other = find_traces(measurement.observations)
        if network.vpn or network.changed or network.captive_portal or network.seen_isp or own is None:
            return
        url = measurement.target
        seen = self._seen.setdefault(place, {})
        seen[agent, url, int(started // DAY_S)] = Sighting(started=started, url=url, location=locate(own, other))
        if len(seen) > KEPT:
            del seen[min(seen, key=lambda key: seen[key].started)]

    def find(self, place: Place, *, since: float, until: float | None = None) -> list[Sighting]:
        """What was traced in a state that began then and ended then, the newest first."""
        seen = self._seen.get(place, {}).values()
        those = [one for one in seen if since - BEFORE_S <= one.started and (until is None or one.started < until)]
        return sorted(those, key=lambda one: (-one.started, one.url))


def to_rows(sightings: Iterable[Sighting]) -> list[Row]:
    """As others may have them."""
    return [_to_row(one) for one in sightings]


def _to_row(one: Sighting) -> Row:
    found = one.location
    return {
        "target": one.url,
        "at": format_minute(one.started),
        "cut": None if found.cut is None else str(found.cut),
        "after": found.after,
        "begins": found.begins,
        "server": found.server,
        "at_server": found.at_server,
        "by_name": found.by_name,
        "doubt": None if found.doubt is None else str(found.doubt),
        "resets": found.resets,
        "reset_ttls": [reset.ttl for reset in found.first_resets],
        "reset_ip_ids": [reset.ip_id for reset in found.first_resets if reset.ip_id is not None],
    }
