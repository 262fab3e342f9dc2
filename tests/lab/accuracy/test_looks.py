import pytest

from lab.accuracy.looks import CONTROLS, Looks
from lab.accuracy.worlds import World
from lab.scenario import load_scenarios

PLAIN = next(scenario for scenario in load_scenarios() if scenario.id == "plain-https")


def world(controls: int) -> World:
    return World(number=0, name="plain", controls=controls, scenarios=(PLAIN,))


@pytest.fixture
def looks() -> Looks:
    """Three agents have measured it, the last of them at 30."""
    looks = Looks()
    for agent, begin in (("a", 10.0), ("b", 20.0), ("c", 30.0)):
        looks.add(PLAIN.id, "plain", agent, begin)
    return looks


def test_an_agent_that_measured_twice_is_one_agent() -> None:
    looks = Looks()
    for begin in (1.0, 2.0, 3.0):
        looks.add(PLAIN.id, "plain", "a", begin)
    assert [PLAIN] == looks.by_agents(world(2))


def test_agents_elsewhere_do_not_count() -> None:
    looks = Looks()
    for agent in "abc":
        looks.add(PLAIN.id, "lossy", agent, 1.0)
    assert [PLAIN] == looks.by_agents(world(2))


def test_three_agents_suffice(looks: Looks) -> None:
    assert [] == looks.by_agents(world(2))


def test_a_control_counts_once_all_agents_have_looked(looks: Looks) -> None:
    looks.add(PLAIN.id, CONTROLS, "x", 25.0)
    looks.add(PLAIN.id, CONTROLS, "y", 35.0)
    assert [PLAIN] == looks.by_controls(world(2))
    looks.add(PLAIN.id, CONTROLS, "x", 36.0)
    assert [] == looks.by_controls(world(2))


def test_an_agents_later_look_does_not_make_a_control_look_again(looks: Looks) -> None:
    looks.add(PLAIN.id, CONTROLS, "x", 35.0)
    looks.add(PLAIN.id, "plain", "a", 40.0)
    assert [] == looks.by_controls(world(1))


def test_without_controls_nothing_is_missing_once_agents_have_looked(looks: Looks) -> None:
    assert [] == looks.by_controls(world(0))
