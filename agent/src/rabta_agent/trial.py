"""How one address is tried: what every kind of target has in common.

A trial makes the steps after DNS, one address at a time, and says how far that one went. What it remembers from one
address to the next (that a question was answered already) it remembers for one hop.
"""

from dataclasses import dataclass
from typing import Protocol

from rabta_agent.candidates import Candidate
from rabta_agent.network import Connection
from rabta_agent.notebook import Notebook
from rabta_agent.probes.connect import connect
from rabta_agent.probes.step import Scene
from rabta_agent.urls import Endpoint, WebUrl
from rabta_proto.model import TcpConnect
from rabta_proto.vocabulary import AddressSource, Failure, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How far one address went. `failed` is the step that failed, `None` where none did.

    `proved`: a certificate vouches for the address. `forbidden`: the target itself is an address that is never dialled.
    """

    failed: Step | None = None
    following: WebUrl | None = None
    proved: bool = False
    forbidden: bool = False


class Trial(Protocol):
    """Tries the addresses of one hop."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is made at an address that goes all the way, in this order."""

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        """Tries one; every step that it makes is in the notebook afterwards."""


def is_forbidden(candidate: Candidate, failure: str | None) -> bool:
    """Whether a target is a special address itself: no repeat will make it another."""
    return candidate.source is AddressSource.LITERAL and failure == Failure.SPECIAL_ADDRESS


def innocuous_name(notebook: Notebook, scene: Scene, target: Endpoint) -> str | None:
    """Another one in each pass; none for a literal address, which was never named to anybody."""
    names = [name for name in notebook.settings.innocuous_names if name != target.host]
    if not names or target.address is not None:
        return None
    return names[(scene.attempt - 1) % len(names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What came of a connection; without one and without a failure, time did not allow it."""

    connection: Connection | None = None
    failure: str | None = None


async def connect_to(notebook: Notebook, scene: Scene, candidate: Candidate, port: int) -> Connected:
    """Step `tcp`; the connection is its taker's to close."""
    seconds = notebook.settings.tcp_s
    if not notebook.allows(seconds):
        return Connected()
    endpoint = TcpConnect(address=candidate.address, port=port, source=candidate.source)
    outcome = await connect(scene, endpoint, notebook.deadline(seconds))
    return Connected(connection=notebook.keep(outcome), failure=outcome.observation.failure)
