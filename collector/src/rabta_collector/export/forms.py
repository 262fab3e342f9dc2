"""The forms that measurements are exported in, one line for each. Pure.

ooni    an OONI measurement (ooni/document.py)
jsonl   the protobuf JSON form of `rabta.v1.Measurement`, with `isp`, `state`, `mechanism` and `rule` beside it
csv     time, platform, isp, target, state, mechanism, rule; the first line names them
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from google.protobuf.json_format import MessageToDict

from rabta_collector.catalogue import Isp
from rabta_collector.export.anonymous import anonymise
from rabta_collector.export.judged import Judged
from rabta_collector.ooni.document import Exhibit, has_form, write_document
from rabta_proto.codec import to_message
from rabta_proto.vocabulary import Depth

COLUMNS = ("time", "platform", "isp", "target", "state", "mechanism", "rule")


class Form(Protocol):
    """A way to write measurements. `header` comes first, be it empty."""

    header: str

    def line(self, judged: Judged) -> str | None:
        """One whole line; `None` where this form has no place for such a measurement."""


class OoniForm:
    """OONI's data format 0.2.0."""

    header = ""

    def __init__(self, isps: Sequence[Isp]) -> None:
        self._isps: Mapping[str, Isp] = {isp.id: isp for isp in isps}

    def line(self, judged: Judged) -> str | None:
        if not has_form(judged.measurement.target) or judged.measurement.depth is Depth.TRACE:
            return None
        exhibit = Exhibit(
            measurement=judged.measurement,
            controls=judged.controls,
            references=judged.references,
            finding=judged.finding,
            isp=self._isps.get(judged.isp),
            background=judged.background,
        )
        return _json(write_document(exhibit))


class JsonForm:
    """One object of protobuf JSON a line."""

    header = ""

    def line(self, judged: Judged) -> str | None:
        finding = judged.finding
        said = {
            "isp": judged.isp or None,
            "state": str(finding.judgement),
            "mechanism": None if finding.mechanism is None else str(finding.mechanism),
            "rule": finding.rule,
        }
        return _json({**MessageToDict(to_message(anonymise(judged.measurement))), **said})


class CsvForm:
    """One row a measurement, RFC 4180."""

    header = ",".join(COLUMNS) + "\r\n"

    def line(self, judged: Judged) -> str | None:
        measurement, finding = anonymise(judged.measurement), judged.finding
        text = io.StringIO()
        csv.writer(text).writerow(
            (
                f"{measurement.started_at:%Y-%m-%dT%H:%M:%SZ}",
                measurement.platform,
                judged.isp,
                measurement.target,
                finding.judgement,
                finding.mechanism or "",
                finding.rule,
            )
        )
        return text.getvalue()


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
