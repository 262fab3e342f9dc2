"""One line for each measurement, in the form that was asked for."""

import csv
import io
import json

from google.protobuf.json_format import ParseDict

from rabta_collector.export.anonymous import anonymise
from rabta_collector.export.forms import COLUMNS, CsvForm, Form, JsonForm, OoniForm
from rabta_collector.export.judged import Judged
from rabta_collector.isps import default_isps
from rabta_collector.verdict.background import NOTHING
from rabta_collector.verdict.classify import classify
from rabta_proto.codec import from_message
from rabta_proto.v1 import measurement_pb2 as wire
from support.cutoffs import traced
from support.factories import NEAR, NOON, RESET, Story, story, tls_trouble, works


def judged(told: Story, isp: str = "ptcl") -> Judged:
    measurement = told.measurement(at=NOON + 0.5)
    controls = (works().measurement(at=NOON + 5),)
    return Judged(
        isp=isp,
        measurement=measurement,
        controls=controls,
        references=(),
        background=NOTHING,
        finding=classify(measurement, controls),
    )


def line(form: Form, told: Story, isp: str = "ptcl") -> str:
    written = form.line(judged(told, isp))
    assert written is not None
    assert written.endswith("\n")
    assert 1 == len(written.splitlines())
    return written


def test_jsonl_is_the_measurement_with_isp_and_finding_beside_it() -> None:
    found = json.loads(line(JsonForm(), tls_trouble(RESET)))
    assert ("ptcl", "blocked", "tls.reset.sni", "tls.reset.sni.isolated") == tuple(
        found.pop(name) for name in ("isp", "state", "mechanism", "rule")
    )
    message = ParseDict(found, wire.Measurement())
    assert anonymise(tls_trouble(RESET).measurement(at=NOON + 0.5)) == from_message(message)


def test_jsonl_says_null_where_nothing_is_known() -> None:
    found = json.loads(line(JsonForm(), works(), isp=""))
    assert (None, None) == (found["isp"], found["mechanism"])


def test_csv_has_a_header_and_a_row() -> None:
    form = CsvForm()
    (row,) = csv.DictReader(io.StringIO(form.header + line(form, tls_trouble(RESET)), newline=""))
    assert (
        dict(
            zip(
                COLUMNS,
                (
                    "2024-02-17T12:00:00Z",
                    "x",
                    "ptcl",
                    "https://x.com/",
                    "blocked",
                    "tls.reset.sni",
                    "tls.reset.sni.isolated",
                ),
                strict=True,
            )
        )
        == row
    )


def test_csv_leaves_empty_what_is_not_known() -> None:
    assert line(CsvForm(), works(), isp="").startswith("2024-02-17T12:00:00Z,x,,https://x.com/,ok,,ok.https")


def test_ooni_is_a_measurement_in_ooni_s_format() -> None:
    found = json.loads(line(OoniForm(default_isps()), works()))
    assert ("web_connectivity", "AS17557") == (found["test_name"], found["probe_asn"])


def test_ooni_has_no_line_for_what_it_has_no_form_for() -> None:
    other = story("openvpn://x.com:1194").names(NEAR)
    assert OoniForm(default_isps()).line(judged(other)) is None
    assert JsonForm().line(judged(other)) is not None


def test_a_trace_is_open_data_and_no_measurement_of_ooni_s() -> None:
    measurement = traced()
    told = Judged(
        isp="ptcl",
        measurement=measurement,
        controls=(),
        references=(),
        background=NOTHING,
        finding=classify(measurement),
    )
    assert None is OoniForm(default_isps()).line(told)
    written = json.loads(JsonForm().line(told) or "")
    assert ("DEPTH_TRACE", "inconclusive", "vantage.trace") == (written["depth"], written["state"], written["rule"])
    own = {key: value for key, value in written.items() if key not in ("isp", "state", "mechanism", "rule")}
    assert anonymise(measurement).observations == from_message(ParseDict(own, wire.Measurement())).observations
