"""A platform at every ISP, an ISP with every platform."""

from dataclasses import replace

import pytest

from rabta_collector.pages.chart import DAYS
from rabta_collector.pages.sheet import Material, make_isp_sheet, make_platform_sheet, parse_days
from rabta_collector.timeline import find_spans
from support.country import ISPS, PLATFORMS, make_catalogue, make_event, make_events, make_snapshot


def material() -> Material:
    snapshot, events = make_snapshot(), make_events()
    return Material(snapshot=snapshot, catalogue=make_catalogue(), events=events, spans=find_spans(events, snapshot))


def test_a_platform_is_shown_at_every_isp_by_kind() -> None:
    sheet = make_platform_sheet(material(), "x", 7)
    assert ["Fixed lines", "Mobile"] == [part.title for part in sheet.parts]
    assert [isp for isp, _, _ in ISPS] == [line.isp.id for part in sheet.parts for line in part.lines]
    assert {"x"} == {line.platform.id for part in sheet.parts for line in part.lines}


def test_it_says_at_how_many_each_state_stands_worst_first() -> None:
    sheet = make_platform_sheet(material(), "x", 7)
    assert [("blocked", 4), ("throttled", 1), ("disrupted", 1), ("inconclusive", 1), ("reachable", 2)] == [
        (count.mark.word, count.number) for count in sheet.counts
    ]
    assert 9 == sheet.of


def test_an_isp_is_shown_with_every_platform_and_its_own_state() -> None:
    sheet = make_isp_sheet(material(), "telenor", 7)
    assert [platform for platform, _, _ in PLATFORMS] == [line.other.id for part in sheet.parts for line in part.lines]
    assert sheet.column is not None
    assert "down" == sheet.column.mark.word
    assert sheet.own is not None
    assert ["down"] == [bar.state for bar in sheet.own.strip.bars]


def test_only_changes_within_the_time_shown_are_listed_newest_first() -> None:
    old = make_event(99, 3 * 86_400, ("x", "ptcl"), ("blocked", "reachable", None))
    some = replace(material(), events=(old, *make_events()))
    assert 99 not in {change.id for change in make_platform_sheet(some, "x", 1).changes}
    assert 99 == make_platform_sheet(some, "x", 7).changes[-1].id


def test_what_nothing_is_known_of_is_told_from_what_is_measured() -> None:
    assert not make_platform_sheet(replace(material(), spans=()), "none", 7).known
    assert make_platform_sheet(material(), "signal", 7).known


def test_its_data_go_with_it_and_not_without_bound() -> None:
    events = tuple(make_event(n, 1000 - n, ("x", "ptcl"), ("reachable", "blocked", None)) for n in range(1, 1000))
    some = replace(material(), events=events, spans=find_spans(events, make_snapshot()))
    small, large = make_platform_sheet(material(), "x", 7).attachment, make_platform_sheet(some, "x", 7).attachment
    assert "rabta-x.json" == small.name
    assert small.size < large.size < 300_000


@pytest.mark.parametrize(("text", "days"), [("1", 1), ("90", 90), (None, 7), ("", 7), ("8", 7), ("x", 7), ("٧", 7)])
def test_other_times_than_those_offered_are_not_made(text: str | None, days: int) -> None:
    assert days in DAYS
    assert days == parse_days(text)
