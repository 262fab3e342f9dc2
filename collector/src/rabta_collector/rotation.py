"""When an agent is to get a new secret. Pure.

A new secret is on disk here before it is sent, the agent has it on disk before it uses it, and the old one is good
until it does: whichever end stops at whatever moment, the secret that the agent has is good. What was offered and never
used is offered anew, a day later and not sooner, so that the few that are kept of an agent outlast every session.
"""

from rabta_collector.registry import Agent

DAY_S = 86_400.0
RETRY_S = DAY_S


def is_due(agent: Agent, *, now: float, after_s: float) -> bool:
    """Whether the agent's secret is so old, and nothing was offered lately."""
    if agent.revoked_at is not None or now - agent.secret_at < after_s:
        return False
    return agent.offered_at is None or now - agent.offered_at >= RETRY_S
