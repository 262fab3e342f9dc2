"""What OONI's format has no place for, beside it in `test_keys.x_rabta`: our measurement as it is, and its controls.

Form: `{"measurement": M, "controls": [M, ...], "references": [M, ...], "background": B}`, each M the protobuf JSON form
of `rabta.v1.Measurement`, all of them anonymous (see export/anonymous.py). B is what else was known: `quic_works`,
`ipv6_works`, `tls_works` and `loses`, true, false or null, and `asns`, the networks of addresses (background.py).

OONI's format has no place for repeats, for more than one control, for what a page was whose body was not kept. A reader
that knows nothing of `x_rabta` loses no more than that.

Reading is total: what cannot be read is as if absent, and the measurement is then read as anybody else's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from google.protobuf.json_format import MessageToDict, Parse, ParseError

from rabta_collector.export.anonymous import whole_minute
from rabta_collector.ooni import fields
from rabta_collector.ooni.fields import Record
from rabta_collector.verdict.background import NOTHING, Background
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import DnsQuery, Measurement
from rabta_proto.v1 import measurement_pb2 as wire

KEY = "x_rabta"
DEPTH = 16
"""Levels of nesting that are read; a measurement has six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A measurement of ours with what it was judged by."""

    measurement: Measurement
    controls: tuple[Measurement, ...] = ()
    references: tuple[Measurement, ...] = ()
    background: Background = NOTHING


def write_own(own: Own) -> dict[str, object]:
    """The value of `x_rabta`."""
    start = own.measurement.started_at
    return {
        "measurement": _write(_whole_minutes(own.measurement, start)),
        "controls": [_write(_whole_minutes(control, start)) for control in own.controls],
        "references": [_write(_whole_minutes(reference, start)) for reference in own.references],
        "background": _write_background(own),
    }


def read_own(keys: Record) -> Own | None:
    """What a writer of ours put there; `None` where nobody did, or where it cannot be read."""
    found = fields.record(keys.get(KEY))
    measurement = read_measurement(found.get("measurement"))
    if measurement is None:
        return None
    return Own(
        measurement=measurement,
        controls=_read_all(found.get("controls")),
        references=_read_all(found.get("references")),
        background=_read_background(fields.record(found.get("background"))),
    )


def _write_background(own: Own) -> dict[str, object]:
    background = own.background
    measurements = (own.measurement, *own.controls) if background.asn_of else ()
    addresses = sorted(frozenset[str]().union(*map(addresses_of, measurements)))
    asns = {address: asn for address in addresses if background.asn_of and (asn := background.asn_of(address))}
    names = ("quic_works", "udp_works", "ipv6_works", "tls_works", "loses", "controls_sound")
    known = {name: getattr(background, name) for name in names}
    return {**known, "asns": asns}


def _read_background(found: Record) -> Background:
    table = fields.record(found.get("asns"))
    asns = {name: asn for name in list(table)[: fields.LIST_LIMIT] if (asn := fields.whole(table[name]))}
    return Background(
        quic_works=fields.truth(found.get("quic_works")),
        udp_works=fields.truth(found.get("udp_works")),
        ipv6_works=fields.truth(found.get("ipv6_works")),
        tls_works=fields.truth(found.get("tls_works")),
        loses=fields.truth(found.get("loses")),
        controls_sound=found.get("controls_sound") is True,
        asn_of=asns.get if asns else None,
    )


def addresses_of(measurement: Measurement) -> frozenset[str]:
    """Every address that was named or tried."""
    found: set[str] = set()
    for observation in measurement.observations:
        detail = observation.detail
        found.update(detail.addresses if isinstance(detail, DnsQuery) else (detail.address,))
    return frozenset(found)


def _whole_minutes(measurement: Measurement, start: datetime) -> Measurement:
    """The measurement with its start cut to the minute, on the same side of the judged one's start as it was."""
    cut = whole_minute(measurement.started_at)
    if measurement.started_at < start:
        cut = min(cut, whole_minute(start) - timedelta(minutes=1))
    return replace(measurement, started_at=cut)


def _write(measurement: Measurement) -> dict[str, object]:
    return dict(MessageToDict(to_message(measurement)))


def _read_all(value: object) -> tuple[Measurement, ...]:
    found: Sequence[object] = value[: fields.LIST_LIMIT] if isinstance(value, list) else ()
    return tuple(measurement for item in found if (measurement := read_measurement(item)) is not None)


def read_measurement(value: object) -> Measurement | None:
    """A measurement of its protobuf JSON; `None` where that cannot be read."""
    if not isinstance(value, dict):
        return None
    try:
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")  # protobuf chokes on lone surrogates
        message = Parse(text, wire.Measurement(), ignore_unknown_fields=True, max_recursion_depth=DEPTH)
        return from_message(message)
    except (ParseError, ValueError, OverflowError, RecursionError):
        return None
