"""What a network's router is told, as text. What it does to packets is in test_censors.py."""

import pytest

from lab.netns.rules import PROXIED_HTTP, PROXIED_TLS, Rule, rules_of, write_tables
from lab.netns.world import Block, Network, World
from lab.netns.zones import lie
from lab.scenario import CensorKind, Vantage, load_scenarios

WORLD = World(tag="rabta-1a", scenarios=load_scenarios())
HOST = "a.example"
PLAIN = Network(id="plain", number=1, vantage=Vantage.PLAIN, agents=1)


def texts(kind: CensorKind, *addresses: str) -> list[str]:
    block = Block(kind=kind, host=HOST, addresses=addresses or ("192.0.2.1",), number=5, rate=64_000)
    return [rule.text for rule in rules_of(PLAIN, [block], "192.0.2.9")[1:]]


def test_tables_are_input_of_restore() -> None:
    rules = [Rule("nat", "-A X"), Rule("filter", "-A Y", 4), Rule("nat", "-A Z", 6)]
    assert "*nat\n-A X\nCOMMIT\n*filter\n-A Y\nCOMMIT\n" == write_tables(rules, 4)
    assert "*nat\n-A X\n-A Z\nCOMMIT\n" == write_tables(rules, 6)


@pytest.mark.parametrize("kind", [kind for kind in CensorKind if kind is not CensorKind.NONE])
def test_every_censor_is_a_rule_or_a_lie(kind: CensorKind) -> None:
    if kind is CensorKind.NEXT_SNI_RESET:
        return  # a block of the next name: see test_world.py
    block = Block(kind=kind, host=HOST, addresses=("192.0.2.1", "2a04::1"))
    told = lie(WORLD, block) is not None
    assert (told and not kind.endswith(("injected", "injected_nxdomain"))) != bool(texts(kind, *block.addresses))


@pytest.mark.parametrize("kind", sorted(PROXIED_TLS | PROXIED_HTTP))
def test_what_is_proxied_is_taken_at_its_address_and_port_alone(kind: CensorKind) -> None:
    port = 443 if kind in PROXIED_TLS else 80
    assert [f"-A PREROUTING -d 192.0.2.1 -p tcp --dport {port} -j REDIRECT --to-ports 7443"] == texts(kind)


def test_a_name_is_matched_with_its_length() -> None:
    (rule,) = texts(CensorKind.SNI_RESET)
    assert '"|000009|a.example"' in rule
    (rule,) = texts(CensorKind.DNS_INJECTED)
    assert '"|01|a|07|example|00|"' in rule
    (rule,) = texts(CensorKind.HOST_RESET)
    assert '"Host: a.example|0d0a|"' in rule


def test_silence_to_the_first_of_two_addresses_leaves_the_second() -> None:
    (rule,) = texts(CensorKind.TCP_SILENCE_FIRST, "192.0.2.1", "192.0.2.2")
    assert "-d 192.0.2.1 " in rule
