"""From a censor's switch to a verdict and a metric: real agents, a real collector, a small country."""

from pathlib import Path

import pytest

from lab.atlas import PAKISTAN, Atlas
from lab.country import Country
from lab.ledger import balance
from lab.player import Player
from lab.story import Story, load_story
from lab.system import Files, Ports, System, free_port
from lab.watch import Watch

SMALL = Atlas(
    networks=tuple(PAKISTAN.network(id) for id in ("ptcl", "abroad-1")),
    sites=tuple(PAKISTAN.site(key) for key in ("x", "wikipedia", "reference.example")),
)
# Four seconds or so are usual; what is given is for a machine that does other work, too.
STORY = """
title = "X is blocked at PTCL by the name in the ClientHello, and is back"
length = 53
[[act]]
at = 1
isp = "ptcl"
platform = "x"
action = "sni_reset"
[[expect]]
from = 1
within = 25
isp = "ptcl"
platform = "x"
state = "blocked"
mechanism = "tls.reset.sni"
[[act]]
at = 27
isp = "ptcl"
platform = "x"
action = "clear"
[[expect]]
from = 27
within = 25
isp = "ptcl"
platform = "x"
state = "reachable"
"""


@pytest.fixture
def story(tmp_path: Path) -> Story:
    path = tmp_path / "story.toml"
    path.write_text(STORY, encoding="utf-8")
    return load_story(path, SMALL)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_block_and_its_end_become_verdicts_and_metrics_and_every_measurement_is_journaled(
    tmp_path: Path, story: Story
) -> None:
    lines: list[str] = []
    ports = Ports(grpc=free_port(), http=free_port())
    async with Country(SMALL, tmp_path, collector=("127.0.0.1", ports.grpc)) as country, Watch(ports.page) as watch:
        system = System(country, Files(root=tmp_path), ports)
        try:
            await system.start(watch)
            player = Player(system, watch, story, lines.append, lambda cells, now: None)
            await player.settle()
            await player.play()
            events = await watch.listed("events", platform="x", isp="ptcl")
        finally:
            await system.stop()
        ledger = await balance(system)
    assert [] == player.referee.failed, lines
    assert ["blocked", "reachable"] == [event["to"] for event in events][-2:]
    assert ledger.balanced, str(ledger)
    assert ledger.journaled > 0
