"""What the running agent knows of its surroundings, and what follows: what it notes of the network, and when it rests.

Beside what the kernel says (context.py) stands the collector's word: which network it saw the agent come from. It holds
for the network that the machine was on when it was given. A network that is none of the country's ISPs, where the
volunteer named one, is a VPN's exit or something like it. Slow questions (NetworkManager, batteries) are asked on a
thread of their own, again whenever the network has changed, and every ASK_S.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from rabta_agent.context import NetworkIdentity, identify_network, network_context
from rabta_agent.holds import Hold, Power, Wishes, find_hold, find_silence
from rabta_agent.metered import ask_metered
from rabta_agent.network import Vantage
from rabta_agent.power import read_power
from rabta_proto.model import NetworkContext

ASK_S = 300.0  # between two looks at what is asked of programs
LOOK_S = 2.0  # between two looks at everything else
logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The collector's word. `asn` 0: it could not tell; `isp` empty: none of the country's, or not known."""

    isp: str = ""
    asn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """How the agent looks around; tests have their own."""

    identify: Callable[[Vantage], NetworkIdentity | None] = identify_network
    context: Callable[[str, Vantage], NetworkContext] = network_context
    metered: Callable[[str | None], bool | None] = ask_metered
    power: Callable[[], Power] = read_power
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()


class Surroundings:
    """Of one running agent. `hold` is what holds measuring back; `changed` is set whenever that becomes another."""

    def __init__(
        self,
        *,
        isp: str,
        vantage: Vantage,
        wishes: Wishes,
        paused_until: Callable[[], float | None],
        senses: Senses | None = None,
        note: Callable[[dict[str, object]], None] = lambda _noted: None,
    ) -> None:
        """`note` is given what is to be seen of this by others, whenever it has changed."""
        self._note, self._noted = note, dict[str, object]()
        self._isp, self._vantage, self._wishes = isp, vantage, wishes
        self._paused_until, self._senses = paused_until, senses or Senses()
        self._seen = Seen()
        self._seen_on: NetworkIdentity | None = None
        self._metered: bool | None = None
        self._power = Power()
        self._identity: NetworkIdentity | None = None
        self._portal = False
        self.used_up: Callable[[], bool] = lambda: False
        """Whether the bytes of the day are used up, as the agent that runs knows."""
        self.hold: Hold | None = None
        self.changed = asyncio.Event()

    def hear(self, seen: Seen) -> None:
        """Takes the collector's word, for the network that the machine is on now."""
        self._seen, self._seen_on = seen, self._senses.identify(self._vantage)

    def meet(self, measured: NetworkContext) -> None:
        """Takes what the last measurement found of a login page in the way; may be called from any thread."""
        self._portal = measured.captive_portal is True

    def network(self) -> NetworkContext:
        """The network as it is now, with the collector's word where that is about this one."""
        senses = self._senses
        context = replace(senses.context(self._isp, self._vantage), metered=self._metered)
        if self._vantage.lab or not self._seen.asn or self._seen_on != senses.identify(self._vantage):
            return context
        if not self._seen.isp:
            return replace(context, vpn=True) if self._isp else context
        return replace(context, seen_isp=self._seen.isp) if self._isp and self._seen.isp != self._isp else context

    async def watch(self) -> None:
        """Looks around, for ever."""
        loop = asyncio.get_running_loop()
        asked_at = float("-inf")
        while True:
            identity = self._senses.identify(self._vantage)
            if identity != self._identity or loop.time() - asked_at >= ASK_S:
                self._portal = self._portal and identity == self._identity
                self._identity, asked_at = identity, loop.time()
                await asyncio.to_thread(self._ask, identity)
            self.look()
            await asyncio.sleep(LOOK_S)

    def _ask(self, identity: NetworkIdentity | None) -> None:
        self._metered = self._senses.metered(identity.interface if identity else None)
        self._power = self._senses.power()

    def look(self) -> None:
        """Decides anew whether anything holds measuring back."""
        silence = find_silence(
            self._wishes, paused_until=self._paused_until(), now=self._senses.now(), used_up=self.used_up()
        )
        hold = silence or find_hold(self._wishes, self.network(), self._power)
        if hold is not self.hold:
            logger.info("measuring.held" if hold else "measuring.goes_on", cause=str(hold or self.hold))
            self.hold = hold
            self.changed.set()
        self._tell()

    def _tell(self) -> None:
        network = self.network()
        noted: dict[str, object] = {
            "hold": self.hold and str(self.hold),
            "network": {
                "kind": str(network.kind),
                "vpn": network.vpn,
                "captive_portal": self._portal,
                "ipv4": network.ipv4,
                "ipv6": network.ipv6,
                "metered": network.metered,
                "seen_isp": self._seen.isp or None,
                "seen_asn": self._seen.asn or None,
                "on_battery": self._power.on_battery,
                "charge": self._power.charge,
            },
        }
        if noted != self._noted:
            self._noted = noted
            self._note(noted)

    async def heard(
        self, work: Callable[[], Coroutine[Any, Any, None]], farewell: Callable[[], Awaitable[None]]
    ) -> None:
        """Runs what speaks with the collector, but for the times of silence, before which `farewell` is said.

        Ends as it does.
        """
        while True:
            await self._until(silent=False)
            speaking = asyncio.ensure_future(work())
            hushed = asyncio.ensure_future(self._until(silent=True))
            try:
                await asyncio.wait({speaking, hushed}, return_when=asyncio.FIRST_COMPLETED)
                if speaking.done():
                    return speaking.result()
                await farewell()
            finally:
                for task in (speaking, hushed):
                    task.cancel()
                await asyncio.wait({speaking, hushed})

    async def _until(self, *, silent: bool) -> None:
        while (self.hold is not None and self.hold.silent) is not silent:
            self.changed.clear()
            await self.changed.wait()
