"""A `tcp://` target: a connection is all that is tried."""

from rabta_agent.candidates import Candidate
from rabta_agent.notebook import Notebook
from rabta_agent.probes.step import Scene
from rabta_agent.trial import Try, connect_to, is_forbidden
from rabta_agent.urls import TcpEndpoint
from rabta_proto.vocabulary import Step


class TcpTrial:
    """Tries the addresses of one endpoint; nothing is said on a connection."""

    steps = (Step.TCP,)

    def __init__(self, notebook: Notebook, target: TcpEndpoint) -> None:
        self._notebook = notebook
        self._target = target

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        connected = await connect_to(self._notebook, scene, candidate, self._target.port)
        if connected.connection is None:
            return Try(failed=Step.TCP, forbidden=is_forbidden(candidate, connected.failure))
        connected.connection.close()
        return Try()
