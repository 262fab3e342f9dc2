"""The path between the country and the sites: listens at every near address and does what the client's network wants.

A client's network is that of its source address, so dialling another network's near address helps nobody.
Whatever is not kept back is carried, byte for byte, between the client and the site's real server.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EADDRINUSE
from ipaddress import IPv4Network

from lab.atlas import Atlas, Network, Site
from lab.censor import ADDRESSES, ADDRESSES_IN_TLS, DATAGRAMS, NAMES_IN_HTTP, NAMES_IN_TLS, Action, Censor, Rule
from lab.datagrams import UdpRelay
from lab.link import splice
from lab.listening import Listener, Manner, Serve, hold, reset, source_of
from lab.opening import OTHER, Opening, Speech, read_opening
from lab.origins import Endpoint, Origins
from lab.scenario import SiteKind
from lab.sites.site import StandIn

_FREE = Censor()
_PATIENCE_S = 30.0  # for a client that says nothing
_ATTEMPTS = 50
_UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])  # a fatal alert in a record of TLS (RFC 8446 section 6)


@dataclass(frozen=True, slots=True)
class Near:
    """One address of a site, as one network's users get it."""

    network: Network
    site: Site
    place: int

    @property
    def address(self) -> str:
        return self.network.near(self.site, self.place)


