"""A `quic://` target: a QUIC handshake is all that is tried. measure.py tells the flow."""

from dataclasses import replace

from rabta_agent.candidates import Candidate
from rabta_agent.failure import is_certificate_failure
from rabta_agent.notebook import Notebook
from rabta_agent.probes import quic
from rabta_agent.probes.step import Scene
from rabta_agent.probes.tls import Hello
from rabta_agent.trial import Try, innocuous_name, is_forbidden
from rabta_agent.urls import QuicUrl
from rabta_proto.vocabulary import Failure, Step


class QuicTrial:
    """Tries the addresses of one host."""

    steps = (Step.QUIC,)

    def __init__(self, notebook: Notebook, target: QuicUrl) -> None:
        self._notebook = notebook
        self._target = target
        self._isolated = False

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        if not self._has_time():
            return Try(failed=Step.QUIC)
        hello = Hello(
            address=candidate.address, port=self._target.port, server_name=self._target.host, source=candidate.source
        )
        failure = await self._shake(scene, hello)
        if failure is None:
            return Try(proved=True)
        await self._isolate(scene, hello, failure)
        return Try(failed=Step.QUIC, forbidden=is_forbidden(candidate, failure))

    async def _isolate(self, scene: Scene, hello: Hello, failure: str) -> None:
        """Once per hop, under an innocuous name."""
        name = innocuous_name(self._notebook, scene, self._target)
        if self._isolated or name is None or is_certificate_failure(failure) or failure == Failure.SPECIAL_ADDRESS:
            return
        self._isolated = True
        if self._has_time():
            await self._shake(scene, replace(hello, server_name=name, isolation=True))

    def _has_time(self) -> bool:
        return self._notebook.allows(self._notebook.settings.quic_s)

    async def _shake(self, scene: Scene, hello: Hello) -> str | None:
        """Shakes hands once; the failure."""
        notebook = self._notebook
        deadline = notebook.deadline(notebook.settings.quic_s)
        outcome = await quic.handshake(scene, notebook.equipment.contexts, hello, deadline)
        notebook.keep(outcome)
        return outcome.observation.failure
