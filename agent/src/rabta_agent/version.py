"""The version of this agent, as its distribution says it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def agent_version() -> str:
    """For instance "0.1.0"; "0" where the sources run without having been installed. Read once."""
    try:
        return version("rabta-agent")
    except PackageNotFoundError:
        return "0"
