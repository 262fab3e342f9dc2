"""A web target: TCP, TLS and HTTP at one address. measure.py tells the flow."""

from dataclasses import dataclass, replace

from rabta_agent.candidates import Candidate
from rabta_agent.failure import is_certificate_failure
from rabta_agent.network import Connection
from rabta_agent.notebook import Notebook
from rabta_agent.probes.http import Request, Stream, get
from rabta_agent.probes.step import Scene
from rabta_agent.probes.tls import Hello, TlsStream, handshake
from rabta_agent.trial import Try, connect_to, innocuous_name, is_forbidden
from rabta_agent.urls import WebUrl
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import Depth, Step


class WebTrial:
    """Tries the addresses of one URL."""

    def __init__(self, notebook: Notebook, url: WebUrl) -> None:
        self._notebook = notebook
        self._url = url
        self._isolated: set[tuple[int, bool]] = set()  # pass, and whether the address was the machine's own
        self._isolation_answered = False
        self._looked_at: set[str] = set()

    @property
    def steps(self) -> tuple[Step, ...]:
        steps = (Step.TCP, Step.TLS, Step.HTTP) if self._url.tls else (Step.TCP, Step.HTTP)
        return steps[:-1] if self._url.handshake_only else steps

    async def __call__(self, scene: Scene, candidate: Candidate) -> Try:
        connected = await connect_to(self._notebook, scene, candidate, self._url.port)
        if connected.connection is None:
            return Try(failed=Step.TCP, forbidden=is_forbidden(candidate, connected.failure))
        stream: Stream = connected.connection
        if self._url.tls:
            secured = await self._secure(scene, connected.connection, candidate)
            if secured is None:
                return Try(failed=Step.TLS)
            stream = secured
        # On an address that only others named, a valid handshake is proof enough, and all that is paid for.
        enough = self._notebook.depth is Depth.LIGHT or self._url.handshake_only
        if enough or (self._url.tls and not candidate.is_users_own):
            stream.close()
            return Try(proved=self._url.tls)
        return await self._get(scene, stream, candidate)

    async def _secure(self, scene: Scene, connection: Connection, candidate: Candidate) -> TlsStream | None:
        hello = Hello(
            address=candidate.address,
            port=self._url.port,
            server_name=self._url.host,
            source=candidate.source,
            authority=self._notebook.authority if self._url.handshake_only else b"",
        )
        shaken = await self._shake(scene, connection, hello)
        if shaken.stream is None and shaken.failure is not None:
            await self._look_closer(scene, candidate, hello, shaken.failure)
        return shaken.stream

    async def _shake(self, scene: Scene, connection: Connection, hello: Hello) -> "_Shaken":
        notebook = self._notebook
        if not notebook.allows(notebook.settings.tls_s):
            connection.close()
            return _Shaken()
        deadline = notebook.deadline(notebook.settings.tls_s)
        outcome = await handshake(scene, notebook.equipment.contexts, connection, hello, deadline)
        detail = outcome.observation.detail
        return _Shaken(
            stream=notebook.keep(outcome),
            failure=outcome.observation.failure,
            answered=isinstance(detail, TlsHandshake) and detail.server_answered,
        )

    async def _look_closer(self, scene: Scene, candidate: Candidate, hello: Hello, failure: str) -> None:
        """More handshakes on the same address: for its certificate, or to see whether the name set the failure off."""
        if not is_certificate_failure(failure):
            await self._isolate(scene, candidate, hello)
        elif candidate.address not in self._looked_at:
            self._looked_at.add(candidate.address)
            await self._shake_again(scene, candidate, replace(hello, verify=False))

    async def _isolate(self, scene: Scene, candidate: Candidate, hello: Hello) -> None:
        """Under an innocuous name; where that is answered, once more under the target's, in two segments."""
        turn = scene.attempt, candidate.is_users_own
        name = innocuous_name(self._notebook, scene, self._url)
        if self._isolation_answered or turn in self._isolated or name is None:
            return
        self._isolated.add(turn)
        isolated = await self._shake_again(scene, candidate, replace(hello, server_name=name, isolation=True))
        if isolated.answered:
            self._isolation_answered = True
            await self._shake_again(scene, candidate, replace(hello, split=True))

    async def _shake_again(self, scene: Scene, candidate: Candidate, hello: Hello) -> "_Shaken":
        connected = await connect_to(self._notebook, scene, candidate, self._url.port)
        if connected.connection is None:
            return _Shaken()
        shaken = await self._shake(scene, connected.connection, hello)
        if shaken.stream is not None:
            shaken.stream.close()
        return shaken

    async def _get(self, scene: Scene, stream: Stream, candidate: Candidate) -> Try:
        notebook = self._notebook
        if not notebook.allows(notebook.settings.http_s):
            stream.close()
            return Try(failed=Step.HTTP)
        request = Request(address=candidate.address, url=self._url, marks=notebook.settings.marks)
        outcome = await get(scene, stream, request, notebook.deadline(notebook.settings.http_s))
        following = notebook.keep(outcome)
        if outcome.observation.failure is not None:
            return Try(failed=Step.HTTP)
        return Try(following=following, proved=self._url.tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shaken:
    """What came of a handshake."""

    stream: TlsStream | None = None
    failure: str | None = None
    answered: bool = False
