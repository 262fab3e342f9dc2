"""When a secret is too old."""

from dataclasses import replace

from rabta_collector.registry import Agent
from rabta_collector.rotation import RETRY_S, is_due
from rabta_proto.vocabulary import Role

AGENT = Agent(
    id="a",
    digest=b"",
    role=Role.PROBE,
    isp="",
    province="",
    enrolled_at=0.0,
    revoked_at=None,
    last_seen=None,
    version="",
    secret_at=100.0,
)


def due(agent: Agent, now: float) -> bool:
    return is_due(agent, now=now, after_s=1000.0)


def test_a_secret_is_due_at_its_age() -> None:
    assert not due(AGENT, 1099.0)
    assert due(AGENT, 1100.0)


def test_what_was_offered_is_waited_for_a_day() -> None:
    offered = replace(AGENT, offered_at=2000.0)
    assert not due(offered, 2000.0 + RETRY_S - 1)
    assert due(offered, 2000.0 + RETRY_S)


def test_an_agent_that_left_gets_none() -> None:
    assert not due(replace(AGENT, revoked_at=1.0), 1e9)
