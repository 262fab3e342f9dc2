"""What is taken down of a verdict at the moment that it changes, and what others may see of it."""

import json
import re

import pytest

from rabta_collector.disclosure import disclose
from rabta_collector.dossier import Dossier
from rabta_collector.engine import Engine
from rabta_proto.vocabulary import Judgement, State
from support.factories import NOON, RESET, tls_trouble, works
from support.feeds import Feed, make_engine, play, verdict

BLOCKED = tls_trouble(RESET)


def blocked_at_ptcl(agents: int = 4) -> tuple[Engine, Dossier]:
    """An engine after a block began, and what its event rests on."""
    feed, engine = Feed(agents={"ptcl": agents, "jazz": 3}), make_engine()
    play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 300)], until=NOON + 300)
    events = play(engine, feed.rounds(NOON + 300, NOON + 900, {"ptcl": BLOCKED}), until=NOON + 900)
    (event,) = [event for event in events if event.isp == "ptcl" and event.to_state == "blocked"]
    dossier = engine.chronicle.take_dossier(event.id)
    assert dossier is not None
    assert engine.chronicle.take_dossier(event.id) is None
    return engine, dossier


def test_an_event_has_its_rules_its_votes_and_measurements_that_bear_it_out() -> None:
    _, dossier = blocked_at_ptcl()
    assert State.BLOCKED is dossier.verdict.state
    assert {"tls.reset.sni.isolated"} <= {one.rule for one in dossier.rules}
    assert 3 == len(dossier.examples)
    assert {Judgement.BLOCKED} == {example.finding.judgement for example in dossier.examples}
    assert all(example.controls for example in dossier.examples)
    (leg,) = dossier.legs
    assert dict(leg.votes)[Judgement.BLOCKED] >= 3


def test_what_works_has_an_example_too() -> None:
    engine, _ = blocked_at_ptcl()
    dossier = engine.briefing.dossier_of("jazz", "x", NOON + 900)
    assert dossier is not None
    assert ["ok.https"] == [example.finding.rule for example in dossier.examples]


def test_a_partial_block_has_examples_of_both_sides() -> None:
    feed, engine = Feed(agents={"ptcl": 8}), make_engine()
    told = feed.tell(
        NOON, NOON + 900, lambda isp, agent: BLOCKED if agent in ("ptcl-1", "ptcl-3", "ptcl-5", "ptcl-7") else works()
    )
    play(engine, [*feed.presence(NOON, True), *told], until=NOON + 900)
    assert State.DISRUPTED is verdict(engine, "ptcl").state
    dossier = engine.briefing.dossier_of("ptcl", "x", NOON + 900)
    assert dossier is not None
    found = [example.finding.judgement for example in dossier.examples]
    assert [Judgement.BLOCKED, Judgement.BLOCKED, Judgement.OK] == found


def test_nothing_that_is_published_names_an_agent_or_a_second() -> None:
    _, dossier = blocked_at_ptcl()
    told = json.dumps(disclose(dossier, lambda agent: "Punjab"))
    assert dossier.voters
    assert not any(voter in told for voter in dossier.voters)
    assert not re.search(r"ptcl-\d", told)
    times = re.findall(r'"(?:startedAt|decided)": "([^"]*)"', told)
    assert len(times) > 3
    assert all(re.search(r"T\d\d:\d\d:00(\.000)?Z$", time) for time in times)
    for word in ("sequence", "epoch", "planVersion", "clockOffset", "failureDetail", "metered"):
        assert word not in told


@pytest.mark.parametrize(
    ("agents", "places", "expected"),
    [
        (2, {}, None),
        (4, {}, [{"province": "Punjab", "agents": 4}]),
        (5, {"ptcl-0": "Sindh"}, [{"province": "Punjab", "agents": 4}]),
        (4, {"ptcl-0": "Sindh", "ptcl-1": "Sindh"}, None),
        (4, dict.fromkeys(["ptcl-0", "ptcl-1", "ptcl-2", "ptcl-3"], ""), None),
    ],
)
def test_fewer_than_three_agents_are_told_apart_by_no_province(
    agents: int, places: dict[str, str], expected: object
) -> None:
    feed, engine = Feed(agents={"ptcl": agents}), make_engine()
    play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 300)], until=NOON + 300)
    dossier = engine.briefing.dossier_of("ptcl", "x", NOON + 300)
    assert dossier is not None
    told = disclose(dossier, lambda agent: places.get(agent, "Punjab"))
    assert (expected, "reachable") == (told["provinces"], told["state"])
