"""What others may see of a dossier: no pseudonym, no time finer than a minute, no province of fewer than three. Pure.

Fields are public and only ever added to; `openapi.py` describes them. Nothing in here can be joined with anything else
into one agent's trail: examples have no number of their own, and one agent's in two dossiers look like two agents'.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from google.protobuf.json_format import MessageToDict

from rabta_collector.dossier import Dossier, Example, Leg
from rabta_collector.export.anonymous import anonymise
from rabta_collector.rfc3339 import format_minute
from rabta_collector.state import Witness
from rabta_collector.verdict.rules import RULES_BY_ID, RULES_VERSION
from rabta_proto.codec import to_message
from rabta_proto.model import HttpRoundTrip, Measurement

CROWD = 3
"""Fewer agents than these are never told apart by province."""

Row = dict[str, object]
ProvinceOf = Callable[[str], str]
"""The province that an agent's volunteer named; empty for none."""


def disclose(dossier: Dossier, province_of: ProvinceOf) -> Row:
    """The dossier as it may be published."""
    verdict = dossier.verdict
    return {
        "platform": verdict.platform,
        "isp": verdict.isp,
        "state": str(verdict.state),
        "mechanism": None if verdict.mechanism is None else str(verdict.mechanism),
        "since": format_minute(verdict.since),
        "decided": format_minute(dossier.at),
        "confidence": round(verdict.confidence, 4),
        "agents": verdict.agents,
        "measurements": verdict.measurements,
        "agreement": round(verdict.agreement, 4),
        "note": verdict.note,
        "rules_version": RULES_VERSION,
        "rules": [_rule(one) for one in dossier.rules],
        "targets": [_leg(leg) for leg in dossier.legs],
        "provinces": _provinces(dossier.voters, province_of),
        "examples": [_example(example) for example in dossier.examples],
    }


def _rule(one: Witness) -> Row:
    rule = RULES_BY_ID.get(one.rule)
    return {
        "rule": one.rule,
        "count": one.count,
        "finding": str(rule.judgement) if rule else "inconclusive",
        "because": rule.comment if rule else "",
    }


def _leg(leg: Leg) -> Row:
    return {
        "target": leg.url,
        "decides": leg.decides,
        "state": str(leg.state),
        "mechanism": None if leg.mechanism is None else str(leg.mechanism),
        "votes": [{"finding": str(judgement), "agents": count} for judgement, count in leg.votes],
    }


def _provinces(voters: Sequence[str], province_of: ProvinceOf) -> list[Row] | None:
    """Agents by province; `None` where they are so few, or where no province has enough to be one of a crowd."""
    if len(voters) < CROWD:
        return None
    counts: Mapping[str, int] = Counter(filter(None, map(province_of, voters)))
    crowds = [{"province": name, "agents": count} for name, count in sorted(counts.items()) if count >= CROWD]
    return list(crowds) or None


def _example(example: Example) -> Row:
    finding = example.finding
    return {
        "rule": finding.rule,
        "finding": str(finding.judgement),
        "mechanism": None if finding.mechanism is None else str(finding.mechanism),
        "reasons": [_say(reason, example.measurement) for reason in finding.reasons],
        "measurement": _measurement(example.measurement),
        "controls": [_measurement(control) for control in example.controls],
    }


def _say(reason: str, measurement: Measurement) -> str:
    """A sentence of the judge's without what a page or a redirect wrote back of who asked."""
    for told, other in zip(measurement.observations, anonymise(measurement).observations, strict=True):
        match told.detail, other.detail:
            case HttpRoundTrip() as raw, HttpRoundTrip() as clean:
                for one, safe in ((raw.title, clean.title), (raw.location, clean.location)):
                    reason = reason.replace(one, safe) if one else reason
    return reason


def _measurement(measurement: Measurement) -> Row:
    """The protobuf JSON form of `rabta.v1.Measurement`."""
    return dict(MessageToDict(to_message(anonymise(measurement))))
