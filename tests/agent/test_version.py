"""The version is the distribution's."""

from importlib.metadata import version

from rabta_agent.version import agent_version


def test_the_version_is_the_distributions() -> None:
    assert version("rabta-agent") == agent_version()
