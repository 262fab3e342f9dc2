"""An OONI measurement as an entry of the history: what is kept of it, and what is found. Pure.

Kept: our words for what the probe and the test helper saw (convert.py), the time, the probe's network. Not kept:
`probe_ip` and everything else of the envelope, and bodies, so block pages that become known later are looked for in
titles alone. Two measurements are one where OONI's own `measurement_uid` is the same or, since files from before the
upload have none, where input, time, network and test keys are.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from rabta_collector.history.file import Placed, Published
from rabta_collector.history.importing import AHEAD_S, digest_of
from rabta_collector.history.keeper import found_of
from rabta_collector.history.payload import Evidence, pack, pack_aside
from rabta_collector.history.places import Places, Reason
from rabta_collector.ooni import fields
from rabta_collector.ooni.convert import convert, read_time
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.judge import TEST_NAME
from rabta_collector.ooni.prints import Prints


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What tells of a measurement that has a place, before it is looked into."""

    began: datetime
    asn: int
    isp: str
    platform: str
    uid: bytes | None
    content: bytes


def admit(document: Record, places: Places, now: float) -> Ticket | Reason:
    """The ticket of a measurement, or why it has no place. `now` in Unix seconds."""
    if document.get("test_name") != TEST_NAME:
        return Reason.OTHER_TEST
    platform = places.platform_of(fields.text(document.get("input")))
    if isinstance(platform, Reason):
        return platform
    asn = asn_of(document)
    isp = places.isp_of(asn)
    if isinstance(isp, Reason):
        return isp
    began = read_time(document.get("measurement_start_time"))
    if began is None:
        return Reason.NO_TIME
    if began.timestamp() > now + AHEAD_S:
        return Reason.FUTURE
    uid = fields.text(document.get("measurement_uid"))
    return Ticket(
        began=began,
        asn=asn,
        isp=isp,
        platform=platform,
        uid=digest_of(uid.encode()) if uid else None,
        content=digest_of(_content(document).encode("utf-8", "replace")),
    )


def asn_of(document: Record) -> int:
    """The number of the probe's network; 0 where it is not told."""
    told = document.get("probe_asn")
    digits = str(fields.whole(told) or "") or fields.text(told).upper().removeprefix("AS")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 else 0


def take_in(document: Record, ticket: Ticket, prints: Prints) -> tuple[Published, Placed]:
    """What is kept of a measurement, and its finding."""
    case = convert(document, prints)
    evidence = Evidence(
        measurement=case.measurement,
        controls=case.controls,
        references=case.references,
        known=case.known,
        background=case.background,
    )
    published = Published(
        began_us=round(ticket.began.timestamp() * 1_000_000),
        asn=ticket.asn,
        uid=ticket.uid,
        content=ticket.content,
        controls=len(case.controls),
        aside=pack_aside(evidence),
        payload=pack(evidence),
    )
    found = found_of(evidence.judge(), fields.text(document.get("input")), ticket.began.timestamp())
    return published, Placed(isp=ticket.isp, platform=ticket.platform, found=found)


def _content(document: Record) -> str:
    names = ("input", "measurement_start_time", "probe_asn", "test_keys")
    return json.dumps([document.get(name) for name in names], sort_keys=True, separators=(",", ":"))
