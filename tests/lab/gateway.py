"""The path between the country and the sites: listens at every near address and does what the client's network wants.

A client's network is that of its source address, so dialling another network's near address helps nobody.
Whatever is not kept back is carried, byte for byte, between the client and the site's real server.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EADDRINUSE

from lab.atlas import Atlas, Network, Site
from lab.censor import ADDRESSES, NAMES_IN_HTTP, NAMES_IN_TLS, Action, Censor, Rule
from lab.link import splice
from lab.listening import Listener, Manner, Serve, hold, reset, source_of
from lab.opening import OTHER, Opening, Speech, read_opening
from lab.origins import Endpoint, Origins

_FREE = Censor()
_PATIENCE_S = 30.0  # for a client that says nothing
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Near:
    """A site as one network's users get it; the network's block page where `site` is `None`."""

    network: Network
    site: Site | None

    @property
    def address(self) -> str:
        return self.network.near(self.site) if self.site else self.network.block_page


class Gateway:
    """All near addresses, at one port. `apply` makes them what the censors say now."""

    def __init__(self, atlas: Atlas, censors: Mapping[str, Censor], origins: Origins) -> None:
        self._atlas = atlas
        self._censors = censors
        self._origins = origins
        self._nears = [Near(network, site) for network in atlas.networks for site in (*atlas.sites, None)]
        self._listeners: dict[Near, Listener] = {}
        self._gates = {network.id: asyncio.Event() for network in atlas.networks}
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self.down: set[str] = set()
        self.port = 0

    async def start(self) -> None:
        for _ in range(_ATTEMPTS):
            if await self._listen_everywhere():
                break
        else:
            raise OSError(EADDRINUSE, "no port is free at every address of the simulated country")
        await self.apply()

    async def _listen_everywhere(self) -> bool:
        port = 0
        for near in self._nears:
            listener = self._listeners[near] = Listener(near.address, self._serving(near), port=port)
            try:
                await listener.open()
            except OSError as error:
                if error.errno != EADDRINUSE:
                    raise
                await self.end()
                return False
            port = listener.port
        self.port = port
        return True

    async def apply(self) -> None:
        """Lets every listener do what the censors say now, and stops or lets go networks."""
        for network in self._atlas.networks:
            (self._gates[network.id].clear if self._censors[network.id].shut else self._gates[network.id].set)()
        for near, listener in self._listeners.items():
            await listener.be(self._manner(near))

    def _manner(self, near: Near) -> Manner:
        censor = self._censors[near.network.id]
        rule = censor.on(near.site, ADDRESSES)
        if censor.shut or (rule is not None and rule.action is Action.TCP_SILENCE):
            return Manner.SILENT
        down = near.site is not None and near.site.key in self.down
        return Manner.REFUSES if down or (rule is not None and rule.action is Action.TCP_REFUSED) else Manner.ACCEPTS

    def _serving(self, near: Near) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(near, reader, writer)

        return serve

    async def _serve(self, near: Near, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        network = self._atlas.network_at(source_of(writer))
        censor = self._censors[network.id] if network else _FREE
        if censor.shut:
            return await hold(reader)
        if by_address := censor.on(near.site, ADDRESSES):
            return await _end(by_address, reader, writer)
        said, opening = await _first_words(reader)
        named = self._atlas.site_named(opening.name) if opening.name else None
        rule = censor.on(named, NAMES_IN_TLS if opening.speech is Speech.TLS else NAMES_IN_HTTP)
        if rule and rule.action in _ENDINGS:
            return await _end(rule, reader, writer)
        server = await _reach(self._beyond(near, opening, rule), writer)
        server[1].write(said)
        gate = self._gates[network.id] if network else self._open_gate
        try:
            await splice((reader, writer), server, gate, bytes_per_second=censor.rate(named))
        finally:
            server[1].close()

    def _beyond(self, near: Near, opening: Opening, rule: Rule | None) -> Endpoint:
        """Where a connection that is not ended goes."""
        if near.site is None or rule is not None:
            return self._origins.in_place_of(opening.speech)
        return self._origins.of(near.site, opening.speech)

    async def end(self) -> None:
        await asyncio.gather(*(listener.end() for listener in self._listeners.values()))


_ENDINGS = frozenset({Action.SNI_RESET, Action.SNI_SILENCE, Action.SNI_CLOSE, Action.HOST_RESET})


async def _first_words(reader: asyncio.StreamReader) -> tuple[bytes, Opening]:
    """Reads until the opening can be told; a client that goes or stays silent has said nothing."""
    said = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while (opening := read_opening(said)) is None:
                data = await reader.read(4096)
                if not data:
                    return said, OTHER
                said += data
            return said, opening
    return said, OTHER


async def _end(rule: Rule, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    match rule.action:
        case Action.SNI_CLOSE:
            return  # which closes, with FIN
        case Action.SNI_SILENCE | Action.TCP_SILENCE:  # the latter at the near address of another network
            await hold(reader)
        case _:
            reset(writer)


async def _reach(endpoint: Endpoint, client: asyncio.StreamWriter) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(*endpoint)
    except OSError:
        reset(client)
        raise
