"""One verdict, one event, with what they rest on."""

from dataclasses import replace

from rabta_collector.pages.particulars import make_particulars, make_reasons, make_story
from rabta_collector.pages.sheet import Material
from rabta_collector.state import Witness
from rabta_collector.timeline import find_spans
from support.country import NOW, make_catalogue, make_events, make_snapshot


def material() -> Material:
    snapshot, events = make_snapshot(), make_events()
    return Material(snapshot=snapshot, catalogue=make_catalogue(), events=events, spans=find_spans(events, snapshot))


def test_a_verdict_is_told_with_its_numbers_and_in_plain_words() -> None:
    found = make_particulars(material(), "x", "ptcl")
    assert found is not None
    assert ("blocked", 9, 83, 96, 98, 2) == (
        found.cell.mark.word,
        found.cell.agents,
        found.measurements,
        found.agreement,
        found.cell.percent,
        found.controls,
    )
    assert found.how is not None
    assert found.how.startswith("The connection is cut as soon as the site's name is sent")
    assert ("17 Feb 2024 22:00", 1) == (found.since.short, found.lasted.hours)


def test_there_is_none_of_a_cell_that_nobody_judges() -> None:
    assert make_particulars(material(), "x", "nowhere") is None


def test_its_timeline_reaches_back_a_day_a_week_a_month_and_a_quarter() -> None:
    found = make_particulars(material(), "x", "ptcl")
    assert found is not None
    assert [1, 7, 30, 90] == [stretch.days for stretch in found.stretches]
    assert [["blocked", "reachable"]] * 4 == [
        [bar.state for bar in stretch.band.strip.bars] for stretch in found.stretches
    ]
    assert [2, 1] == [change.id for change in found.changes]


def test_rules_are_told_with_their_reasons_and_one_of_another_version_as_such() -> None:
    known, other = make_reasons(
        [Witness(rule="tls.reset.sni.isolated", count=41), Witness(rule="gone.in.version.9", count=1)]
    )
    assert (41, "blocked") == (known.count, known.judgement)
    assert known.because
    assert (1, None, None) == (other.count, other.judgement, other.because)


def test_an_event_is_told_with_what_stood_before_and_for_how_long() -> None:
    event = next(event for event in make_events() if event.id == 2)
    story = make_story(material(), event)
    assert story.before is not None
    assert ("reachable", 23, None) == (story.before.state, story.stood and story.stood.hours, story.lasted)
    assert ("17 Feb 2024 22:00", "blocked") == (story.at.short, story.change.after.word)
    assert {"x"} == {change.platform.id for change in story.elsewhere if change.platform}
    assert 2 not in {change.id for change in story.elsewhere}


def test_an_outcome_that_is_over_says_how_long_it_stood() -> None:
    events = make_events()
    back = replace(events[1], id=50, at=NOW - 1800, from_state="blocked", to_state="reachable")
    events = (*events, back)
    snapshot = make_snapshot()
    some = replace(material(), events=events, spans=find_spans(events, replace(snapshot, verdicts=(), isps=())))
    story = make_story(some, events[1])
    assert story.lasted is not None
    assert 30 == story.lasted.minutes
