"""Rows of the lists, as the contract has them."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from rabta_collector.api import LISTINGS
from rabta_collector.listing import Listing, Source, render
from rabta_collector.query import BadParameterError, Form, Query, parse_query
from rabta_collector.state import Snapshot, Witness
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import IspKind, IspState, Mechanism
from support.country import (
    ISPS,
    NOW,
    PLATFORMS,
    Country,
    make_catalogue,
    make_event,
    make_events,
    make_isp,
    make_snapshot,
)

BY_NAME = {listing.name: listing for listing in LISTINGS}


def source() -> Source:
    counts = Country().find_counts(Query())
    return Source(catalogue=make_catalogue(), snapshot=make_snapshot(), events=make_events(), counts=counts)


def rows(name: str, query: Query | None = None, given: Source | None = None) -> list[dict[str, Any]]:
    text = render(BY_NAME[name], given or source(), query or Query()).text
    found = json.loads(text)[name]
    assert isinstance(found, list)
    return found


def test_parts_have_states_and_mechanisms_of_their_own() -> None:
    (verdict,) = rows("verdicts", Query(platform="whatsapp", isp="zong"))
    assert [
        {"part": "messages", "name": "messages", "state": "reachable", "mechanism": None, "note": None},
        {"part": "media", "name": "media", "state": "throttled", "mechanism": "throttle.sni", "note": None},
    ] == verdict["parts"]


def test_a_verdict_has_the_fields_of_the_contract() -> None:
    (verdict,) = rows("verdicts", Query(platform="x", isp="ptcl"))
    assert {
        "platform": "x",
        "isp": "ptcl",
        "state": "blocked",
        "mechanism": "tls.reset.sni",
        "since": "2024-02-17T17:00:00.000Z",
        "updated": "2024-02-17T17:59:00.000Z",
        "confidence": 0.98,
        "agents": 9,
        "measurements": 83,
        "agreement": 0.96,
        "witness": [{"rule": "tls.sni.isolated", "count": 41}],
        "note": None,
        "parts": [],
    } == verdict


def test_an_isp_has_the_fields_of_the_contract() -> None:
    (isp,) = rows("isps", Query(isp="telenor"))
    assert {
        "isp": "telenor",
        "name": "Telenor",
        "kind": "mobile",
        "state": "down",
        "since": "2024-02-17T17:57:00.000Z",
        "agents_connected": 0,
        "agents_expected": 9,
        "agents_reporting": 0,
    } == isp


def test_an_isp_where_nobody_was_ever_heard_has_no_since() -> None:
    unseen = replace(make_isp("ntc", "NTC", IspKind.OTHER), state=IspState.UNKNOWN, since=None)
    given = Source(catalogue=make_catalogue(), snapshot=replace(make_snapshot(), isps=(unseen,)))
    text = render(BY_NAME["isps"], given, Query()).text
    assert [None] == [isp["since"] for isp in json.loads(text)["isps"]]
    text = render(BY_NAME["isps"], given, Query(form=Form.CSV)).text
    assert "ntc,NTC,other,unknown,,9,9,9" in text


def test_an_event_has_the_fields_of_the_contract() -> None:
    assert {
        "id": 2,
        "at": "2024-02-17T17:00:00.000Z",
        "platform": "x",
        "isp": "ptcl",
        "from": "reachable",
        "to": "blocked",
        "mechanism": "tls.reset.sni",
        "detected_after_seconds": 2.5,
        "revised": False,
        "witness": [],
    } == rows("events")[1]


def test_an_isps_own_event_has_no_platform() -> None:
    assert ["telenor", "ufone"] == [event["isp"] for event in rows("events") if event["platform"] is None]


def test_a_platform_has_its_targets_and_their_need() -> None:
    assert {
        "id": "x",
        "name": "X (Twitter)",
        "category": "SOCIAL",
        "targets": ["https://x.example/", "https://www.x.example/"],
        "need": "all",
    } == rows("platforms")[0]


def test_the_timeline_of_a_cell_has_its_spans() -> None:
    events = tuple(event for event in make_events() if (event.platform, event.isp) == ("x", "ptcl"))
    given = replace(source(), events=events)
    assert [
        ("reachable", None, "2024-02-16T18:00:00.000Z", "2024-02-17T17:00:00.000Z"),
        ("blocked", "tls.reset.sni", "2024-02-17T17:00:00.000Z", None),
    ] == [
        (span["state"], span["mechanism"], span["from"], span["until"])
        for span in rows("timeline", Query(platform="x", isp="ptcl"), given)
    ]


def test_the_timeline_of_a_platform_leaves_out_what_isps_did_as_a_whole() -> None:
    platforms = {span["platform"] for span in rows("timeline", Query(platform="x"), replace(source(), events=()))}
    assert {"x"} == platforms


def test_verdicts_are_selected_by_platform_and_isp() -> None:
    assert len(ISPS) * len(PLATFORMS) == len(rows("verdicts"))
    assert {"zong"} == {verdict["isp"] for verdict in rows("verdicts", Query(isp="zong"))}
    assert {"dw"} == {verdict["platform"] for verdict in rows("verdicts", Query(platform="dw"))}


@pytest.mark.parametrize("query", [Query(platform="y"), Query(isp="ptc")])
@pytest.mark.parametrize("name", ["verdicts", "events", "timeline"])
def test_what_nothing_is_known_of_is_an_error_and_no_empty_list(name: str, query: Query) -> None:
    """A misspelt ISP must not look like an ISP without trouble."""
    with pytest.raises(BadParameterError, match="is none that is"):
        render(BY_NAME[name], source(), query)


def test_a_platform_that_is_no_longer_measured_is_known_by_its_events() -> None:
    given = Source(catalogue=replace(make_catalogue(), platforms=()), snapshot=Snapshot(at=NOW), events=make_events())
    assert [] != rows("events", Query(platform="x"), given)


def test_of_too_many_events_the_newest_are_given_and_it_is_said() -> None:
    rendered = render(BY_NAME["events"], source(), Query(limit=2))
    answer = json.loads(rendered.text)
    assert ([10, 11], True) == ([event["id"] for event in answer["events"]], answer["truncated"])
    assert rendered.next == answer["next"] is not None
    rendered = render(BY_NAME["events"], source(), Query(limit=11))
    assert (False, None) == (json.loads(rendered.text)["truncated"], rendered.next)


@pytest.mark.parametrize(("name", "newest"), [("events", True), ("timeline", False), ("counts", False)])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_parts_of_a_list_together_are_the_list(name: str, newest: bool, limit: int) -> None:
    whole, parts, cursor = rows(name, Query(limit=10_000)), [], ""
    while True:
        given = parse_query([("limit", str(limit)), ("cursor", cursor)], BY_NAME[name].parameters)
        rendered = render(BY_NAME[name], source(), given)
        parts.append(json.loads(rendered.text)[name])
        if rendered.next is None:
            break
        cursor = rendered.next
    assert whole == [row for part in (reversed(parts) if newest else parts) for row in part]


def test_a_part_does_not_move_when_newer_rows_come() -> None:
    """A reader who goes back page by page sees each event once, whatever happens meanwhile."""
    first = render(BY_NAME["events"], source(), Query(limit=4))
    later = make_event(12, -30, ("x", "optix"), ("reachable", "blocked", Mechanism.TLS_RESET_SNI))
    given = parse_query([("limit", "4"), ("cursor", str(first.next))], BY_NAME["events"].parameters)
    second = render(BY_NAME["events"], replace(source(), events=(*make_events(), later)), given)
    assert [4, 5, 6, 7] == [event["id"] for event in json.loads(second.text)["events"]]


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "WzFd", "WzEsMl0", "eyJhIjoxfQ", "[", "é", "W1tbXV1d"])
def test_a_cursor_that_was_not_given_out_is_an_error(cursor: str) -> None:
    with pytest.raises(BadParameterError, match="cursor"):
        render(BY_NAME["events"], source(), parse_query([("cursor", cursor)], BY_NAME["events"].parameters))


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)
def test_every_list_is_csv_with_the_same_columns_and_rows_as_json(listing: Listing) -> None:
    written = list(csv.reader(io.StringIO(render(listing, source(), Query(form=Form.CSV)).text, newline="")))
    found = rows(listing.name)
    assert list(listing.columns) == written[0] == list(found[0])
    assert len(found) == len(written) - 1


def test_a_name_that_is_not_latin_stands_as_it_is() -> None:
    platform = replace(make_catalogue().platforms[0], name="رابطہ")
    given = replace(source(), catalogue=replace(make_catalogue(), platforms=(platform,)))
    assert "رابطہ" in render(BY_NAME["platforms"], given, Query()).text


BEFORE = Span(
    platform="x",
    isp="ptcl",
    state="blocked",
    mechanism=Mechanism.DNS_NXDOMAIN,
    since=NOW - 400_000.5,
    until=NOW - 390_000.5,
    revised=True,
    witness=(Witness(rule="dns.nxdomain.control_resolves", count=3),),
)


def test_the_past_is_part_of_the_timeline_and_marked() -> None:
    events = tuple(event for event in make_events() if (event.platform, event.isp) == ("x", "ptcl"))
    given = replace(source(), events=events, past=(BEFORE,))
    found = [(span["state"], span["revised"]) for span in rows("timeline", Query(platform="x", isp="ptcl"), given)]
    assert ("blocked", True) == found[0]
    assert {False} == {revised for _, revised in found[1:]}


def test_changes_in_the_past_are_events_and_marked() -> None:
    given = replace(source(), past=(BEFORE,))
    first, second, *others = rows("events", Query(), given)
    assert ("inconclusive", "blocked", True, None) == tuple(
        first[name] for name in ("from", "to", "revised", "detected_after_seconds")
    )
    assert ("blocked", "inconclusive", True) == tuple(second[name] for name in ("from", "to", "revised"))
    assert {False} == {event["revised"] for event in others}
    window = Query(since=NOW - 395_000, until=NOW - 380_000)
    assert [second["id"]] == [event["id"] for event in rows("events", window, given)]


def test_a_platform_of_the_past_alone_is_known() -> None:
    given = Source(catalogue=replace(make_catalogue(), platforms=()), snapshot=Snapshot(at=NOW), past=(BEFORE,))
    assert 1 == len(rows("timeline", Query(platform="x", isp="ptcl"), given))
