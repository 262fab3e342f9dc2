"""What the history keeps of one measurement, packed; form as in file.py."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError

from rabta_collector.ooni.own import addresses_of
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.fingerprints import OURS, Known
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link

LARGEST = 1 << 25
"""Bytes of a batch that are unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A measurement and all that it is judged by."""

    measurement: Measurement
    controls: Sequence[Measurement] = ()
    references: Sequence[Measurement] = ()
    known: Known = OURS
    background: Background = NOTHING

    def judge(self) -> Finding:
        return classify(self.measurement, self.controls, self.references, known=self.known, background=self.background)


def pack(evidence: Evidence) -> bytes:
    """The payload: the measurement, then its controls, then references."""
    measurements = (evidence.measurement, *evidence.controls, *evidence.references)
    batch = link.MeasurementBatch(measurements=map(to_message, measurements))
    return zlib.compress(batch.SerializeToString(), 6)


def pack_aside(evidence: Evidence) -> str:
    """What it is judged by beside other measurements; empty where that is nothing."""
    known, background = evidence.known, evidence.background
    networks = background.asn_of
    addresses = frozenset[str]().union(*map(addresses_of, (evidence.measurement, *evidence.controls)))
    told: dict[str, object] = {
        "addresses": sorted(known.addresses - OURS.addresses),
        "marks": sorted(known.marks - OURS.marks),
        "harmless": sorted(known.harmless - OURS.harmless),
        "asns": {one: asn for one in sorted(addresses) if networks and (asn := networks(one)) is not None},
        "quic_works": background.quic_works,
        "udp_works": background.udp_works,
        "ipv6_works": background.ipv6_works,
        "tls_works": background.tls_works,
        "loses": background.loses,
        "controls_sound": background.controls_sound or None,
    }
    told = {name: value for name, value in told.items() if value not in (None, [], {})}
    return json.dumps(told) if told else ""


def unpack(payload: bytes, controls: int, aside: str) -> Evidence:
    """What was packed. Raises `ValueError` where it cannot be read."""
    try:
        unpacker = zlib.decompressobj()
        batch = link.MeasurementBatch.FromString(unpacker.decompress(payload, LARGEST))
    except (zlib.error, DecodeError) as wrong:
        raise ValueError(f"a payload that cannot be read: {wrong}") from wrong
    told: Mapping[str, Any] = json.loads(aside) if aside else {}
    measurements = tuple(map(from_message, batch.measurements))
    if not measurements:
        raise ValueError("a payload without a measurement")
    return Evidence(
        measurement=measurements[0],
        controls=measurements[1 : 1 + controls],
        references=measurements[1 + controls :],
        known=_known(told),
        background=_background(told),
    )


def _known(told: Mapping[str, Any]) -> Known:
    return replace(
        OURS,
        addresses=OURS.addresses.union(told.get("addresses", ())),
        marks=OURS.marks.union(told.get("marks", ())),
        harmless=OURS.harmless.union(told.get("harmless", ())),
    )


def _background(told: Mapping[str, Any]) -> Background:
    asns: Mapping[str, int] | None = told.get("asns")
    return Background(
        quic_works=told.get("quic_works"),
        udp_works=told.get("udp_works"),
        ipv6_works=told.get("ipv6_works"),
        tls_works=told.get("tls_works"),
        loses=told.get("loses"),
        controls_sound=told.get("controls_sound") is True,
        asn_of=asns.get if asns else None,
    )
