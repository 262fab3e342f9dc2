"""A measurement without anything that could tell its agent from another one of the same ISP. Pure.

The journal holds no address and no identity of a volunteer; open data also go without what links measurements to each
other or to a machine: spool and sequence number, the version of the plan (each agent has its own), how far its clock
was off and which request it answered, what the agent called its ISP, seconds of the minute in which it began, details
of errors, how long each router on the way took to answer, and whatever a block page wrote back of who asked (addresses
in titles, queries of redirects).
"""

import re
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from rabta_proto.model import HttpRoundTrip, Measurement, Observation, PathTrace

SCRUBBED = "[scrubbed]"
"""As OONI writes it."""

_LIKE_AN_ADDRESS = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w)|(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]{0,15}(?![\w:])", re.IGNORECASE
)


def anonymise(measurement: Measurement) -> Measurement:
    """The measurement as others may have it."""
    nameless = strip(measurement)
    return replace(nameless, started_at=whole_minute(nameless.started_at))


def whole_minute(moment: datetime) -> datetime:
    """The minute that a moment is in: whoever sees a network's connections could find one of them by the second."""
    return moment.replace(second=0, microsecond=0)


def strip(measurement: Measurement) -> Measurement:
    """The same with its exact time, by which it is before or after another one; what rules look at is as it was."""
    return replace(
        measurement,
        epoch=0,
        sequence=0,
        plan_version=0,
        request=0,
        clock_offset_us=None,
        clock_jumped=None,
        network=replace(measurement.network, isp="", metered=None),
        observations=tuple(map(_observation, measurement.observations)),
    )


def scrub(text: str) -> str:
    """A text without IP addresses; a version of four numbers is taken for one, and a time is not."""
    return _LIKE_AN_ADDRESS.sub(lambda found: SCRUBBED if _is_address(found[0]) else found[0], text)


def _is_address(text: str) -> bool:
    for candidate in (text, text.rstrip(".")):
        try:
            ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _observation(observation: Observation) -> Observation:
    detail = observation.detail
    if isinstance(detail, HttpRoundTrip):
        detail = replace(
            detail, title=scrub(detail.title), server=scrub(detail.server), location=_location(detail.location)
        )
    if isinstance(detail, PathTrace):
        detail = replace(detail, steps=tuple(replace(step, first_us=None) for step in detail.steps))
    return replace(observation, detail=detail, failure_detail="")


def _location(url: str) -> str:
    """Where a redirect led: scheme, host and path, for a query may repeat who was sent there."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return parts._replace(netloc=host, path=scrub(parts.path), query="", fragment="").geturl()
