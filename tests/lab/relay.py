"""How each network's agents reach the collector: one address per network, so that a shutdown can cut it."""

import asyncio
from collections.abc import Mapping

from lab.atlas import Atlas, Network
from lab.censor import Censor
from lab.link import splice
from lab.listening import Listener, Manner, Serve


class Relays:
    """One relay per network, all to the collector's gRPC port. A refused collector refuses at the relay too."""

    def __init__(self, atlas: Atlas, censors: Mapping[str, Censor], collector: tuple[str, int]) -> None:
        self._atlas = atlas
        self._censors = censors
        self._collector = collector
        self._gates = {network.id: asyncio.Event() for network in atlas.networks}
        self._listeners = {n.id: Listener(n.relay, self._serving(self._gates[n.id])) for n in atlas.networks}

    def url(self, network: Network) -> str:
        """What an agent of this network joins."""
        listener = self._listeners[network.id]
        return f"http://{listener.host}:{listener.port}"

    async def start(self) -> None:
        await self.apply()

    async def apply(self) -> None:
        for network in self._atlas.networks:
            shut = self._censors[network.id].shut
            (self._gates[network.id].clear if shut else self._gates[network.id].set)()
            await self._listeners[network.id].be(Manner.SILENT if shut else Manner.ACCEPTS)

    def _serving(self, gate: asyncio.Event) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            collector = await asyncio.open_connection(*self._collector)
            try:
                await splice((reader, writer), collector, gate)
            finally:
                collector[1].close()

        return serve

    async def end(self) -> None:
        await asyncio.gather(*(listener.end() for listener in self._listeners.values()))
