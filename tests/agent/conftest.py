"""Time of the agent's tests passes as they say, whatever else the machine does."""

from support.steady import steadily, steady

__all__ = ["steadily", "steady"]
