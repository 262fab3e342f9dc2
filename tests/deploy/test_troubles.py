"""What is no block, with real servers, collectors and agents: each alert comes and goes with its trouble."""

import pytest

from support.programs import require_namespaces
from support.troubles import COLLECTOR_DOWN, DISRUPTED, DOWN, ISP_DOWN, NO_CONTROL, STALLED, THROTTLED, TOO_FEW
from support.watched import Watched

LIMIT_S, VERDICT_S = 60.0, 15.0
LATE = {"RabtaWatchdog", NO_CONTROL}
"""A control that comes a few seconds late is enough for a hurried rule."""


def came(watched: Watched) -> set[str]:
    begun = watched.moments["begun"]
    return {told.what for told in watched.told if told.status == "firing" and told.at > begun}


def within_a_minute(story: Watched, what: str) -> bool:
    delay = story.delay(what, "firing")
    return delay is not None and delay < LIMIT_S


@pytest.mark.parametrize("what", [DOWN, DISRUPTED, TOO_FEW, NO_CONTROL])
def test_trouble_of_a_site_and_of_agents_is_told_and_so_is_its_end(fleet: Watched, what: str) -> None:
    assert fleet.delay(what, "firing") is not None
    assert fleet.delay(what, "resolved") is not None


@pytest.mark.parametrize("what", [DOWN, DISRUPTED])
def test_trouble_of_a_site_is_told_within_a_minute(fleet: Watched, what: str) -> None:
    """What is hurried here has no part in it: all that these wait for is as it ships.

    A verdict usually takes five to ten seconds of the minute, and as long as it likes where a machine is full.
    """
    assert fleet.passed_on_s(what) < LIMIT_S - VERDICT_S


@pytest.mark.parametrize("what", [ISP_DOWN, THROTTLED, COLLECTOR_DOWN])
def test_a_silent_isp_a_slow_platform_and_a_lost_collector_are_told_within_a_minute(
    breakdown: Watched, what: str
) -> None:
    assert within_a_minute(breakdown, what)


def test_nothing_else_is_told_of_a_fleet_in_trouble(fleet: Watched) -> None:
    assert came(fleet) <= {DOWN, "RabtaPlatformDown wikipedia zong", DISRUPTED, TOO_FEW} | LATE


@pytest.mark.parametrize("what", [ISP_DOWN, THROTTLED, COLLECTOR_DOWN])
def test_their_end_is_told_too(breakdown: Watched, what: str) -> None:
    assert breakdown.delay(what, "resolved") is not None


@pytest.mark.root
def test_a_collector_that_cannot_write_is_told_and_so_is_its_recovery(breakdown: Watched) -> None:
    require_namespaces("mount")
    assert within_a_minute(breakdown, STALLED)
    assert breakdown.delay(STALLED, "resolved") is not None


def test_nothing_else_is_told_of_a_collector_that_breaks_down(breakdown: Watched) -> None:
    assert came(breakdown) <= {STALLED, ISP_DOWN, THROTTLED, COLLECTOR_DOWN} | LATE


def test_texts_say_what_is_the_matter(fleet: Watched, breakdown: Watched) -> None:
    (down, *_) = (told for told in fleet.told if told.what == DOWN)
    assert down.annotations["summary"] == "Wikipedia is down, seen from PTCL and from abroad."
    (disrupted, *_) = (told for told in fleet.told if told.what == DISRUPTED)
    assert "(50% now)" in disrupted.annotations["description"]
    (few, *_) = (told for told in fleet.told if told.what == TOO_FEW)
    assert few.annotations["summary"] == "Too few agents report from Zong: 2."
    (slowed, *_) = (told for told in breakdown.told if told.what == THROTTLED)
    assert slowed.annotations["mechanism"] == "throttle.sni"
    assert slowed.annotations["description"].endswith("B/s).")
    (silent, *_) = (told for told in breakdown.told if told.what == ISP_DOWN)
    assert silent.annotations["summary"] == "Zong is down."
    for told in (*fleet.told, *breakdown.told):
        assert told.annotations["runbook_url"].endswith(f"/{told.labels['alertname']}.md")
