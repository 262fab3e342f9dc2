"""What the journal keeps, and what everything behind it is rebuilt from.

Times are Unix seconds; `at` is the collector's clock at the moment of admission and never falls from one entry to the
next. An agent is its pseudonym: nothing here tells who or where it is beyond its ISP.
"""

from dataclasses import dataclass

from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements of one agent, admitted together, duplicates already left out."""

    at: float
    agent: str
    isp: str
    role: Role
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """An agent's session began or ended; `left`: by no fault of its line, because it went of its own
    accord, as it said, or because the process that held its session is gone.

    `session` tells it from others of the agent, and grows; `process`: who holds it. Zero where one process holds all.
    """

    at: float
    agent: str
    isp: str
    role: Role
    connected: bool
    left: bool = False
    session: int = 0
    process: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A process began to write the journal. It is handed to nobody, for nothing happened."""

    at: float


Entry = Measured | Presence
