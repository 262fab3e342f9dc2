"""What the process of the servers is told of the world."""

from pathlib import Path

from lab.authority import Authorities
from lab.netns.serving import read_plan, write_plan
from lab.netns.world import World
from lab.scenario import load_scenarios


def test_it_serves_the_world_that_was_built(tmp_path: Path) -> None:
    world = World(tag="rabta-1a", scenarios=load_scenarios())
    Authorities().save(tmp_path)
    write_plan(world, tmp_path / "plan.json", tmp_path)
    read, _ = read_plan(tmp_path / "plan.json")
    assert world.namespaces == read.namespaces
    assert world.sites == read.sites
    assert [world.blocks(network) for network in world.networks] == [read.blocks(n) for n in read.networks]
