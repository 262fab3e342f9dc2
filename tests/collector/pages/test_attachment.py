"""Data of a page, to be kept beside it."""

import json
from dataclasses import replace
from hashlib import sha256
from urllib.parse import unquote

from rabta_collector.pages.attachment import event_row, make_attachment, span_row, verdict_row
from rabta_collector.seals import NO_SEALS
from rabta_collector.timeline import Span
from support.country import NOW, make_events, make_verdict


def test_the_link_holds_exactly_what_the_digest_is_of() -> None:
    made = make_attachment("rabta-x", NOW, {"text": "رابطہ & <b>"}, NO_SEALS)
    kind, _, packed = made.link.partition(",")
    data = unquote(packed).encode()
    assert "data:application/json;charset=utf-8" == kind
    assert (made.digest, made.size) == (sha256(data).hexdigest(), len(data))
    read = json.loads(data)
    assert ("rabta-page-1", "2024-02-17T18:00:00.000Z") == (read["format"], read["decided_at"])
    assert "رابطہ & <b>" == read["text"]


def test_the_same_data_have_the_same_digest() -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert make_attachment("x", NOW, one, NO_SEALS).digest == make_attachment("x", NOW, other, NO_SEALS).digest
    assert (
        make_attachment("x", NOW, one, NO_SEALS).digest != make_attachment("x", NOW, {"a": 2, "b": 2}, NO_SEALS).digest
    )


def test_rows_tell_no_more_than_the_minute() -> None:
    verdict = verdict_row(replace(make_verdict("x", "ptcl"), since=NOW + 13.5))
    event = event_row(replace(make_events()[0], at=NOW + 13.5), NO_SEALS)
    span = span_row(
        Span(platform="x", isp="ptcl", state="blocked", mechanism=None, since=NOW + 13.5, until=NOW + 90, revised=False)
    )
    assert ["2024-02-17T18:00:00.000Z"] * 3 == [verdict["since"], event["at"], span["from"]]
    assert "2024-02-17T18:01:00.000Z" == span["until"]
    assert "updated" not in verdict
