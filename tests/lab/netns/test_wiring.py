"""The cables and routes, as lines for ip(8). That packets find their way is in test_vantages.py."""

import pytest

from lab.netns.wiring import inside_each, joints, settings
from lab.netns.world import World
from lab.scenario import load_scenarios

WORLD = World(tag="rabta-1a", scenarios=load_scenarios())
LINES = dict(inside_each(WORLD))
IFNAMSIZ = 16  # linux/if.h, with the zero at its end


def test_every_namespace_is_made_once_and_set_up() -> None:
    made = [line.split()[2] for line in joints(WORLD) if line.startswith("netns add ")]
    assert sorted(WORLD.namespaces) == sorted(made)
    assert set(made) == set(LINES)


def test_no_cable_ends_outside_of_the_lab() -> None:
    cables = [line.split() for line in joints(WORLD) if line.startswith("link add ")]
    for words in cables:
        ends = [words[at + 1] for at, word in enumerate(words) if word == "netns"]
        assert 2 == len(set(ends) & set(WORLD.namespaces))
        assert all(len(words[at]) < IFNAMSIZ for at in (2, 9))


def test_no_two_cables_of_a_namespace_have_the_same_name() -> None:
    words = [line.split() for line in joints(WORLD) if line.startswith("link add ")]
    ends = [(line[4], line[2]) for line in words] + [(line[11], line[9]) for line in words]
    assert len(ends) == len(set(ends))


@pytest.mark.parametrize("id_", ["plain", "vpn"])
def test_an_agent_has_one_way_out(id_: str) -> None:
    defaults = [line for line in LINES[f"rabta-1a-{id_}-1"] if line.startswith("route add default")]
    assert 1 == len(defaults)


def test_only_routers_forward() -> None:
    assert {WORLD.router(network) for network in WORLD.networks} == {namespace for namespace, _ in settings(WORLD)}
