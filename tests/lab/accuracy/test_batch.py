from dataclasses import replace

import pytest

from lab.accuracy.batch import Seen, judge, object_of, tell_why
from lab.scenario import load_scenarios
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth
from support.factories import NOON, Story
from support.timed import slowed, timed

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}


def seen(platform: str, told: Story, *, controls: Story | None = None) -> list[Seen]:
    def measured(story: Story, at: float) -> Measurement:
        return story.measurement(at=NOON + at, platform=platform, depth=Depth.TRANSFER)

    agents = [(f"plain-{number}", "plain", measured(told, number)) for number in range(3)]
    abroad = [(f"control-{number}", "", measured(controls or timed("ABBA"), 10 + number)) for number in range(2)]
    return [*agents, *abroad]


@pytest.mark.parametrize(
    ("scenario", "told", "controls", "right"),
    [
        ("throttle-sni-128k", slowed(), None, True),
        ("throttle-sni-128k", timed("ABBA"), None, False),
        ("object-free", timed("ABBA"), None, True),
        ("object-slow-server", slowed(), slowed(), True),
        ("object-free", slowed(), None, False),
    ],
)
def test_an_engine_of_its_own_judges_each_run(scenario: str, told: Story, controls: Story | None, right: bool) -> None:
    run = judge("netns", 1, SCENARIOS[scenario], seen(scenario, told, controls=controls))
    assert right is run.right


def test_a_run_that_is_wrong_is_explained() -> None:
    found = seen("object-free", slowed())
    run = replace(judge("netns", 1, SCENARIOS["object-free"], found))
    text = tell_why(run, found)
    assert "expected reachable; seen throttled throttle.sni by throttle.sni.isolated" in text
    assert "  target 1: 15" in text


def test_an_object_is_beside_the_page() -> None:
    assert "https://a.example/object" == object_of("https://a.example/")
