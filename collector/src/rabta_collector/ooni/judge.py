"""One OONI measurement as one finding, in the form that `ooni classify` prints. Pure and total."""

from rabta_collector.ooni import fields
from rabta_collector.ooni.convert import convert
from rabta_collector.ooni.document import URLGETTER
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.own import KEY
from rabta_collector.ooni.prints import Prints
from rabta_collector.verdict.classify import classify

TEST_NAME = "web_connectivity"


def why_not(document: Record) -> str | None:
    """What a document is in place of a web_connectivity measurement; `None` where it is one, be it empty or odd."""
    name = document.get("test_name")
    if name == TEST_NAME or (name == URLGETTER and KEY in fields.record(document.get("test_keys"))):
        return None
    if isinstance(name, str):
        return f'a measurement of "{fields.text(name)[:60]}", and not of web_connectivity'
    if "test_keys" in document and "input" in document:
        return None
    return "a JSON object, and not a measurement"


def judge(document: Record, prints: Prints | None = None) -> dict[str, object]:
    """The finding of a web_connectivity measurement."""
    case = convert(document, prints)
    finding = classify(case.measurement, case.controls, case.references, known=case.known, background=case.background)
    return {
        "input": fields.text(document.get("input")) or None,
        "state": str(finding.judgement),
        "mechanism": None if finding.mechanism is None else str(finding.mechanism),
        "rule": finding.rule,
        "server_side": finding.server_side,
        "reasons": [*finding.reasons, *case.notes],
    }
