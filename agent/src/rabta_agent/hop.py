"""One hop of a measurement: DNS, TCP, TLS and HTTP for one URL, repeated while it fails. measure.py tells the flow.

A pass is won when an address that the volunteer's other programs would use goes all the way. Other addresses show what
would have been, and never win a pass.
"""

from dataclasses import dataclass, replace

from rabta_agent.candidates import Candidate, Named, choose
from rabta_agent.failure import is_certificate_failure
from rabta_agent.names import name_by_system, name_everywhere
from rabta_agent.network import Connection
from rabta_agent.notebook import Notebook
from rabta_agent.probes.connect import connect
from rabta_agent.probes.http import Request, Stream, get
from rabta_agent.probes.tls import Hello, TlsStream, handshake
from rabta_agent.urls import WebUrl
from rabta_proto.model import TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Depth, Failure, Step

PASSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How far one address went. `failed` is the step that failed, `None` where none did."""

    failed: Step | None = None
    following: WebUrl | None = None


class Hop:
    """One URL. `measure` may be called once."""

    def __init__(self, notebook: Notebook, url: WebUrl, index: int) -> None:
        self._notebook = notebook
        self._url = url
        self._scene = replace(notebook.scene, hop=index)
        self._isolation_answered = False
        self._looked_at: set[str] = set()
        self._forbidden = False  # the URL itself is a special address: no repeat will make it another

    async def measure(self) -> WebUrl | None:
        """Up to three passes; where a redirect of the one that was won leads."""
        for attempt in range(1, PASSES + 1):
            if attempt == PASSES and not await self._notebook.pause():
                return None
            self._scene = replace(self._scene, attempt=attempt)
            won = await self._pass(await self._find_candidates(attempt), thorough=attempt == 1)
            if won is not None:
                if self._url.tls:
                    self._notebook.prove(self._scene)
                return won.following
            if self._forbidden:
                return None
        return None

    async def _find_candidates(self, attempt: int) -> tuple[Candidate, ...]:
        literal = self._url.address
        if literal is not None:
            return (Candidate(address=literal, source=AddressSource.LITERAL),)
        if not self._notebook.allows(self._notebook.settings.dns_s):
            return ()
        if attempt == 1:
            return choose(await name_everywhere(self._notebook, self._scene, self._url.host))
        return choose(Named(system=await name_by_system(self._notebook, self._scene, self._url.host)))

    async def _pass(self, candidates: tuple[Candidate, ...], *, thorough: bool) -> Try | None:
        """Tries addresses until one goes all the way; the try that wins the pass, if any does.

        A repeat that is not thorough tries another address only where the one before did not let itself be connected.
        """
        for candidate in candidates:
            tried = await self._try(candidate)
            if tried.failed is None:
                return tried if candidate.is_users_own else None
            if not thorough and tried.failed is not Step.TCP:
                return None
        return None

    async def _try(self, candidate: Candidate) -> Try:
        connection = await self._connect(candidate)
        if connection is None:
            return Try(failed=Step.TCP)
        stream: Stream = connection
        if self._url.tls:
            secured = await self._secure(connection, candidate)
            if secured is None:
                return Try(failed=Step.TLS)
            stream = secured
        # On an address that only others named, a valid handshake is proof enough, and all that is paid for.
        if self._notebook.depth is Depth.LIGHT or (self._url.tls and not candidate.is_users_own):
            stream.close()
            return Try()
        return await self._get(stream, candidate)

    async def _connect(self, candidate: Candidate) -> Connection | None:
        notebook = self._notebook
        if not notebook.allows(notebook.settings.tcp_s):
            return None
        endpoint = TcpConnect(address=candidate.address, port=self._url.port, source=candidate.source)
        outcome = await connect(self._scene, endpoint, notebook.deadline(notebook.settings.tcp_s))
        if candidate.source is AddressSource.LITERAL:
            self._forbidden = outcome.observation.failure == Failure.SPECIAL_ADDRESS
        return notebook.keep(outcome)

    async def _secure(self, connection: Connection, candidate: Candidate) -> TlsStream | None:
        hello = self._hello(candidate)
        outcome = await self._shake(connection, hello)
        if outcome.stream is None:
            await self._look_closer(candidate, hello, outcome.failure)
        return outcome.stream

    def _hello(self, candidate: Candidate) -> Hello:
        return Hello(
            address=candidate.address, port=self._url.port, server_name=self._url.host, source=candidate.source
        )

    async def _shake(self, connection: Connection, hello: Hello) -> "_Shaken":
        notebook = self._notebook
        if not notebook.allows(notebook.settings.tls_s):
            connection.close()
            return _Shaken()
        deadline = notebook.deadline(notebook.settings.tls_s)
        outcome = await handshake(self._scene, notebook.equipment.contexts, connection, hello, deadline)
        detail = outcome.observation.detail
        return _Shaken(
            stream=notebook.keep(outcome),
            failure=outcome.observation.failure,
            answered=isinstance(detail, TlsHandshake) and detail.server_answered,
        )

    async def _look_closer(self, candidate: Candidate, hello: Hello, failure: str | None) -> None:
        """A second handshake on the same address: for its certificate, or under an innocuous name."""
        if failure is None:
            return
        if is_certificate_failure(failure):
            if candidate.address not in self._looked_at:
                self._looked_at.add(candidate.address)
                await self._shake_again(candidate, replace(hello, verify=False))
        elif not self._isolation_answered and (name := self._innocuous_name()):
            isolated = await self._shake_again(candidate, replace(hello, server_name=name, isolation=True))
            self._isolation_answered = isolated.answered

    def _innocuous_name(self) -> str | None:
        """Another one in each pass; none for a literal address, which was never named to anybody."""
        names = [name for name in self._notebook.settings.innocuous_names if name != self._url.host]
        if not names or self._url.address is not None:
            return None
        return names[(self._scene.attempt - 1) % len(names)]

    async def _shake_again(self, candidate: Candidate, hello: Hello) -> "_Shaken":
        connection = await self._connect(candidate)
        if connection is None:
            return _Shaken()
        shaken = await self._shake(connection, hello)
        if shaken.stream is not None:
            shaken.stream.close()
        return shaken

    async def _get(self, stream: Stream, candidate: Candidate) -> Try:
        notebook = self._notebook
        if not notebook.allows(notebook.settings.http_s):
            stream.close()
            return Try(failed=Step.HTTP)
        request = Request(address=candidate.address, url=self._url, marks=notebook.settings.marks)
        outcome = await get(self._scene, stream, request, notebook.deadline(notebook.settings.http_s))
        following = notebook.keep(outcome)
        return Try(failed=None if outcome.observation.failure is None else Step.HTTP, following=following)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shaken:
    """What came of a handshake."""

    stream: TlsStream | None = None
    failure: str | None = None
    answered: bool = False
