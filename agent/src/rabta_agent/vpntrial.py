"""A VPN target: its protocol's first message is all that is tried. measure.py tells the flow."""

from dataclasses import replace

from rabta_agent.candidates import Candidate
from rabta_agent.notebook import Notebook
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.vpn import greet_by_datagrams, greet_by_stream
from rabta_agent.probes.vpns import Streamed, open_stream, open_with
from rabta_agent.probes.vpns.tlshello import TlsHello
from rabta_agent.trial import Try, connect_to, is_forbidden
from rabta_agent.urls import VpnEndpoint
from rabta_proto.model import VpnHandshake
from rabta_proto.vocabulary import Step, VpnProtocol


class VpnTrial:
    """Tries the addresses of one endpoint."""

    def __init__(self, notebook: Notebook, target: VpnEndpoint) -> None:
        self._notebook = notebook
        self._target = target

    @property
    def steps(self) -> tuple[Step, ...]:
        return (Step.TCP, Step.VPN) if self._target.over_tcp else (Step.VPN,)

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        target = self._target
        seen = VpnHandshake(
            protocol=target.protocol,
            address=candidate.address,
            port=target.port,
            source=candidate.source,
            over_tcp=target.over_tcp,
        )
        if not target.over_tcp:
            return await self._by_datagrams(scene, candidate, seen)
        tried = await self._by_stream(scene, candidate, seen, open_stream(target))
        if target.protocol is VpnProtocol.ECH and tried.failed is Step.VPN and not tried.forbidden:
            plain = replace(seen, protocol=VpnProtocol.TLS)
            await self._by_stream(scene, candidate, plain, TlsHello(target.host))
        return tried

    async def _by_datagrams(self, scene: Scene, candidate: Candidate, seen: VpnHandshake) -> Try:
        notebook = self._notebook
        seconds = notebook.settings.seconds_for(Step.VPN)
        if not notebook.allows(seconds):
            return Try(failed=Step.VPN)
        opening = open_with(self._target, notebook.equipment.clock)
        return self._keep(candidate, await greet_by_datagrams(scene, opening, seen, notebook.deadline(seconds)))

    async def _by_stream(self, scene: Scene, candidate: Candidate, seen: VpnHandshake, opening: Streamed) -> Try:
        notebook = self._notebook
        connected = await connect_to(notebook, scene, candidate, seen.port)
        if connected.connection is None:
            return Try(failed=Step.TCP, forbidden=is_forbidden(candidate, connected.failure))
        seconds = notebook.settings.seconds_for(Step.VPN)
        if not notebook.allows(seconds):
            connected.connection.close()
            return Try(failed=Step.VPN)
        outcome = await greet_by_stream(scene, opening, connected.connection, seen, notebook.deadline(seconds))
        return self._keep(candidate, outcome)

    def _keep(self, candidate: Candidate, outcome: Outcome[None]) -> Try:
        self._notebook.keep(outcome)
        failure, detail = outcome.observation.failure, outcome.observation.detail
        if failure is not None:
            return Try(failed=Step.VPN, forbidden=is_forbidden(candidate, failure))
        return Try(proved=isinstance(detail, VpnHandshake) and detail.verified)
