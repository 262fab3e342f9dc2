"""What open data go without."""

from dataclasses import replace

import pytest
from hypothesis import given

from rabta_collector.export.anonymous import anonymise, scrub, strip
from rabta_collector.verdict.classify import classify
from rabta_proto.locating import find_traces, locate
from rabta_proto.model import HttpRoundTrip, Measurement
from support.cutoffs import traced
from support.factories import NEAR, NOON, PLAIN, story, works
from support.strategies import measurements


def answered(**facts: object) -> Measurement:
    return story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, **facts).measurement()


def page_of(measurement: Measurement) -> HttpRoundTrip:
    detail = anonymise(measurement).observations[-1].detail
    assert isinstance(detail, HttpRoundTrip)
    return detail


def test_what_links_a_measurement_to_its_agent_is_gone() -> None:
    told = works().measurement(at=NOON + 0.75, sequence=41)
    told = replace(told, plan_version=17, network=replace(told.network, isp="ptcl", metered=True))
    told = replace(told, observations=tuple(replace(o, failure_detail="errno 104") for o in told.observations))
    left = anonymise(told)
    assert (0, 0, 0) == (left.epoch, left.sequence, left.plan_version)
    assert ("", None) == (left.network.isp, left.network.metered)
    assert {""} == {o.failure_detail for o in left.observations}
    assert NOON == left.started_at.timestamp()


def test_of_a_trace_how_far_away_routers_are_in_time_is_gone_and_nothing_else() -> None:
    told, left = (find_traces(one.observations) for one in (traced(), anonymise(traced())))
    for before, after in zip(told, left, strict=True):
        assert before is not None
        assert after is not None
        assert any(step.first_us is not None for step in before.steps)
        assert replace(before, steps=tuple(replace(step, first_us=None) for step in before.steps)) == after
    assert locate(*told) == locate(*left)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Your IP 203.0.113.9 is logged", "Your IP [scrubbed] is logged"),
        ("2001:db8::7 blocked", "[scrubbed] blocked"),
        ("from 2001:0db8:0000:0000:0000:0000:0000:0007", "from [scrubbed]"),
        ("nginx/1.18.0", "nginx/1.18.0"),
        ("at 12:30:45 today", "at 12:30:45 today"),
        ("IIS/10.0.17763.1 (Windows)", "IIS/10.0.17763.1 (Windows)"),
        ("C++::operator", "C++::operator"),
    ],
)
def test_addresses_are_scrubbed_and_versions_are_not(text: str, expected: str) -> None:
    assert expected == scrub(text)


def test_a_block_page_that_repeats_who_asked_does_not_tell_it() -> None:
    page = page_of(
        answered(status=302, location="http://u:p@restrict.example/x/203.0.113.9?ip=203.0.113.9#a", title="203.0.113.9")
    )
    assert ("http://restrict.example/x/[scrubbed]", "[scrubbed]") == (page.location, page.title)


def test_a_location_that_is_no_url_is_left_out() -> None:
    assert "" == page_of(answered(status=302, location="http://[::1")).location


@given(measurements())
def test_the_rules_find_the_same(measurement: Measurement) -> None:
    before, after = classify(measurement), classify(strip(measurement))
    assert (before.rule, before.mechanism) == (after.rule, after.mechanism)


@given(measurements())
def test_what_is_anonymous_stays_as_it_is(measurement: Measurement) -> None:
    assert anonymise(measurement) == anonymise(anonymise(measurement))
