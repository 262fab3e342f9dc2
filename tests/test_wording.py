"""What the agent and the collector's pages both say, they say in the same words, in both languages."""

import tomllib
from pathlib import Path

from rabta_agent.cli.mechanisms import MECHANISMS as TOLD_BY_THE_AGENT
from rabta_agent.words import parse_catalogue
from rabta_collector.pages.words import MECHANISMS as TOLD_BY_THE_PAGES
from support.messages import CATALOGUE

URDU = Path(__file__).resolve().parents[1] / "collector" / "src" / "rabta_collector" / "data" / "ur.toml"


def test_agent_and_pages_say_each_way_of_blocking_in_the_same_words() -> None:
    assert dict(TOLD_BY_THE_PAGES) == dict(TOLD_BY_THE_AGENT)


def test_what_both_say_has_one_translation() -> None:
    agent = parse_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    pages = tomllib.loads(URDU.read_text(encoding="utf-8"))["texts"]
    both = agent.keys() & pages.keys()
    assert both >= set(TOLD_BY_THE_AGENT.values()) | {"reachable", "blocked", "throttled", "disrupted", "down"}
    assert {text: pages[text] for text in both} == {text: agent[text] for text in both}
