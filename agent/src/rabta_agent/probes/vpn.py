"""Step `vpn`: the first message of a VPN protocol to one address, up to the server's answer. Nothing is set up.

Over UDP the message is said again after 1, 3 and 6 seconds while no answer comes, as the protocols' own clients do;
over TCP once. Silence is `generic_timeout_error`, an ICMP error what the kernel makes of it (port unreachable:
`connection_refused`), a reset or an end of the connection as everywhere, and what is no answer in this protocol
`vpn_failed_handshake`, over UDP only once the time is over, for anybody may have sent it.
"""

import asyncio
from dataclasses import dataclass, field, replace

from rabta_agent.failure import StepError
from rabta_agent.network import Connection, Datagrams
from rabta_agent.probes.datagrams import receive_until
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.vpns import Opening, Streamed
from rabta_proto.model import VpnHandshake
from rabta_proto.vocabulary import Failure

SAID_AGAIN_S = (1.0, 2.0, 3.0)
"""Pauses between one saying and the next."""
RECEIVED_LIMIT = 16
"""Datagrams that are no answer, past which no more is read."""
_LONGEST = 4096  # bytes over TCP from which nobody could tell what they are
_BEFORE_THE_END_S = 0.05  # in which is said what came in place of an answer, before the step's deadline says "nothing"


async def greet_by_datagrams(scene: Scene, opening: Opening, seen: VpnHandshake, deadline: float) -> Outcome[None]:
    """Says the first message over UDP until it is answered."""
    work = _Greeting(scene=scene)

    async def run() -> None:
        datagrams = await scene.network.open_datagrams(seen.address, seen.port, scene.meter)
        try:
            await work.by_datagrams(opening, datagrams, deadline)
        finally:
            datagrams.close()

    return await scene.timed(run(), lambda: work.amend(seen, verified=opening.verified), deadline)


async def greet_by_stream(
    scene: Scene, opening: Streamed, connection: Connection, seen: VpnHandshake, deadline: float
) -> Outcome[None]:
    """Says it once over a connection, and closes that."""
    work = _Greeting(scene=scene)

    async def run() -> None:
        try:
            await work.by_stream(opening, connection)
        finally:
            connection.close()

    return await scene.timed(run(), lambda: work.amend(seen, verified=opening.verified), deadline)


@dataclass(kw_only=True, slots=True)
class _Greeting:
    """One beginning on its way."""

    scene: Scene
    said: int = 0
    strange: int = 0
    first_byte_us: int | None = None
    begun_us: int = field(init=False)

    def __post_init__(self) -> None:
        self.begun_us = self.scene.elapsed_us()

    async def by_datagrams(self, opening: Opening, datagrams: Datagrams, deadline: float) -> None:
        now, deadline = asyncio.get_running_loop().time, deadline - _BEFORE_THE_END_S
        for pause in (*SAID_AGAIN_S, float("inf")):
            await datagrams.send(opening.say())
            self.said += 1
            until = min(now() + pause, deadline)
            while (data := await receive_until(datagrams, until)) is not None:
                self._hear()
                if opening.is_answer(data):
                    return
                self.strange += 1
                if self.strange > RECEIVED_LIMIT:
                    raise _no_answer()
            if now() >= deadline:
                break
        if self.strange:
            raise _no_answer()
        raise TimeoutError

    async def by_stream(self, opening: Streamed, connection: Connection) -> None:
        await connection.send(opening.write())
        self.said += 1
        heard = bytearray()
        while (answered := opening.read(bytes(heard))) is None:
            if len(heard) > _LONGEST:
                raise _no_answer()
            data = await connection.receive()
            if not data:
                raise EOFError
            self._hear()
            heard += data
        if not answered:
            raise _no_answer()

    def _hear(self) -> None:
        if self.first_byte_us is None:
            self.first_byte_us = self.scene.elapsed_us() - self.begun_us

    def amend(self, seen: VpnHandshake, *, verified: bool) -> VpnHandshake:
        """The observation with what was heard."""
        return replace(
            seen,
            said=self.said,
            server_answered=self.first_byte_us is not None,
            first_byte_us=self.first_byte_us,
            verified=verified,
        )


def _no_answer() -> StepError:
    return StepError(Failure.VPN_FAILED_HANDSHAKE, "no answer in this protocol")
