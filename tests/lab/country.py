"""The simulated country as one object: start it, do things to it, end it. Everything runs in the caller's event loop.

It needs Linux, no privilege and no network beyond loopback; all ports are ephemeral, so that several run side by side.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.atlas import Atlas, Network, Site
from lab.authority import Authorities
from lab.censor import Censor, Rule
from lab.gateway import Gateway
from lab.origins import Origins
from lab.relay import Relays
from lab.resolvers import Resolvers


class Country:
    """Networks with their resolvers and censors, the sites, public resolvers, and the ways to the collector.

    Without a `collector` there are no ways to it.
    """

    def __init__(self, atlas: Atlas, folder: Path, *, collector: tuple[str, int] | None) -> None:
        self.atlas = atlas
        self.authorities = Authorities()
        folder.mkdir(parents=True, exist_ok=True)
        self.roots = self.authorities.roots(folder)
        self._censors = {network.id: Censor() for network in atlas.networks}
        self._origins = Origins(atlas, self.authorities)
        self._gateway = Gateway(atlas, self._censors, self._origins)
        self._resolvers = Resolvers(atlas, self._censors, self.authorities.usual)
        self._relays = Relays(atlas, self._censors, collector) if collector else None

    async def __aenter__(self) -> Self:
        await self._origins.start()
        await self._gateway.start()
        await self._resolvers.start()
        if self._relays:
            await self._relays.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._relays:
            await self._relays.end()
        await self._resolvers.end()
        await self._gateway.end()
        await self._origins.end()

    @property
    def port(self) -> int:
        """Port of every site, for https and http alike."""
        return self._gateway.port

    def url(self, site: Site, scheme: str = "https") -> str:
        return f"{scheme}://{site.hostname}:{self.port}/"

    def resolver(self, network: Network) -> str:
        """The resolver that a network gives its users, as `address:port`."""
        return self._resolvers.of(network)

    def relay(self, network: Network) -> str:
        """The URL at which a network's agents find the collector."""
        assert self._relays is not None, "a country without a collector"
        return self._relays.url(network)

    @property
    def public_udp(self) -> tuple[str, ...]:
        return self._resolvers.udp

    @property
    def public_doh(self) -> tuple[str, ...]:
        return self._resolvers.doh

    async def censor(self, isp: str, site: str, rule: Rule) -> None:
        """Puts a rule in force for a site at a network, in place of the one before."""
        await self.censor_all([(isp, site, rule)])

    async def censor_all(self, rules: Iterable[tuple[str, str, Rule]]) -> None:
        """The same for many: a network, a site, and what it does to it."""
        for isp, site, rule in rules:
            self._censors[isp].set(self.atlas.site(site), rule)
        await self._gateway.apply()

    async def shut(self, isp: str) -> None:
        """From now on the network carries nothing: no names, no sites, no collector."""
        await self._carry(isp, False)

    async def restore(self, isp: str) -> None:
        await self._carry(isp, True)

    def carries(self, isp: str) -> bool:
        return not self._censors[isp].shut

    async def _carry(self, isp: str, carries: bool) -> None:
        self._censors[isp].shut = not carries
        await self._gateway.apply()
        if self._relays:
            await self._relays.apply()

    async def take_down(self, site: str) -> None:
        """The site refuses everybody, everywhere."""
        self._gateway.down.add(site)
        await self._gateway.apply()

    async def bring_up(self, site: str) -> None:
        self._gateway.down.discard(site)
        await self._gateway.apply()