class Gateway:
    """All near addresses, at one port. `apply` makes them what the censors say now."""

    def __init__(self, atlas: Atlas, censors: Mapping[str, Censor], origins: Origins) -> None:
        self._atlas = atlas
        self._censors = censors
        self._origins = origins
        self._nears = [
            Near(network, site, place)
            for network in atlas.networks
            for site in atlas.everything
            for place in site.places
        ]
        self._listeners: dict[Near, Listener] = {}
        self._relays: list[UdpRelay] = []
        self._gates = {network.id: asyncio.Event() for network in atlas.networks}
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self.down: set[str] = set()
        self.port = 0

    async def start(self) -> None:
        for _ in range(_ATTEMPTS):
            try:
                await self._listen_everywhere()
                break
            except OSError as error:
                await self.end()
                if error.errno != EADDRINUSE:
                    raise
        else:
            raise OSError(EADDRINUSE, "no port is free at every address of the simulated country")
        await self.apply()

    async def _listen_everywhere(self) -> None:
        port = 0
        for near in self._nears:
            listener = self._listeners[near] = Listener(near.address, self._serving(near), port=port)
            await listener.open()
            self.port = port = listener.port
        for near in self._nears:
            if near.site.quic and near.site.kind is not SiteKind.DEAD:
                relay = self._relay(near)
                await relay.open(port)
                self._relays.append(relay)

    def _relay(self, near: Near) -> UdpRelay:
        """The way of a site's datagrams; of a silent site all are lost."""
        silent = near.site.kind is SiteKind.SILENT

        def carries(source: str) -> bool:
            network = self._atlas.network_at(source)
            censor = self._censors[network.id] if network else _FREE
            return not silent and not censor.shut and censor.on(near.site, DATAGRAMS) is None

        return UdpRelay(near.address, (near.address, 0) if silent else self._origins.of_quic(near.site), carries)

    async def apply(self) -> None:
        """Lets every listener do what the censors say now, and stops or lets go networks."""
        for network in self._atlas.networks:
            (self._gates[network.id].clear if self._censors[network.id].shut else self._gates[network.id].set)()
        for near, listener in self._listeners.items():
            manner = self._manner(near)
            # A network that gets a refusal at its own near address gets nothing at another's, which is open to others.
            deaf_to = self._cut_off(near) if manner is Manner.ACCEPTS else ()
            await listener.be(manner, deaf_to=deaf_to)

    def _manner(self, near: Near) -> Manner:
        censor = self._censors[near.network.id]
        rule = censor.at(near.site, near.place, ADDRESSES)
        action = rule.action if rule else Action.CLEAR
        if censor.shut or action is Action.TCP_SILENCE or near.site.kind is SiteKind.SILENT:
            return Manner.SILENT
        return Manner.REFUSES if self._is_dead(near) or action is Action.TCP_REFUSED else Manner.ACCEPTS

    def _is_dead(self, near: Near) -> bool:
        """Whether the address refuses everybody."""
        half_dead = near.site.kind is SiteKind.HALF_DEAD and near.place == 0
        return half_dead or near.site.kind is SiteKind.DEAD or near.site.key in self.down

    def _cut_off(self, near: Near) -> frozenset[IPv4Network]:
        """Other networks, whose censors let no SYN through to this site's address."""
        others = [network for network in self._atlas.networks if network is not near.network]
        rules = [(network, self._censors[network.id].at(near.site, near.place, ADDRESSES)) for network in others]
        return frozenset(network.slice for network, rule in rules if rule and rule.action is not Action.TCP_RESET)

    def _serving(self, near: Near) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(near, reader, writer)

        return serve

    async def _serve(self, near: Near, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        network = self._atlas.network_at(source_of(writer))
        censor = self._censors[network.id] if network else _FREE
        if censor.shut:
            return await hold(reader)
        if censor.at(near.site, near.place, ADDRESSES):
            return reset(writer)
        said, opening = await _first_words(reader)
        if not said:
            return
        named = self._atlas.site_named(opening.name) if opening.name else None
        rule = _rule(censor, near, named, opening)
        if rule and rule.action in _ENDINGS:
            return await _end(rule, reader, writer)
        portal = network is not None and network.portal
        server = await _reach(self._beyond(near, opening, rule, portal=portal), writer)
        server[1].write(said)
        gate = self._gates[network.id] if network else self._open_gate
        try:
            await splice((reader, writer), server, gate, bytes_per_second=censor.rate(named))
        finally:
            server[1].close()

    def _beyond(self, near: Near, opening: Opening, rule: Rule | None, *, portal: bool) -> Endpoint:
        """Where a connection that is not ended goes."""
        if rule is not None:
            return self._origins.in_place_of(rule.action, opening.speech)
        if portal:
            return self._origins.of_stand_in(StandIn.PORTAL, opening.speech)
        return self._origins.of(near.site, opening.speech)

    async def end(self) -> None:
        for relay in self._relays:
            relay.end()
        await asyncio.gather(*(listener.end() for listener in self._listeners.values()))


def _rule(censor: Censor, near: Near, named: Site | None, opening: Opening) -> Rule | None:
    """What a censor does about a connection's first words."""
    if opening.speech is Speech.TLS:
        return censor.on(named, NAMES_IN_TLS) or censor.on(near.site, ADDRESSES_IN_TLS)
    return censor.on(named, NAMES_IN_HTTP)


_CLOSING = frozenset({Action.SNI_CLOSE, Action.TLS_CLOSE, Action.HOST_CLOSE})
_SILENT = frozenset({Action.SNI_SILENCE, Action.TLS_SILENCE, Action.HOST_SILENCE})
_RESETTING = frozenset({Action.SNI_RESET, Action.TLS_RESET, Action.HOST_RESET})
_ENDINGS = _CLOSING | _SILENT | _RESETTING | {Action.SNI_ALERT}


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
    """Does what is done after the first words. A connection that is left is closed, with FIN."""
    if rule.action in _SILENT:
        await hold(reader)
    elif rule.action in _RESETTING:
        reset(writer)
    elif rule.action is Action.SNI_ALERT:
        writer.write(_UNRECOGNIZED_NAME)
        await writer.drain()


async def _reach(endpoint: Endpoint, client: asyncio.StreamWriter) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a server from the client's own address, which the server may look at."""
    try:
        return await asyncio.open_connection(*endpoint, local_addr=(source_of(client), 0))
    except OSError:
        reset(client)
        raise
