from pathlib import Path

import pytest

from lab.accuracy.worlds import CONFIG, World, interval_s, isps_file, targets_file, worlds_of
from lab.place import HUBS, Surroundings
from lab.scenario import LabName, Scenario, ScenarioError, Scheme, Vantage, load_scenarios
from rabta_collector.config import load_config
from rabta_collector.isps import load_isps
from rabta_collector.targets import load_catalogue

SCENARIOS = [scenario for scenario in load_scenarios() if not scenario.object]
AROUND = Surroundings(
    references=("https://reference.example/",),
    innocuous=("www.innocuous.example",),
    doh=("https://192.0.2.1/dns-query",),
    udp=("192.0.2.2",),
    portal_check="http://check.example/",
)


def target_of(scenario: Scenario) -> str:
    return f"https://{scenario.host}/"


def test_every_scenario_is_in_one_world_and_every_world_has_a_hub() -> None:
    worlds = worlds_of(SCENARIOS)
    played = [scenario.id for world in worlds for scenario in world.scenarios]
    assert sorted(played) == sorted(scenario.id for scenario in SCENARIOS)
    assert [world.number for world in worlds] == list(range(HUBS))


def test_a_world_has_the_controls_that_its_scenarios_name() -> None:
    for world in worlds_of(SCENARIOS):
        for scenario in world.scenarios:
            expected = {"two": 2, "one_blocked": 2, "one": 1, "none": 0}[scenario.controls]
            assert expected == world.controls, scenario.id


def test_the_plain_vantage_is_halved_and_quic_stays_together() -> None:
    plain = [world for world in worlds_of(SCENARIOS) if world.name.startswith("plain")]
    sizes = [len(world.scenarios) for world in plain]
    assert 2 == len(sizes)
    assert max(sizes) - min(sizes) <= 5
    with_quic = [w.name for w in plain if any(s.scheme is Scheme.QUIC for s in w.scenarios)]
    assert 1 == len(with_quic)


def test_worlds_without_scenarios_are_left_out() -> None:
    one = [scenario for scenario in SCENARIOS if scenario.id == "no-control-sni"]
    (world,) = worlds_of(one)
    assert (("plain",), 0) == (world.vantages, world.controls)


def test_an_unusual_vantage_without_controls_has_no_world() -> None:
    strange = next(scenario for scenario in SCENARIOS if scenario.id == "no-control-sni")
    fields = {name: getattr(strange, name) for name in Scenario.__slots__} | {"vantage": Vantage.PORTAL}
    with pytest.raises(ScenarioError, match="no-control-sni: no world has portal with controls none"):
        worlds_of([Scenario(**fields)])


@pytest.mark.parametrize("world", worlds_of(SCENARIOS), ids=lambda world: str(world.name))
def test_the_collector_reads_what_it_is_told(tmp_path: Path, world: World) -> None:
    for name, text in (
        ("targets", targets_file(world, target_of, AROUND, 1.5)),
        ("isps", isps_file(world)),
        ("config", CONFIG),
    ):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    catalogue = load_catalogue(tmp_path / "targets.toml")
    assert [s.id for s in world.scenarios] == [platform.id for platform in catalogue.platforms]
    assert {1.5} == {target.interval_s for target in catalogue.targets}
    assert AROUND.portal_check == catalogue.portal_check
    assert list(world.vantages) == [isp.id for isp in load_isps(tmp_path / "isps.toml")]
    load_config(flags={}, environment={}, file=tmp_path / "config.toml")


def test_an_interval_leaves_an_agent_time_for_all_targets() -> None:
    for world in worlds_of(SCENARIOS):
        assert 3 * interval_s(world, LabName.NETNS) >= max(60, 0.75 * len(world.scenarios))
        assert interval_s(world, LabName.LOOPBACK) <= interval_s(world, LabName.NETNS)
