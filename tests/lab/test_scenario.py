from pathlib import Path

import pytest

from lab.scenario import CensorKind, LabName, ScenarioError, Scheme, SiteKind, Vantage, load_scenarios
from rabta_proto.vocabulary import Mechanism, State

SCENARIOS = load_scenarios()


def test_every_word_of_the_table_is_played() -> None:
    assert set(CensorKind) == {scenario.censor for scenario in SCENARIOS}
    assert set(SiteKind) == {scenario.site for scenario in SCENARIOS}
    assert set(Vantage) == {scenario.vantage for scenario in SCENARIOS}


def test_every_mechanism_has_a_scenario_but_those_of_protocols_beside_the_web() -> None:
    """VPN protocols and Encrypted Client Hello are shown with servers of their own (netns/test_vpns.py)."""
    shown = {scenario.mechanisms[0] for scenario in SCENARIOS if scenario.mechanisms}
    alone = {mechanism for mechanism in Mechanism if mechanism.startswith("vpn.")} | {Mechanism.TLS_ECH}
    assert set(Mechanism) - alone == shown


def test_whoever_throttles_has_an_object_that_is_read() -> None:
    slowing = {CensorKind.LOSS, CensorKind.CONGESTION}
    for scenario in SCENARIOS:
        slows = scenario.censor in slowing or scenario.states[0] is State.THROTTLED
        assert scenario.object or not slows, scenario.id


def test_what_can_happen_over_http_and_over_https_is_played_over_both() -> None:
    """All that is done to names and addresses. Of three the other scheme would show nothing new."""
    alone = {CensorKind.DNS_FAMILY_FILTER, CensorKind.TCP_SILENCE_FIRST, CensorKind.TCP_SILENCE_IPV6}
    played = {(scenario.censor, scenario.scheme) for scenario in SCENARIOS if scenario.site is SiteKind.PLAIN}
    for censor in set(CensorKind) - alone:
        if censor.startswith(("dns_", "tcp_", "ip_")):
            assert {(censor, Scheme.HTTP), (censor, Scheme.HTTPS)} <= played, censor


def test_the_namespace_lab_plays_all_of_it() -> None:
    assert all(LabName.NETNS in scenario.labs for scenario in SCENARIOS)


def test_a_block_has_a_mechanism_and_an_innocent_case_has_none() -> None:
    for scenario in SCENARIOS:
        harmed = scenario.states[0] in (State.BLOCKED, State.THROTTLED)
        assert harmed == bool(scenario.mechanisms), scenario.id
        assert scenario.innocent == (not harmed), scenario.id


def test_ids_are_labels_of_a_name() -> None:
    for scenario in SCENARIOS:
        assert scenario.id.replace("-", "").isalnum(), scenario.id
        assert len(scenario.id) < 40, scenario.id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[scenario]]\nid = "a"\nstate = "good"', "a: 'good' is not a valid State"),
        ('[[scenario]]\nid = "a"\nstate = "down"\ncolour = 1', "a: colour: no such key"),
        ('[[scenario]]\nstate = "down"', "id: expected a text, found None"),
        ('[[scenario]]\nid = "a"\nstate = "down"\n' * 2, "t.toml: a: id: there are two of it"),
    ],
)
def test_a_table_that_cannot_be_played_names_entry_and_key(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "t.toml"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=f"^{message}$"):
        load_scenarios(table)
