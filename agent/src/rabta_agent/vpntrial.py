"""A VPN target: its protocol's first message is all that is tried. measure.py tells the flow."""

from rabta_agent.candidates import Candidate
from rabta_agent.notebook import Notebook
from rabta_agent.probes.step import Scene
from rabta_agent.probes.vpn import greet_by_datagrams, greet_by_stream
from rabta_agent.probes.vpns import open_with
from rabta_agent.trial import Try, connect_to, is_forbidden
from rabta_agent.urls import VpnEndpoint
from rabta_proto.model import VpnHandshake
from rabta_proto.vocabulary import Step


class VpnTrial:
    """Tries the addresses of one endpoint."""

    def __init__(self, notebook: Notebook, target: VpnEndpoint) -> None:
        self._notebook = notebook
        self._target = target

    @property
    def steps(self) -> tuple[Step, ...]:
        return (Step.TCP, Step.VPN) if self._target.over_tcp else (Step.VPN,)

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        notebook, target = self._notebook, self._target
        opening = open_with(target, notebook.equipment.clock)
        seen = VpnHandshake(
            protocol=target.protocol,
            address=candidate.address,
            port=target.port,
            source=candidate.source,
            over_tcp=target.over_tcp,
        )
        seconds = notebook.settings.seconds_for(Step.VPN)
        if not target.over_tcp:
            if not notebook.allows(seconds):
                return Try(failed=Step.VPN)
            outcome = await greet_by_datagrams(scene, opening, seen, notebook.deadline(seconds))
        else:
            connected = await connect_to(notebook, scene, candidate, target.port)
            if connected.connection is None:
                return Try(failed=Step.TCP, forbidden=is_forbidden(candidate, connected.failure))
            if not notebook.allows(seconds):
                connected.connection.close()
                return Try(failed=Step.VPN)
            outcome = await greet_by_stream(scene, opening, connected.connection, seen, notebook.deadline(seconds))
        notebook.keep(outcome)
        failure = outcome.observation.failure
        return (
            Try(proved=opening.verified)
            if failure is None
            else Try(failed=Step.VPN, forbidden=is_forbidden(candidate, failure))
        )
