"""The sites themselves, beyond the reach of any censor, and what censors put in their place.

Each site has its own servers (lab.sites), at an address that only the gateway dials. It does so from the client's
address, because some sites treat clients differently by where they are.
"""

from lab.atlas import STAND_INS, Atlas, Site
from lab.authority import Authorities
from lab.censor import Action
from lab.opening import Speech
from lab.scenario import SiteKind
from lab.sites import site as sites
from lab.sites.servers import Servers
from lab.sites.site import Ports, StandIn

Endpoint = tuple[str, int]

_STAND_IN_ADDRESS = "127.201.1"
_STAND_IN = {
    Action.TLS_FORGED: StandIn.FORGER,
    Action.HOST_BLOCKPAGE: StandIn.BLOCKPAGE,
    Action.HOST_BLOCKPAGE_UNKNOWN: StandIn.NOTICE,
    Action.HOST_REDIRECT: StandIn.TO_BLOCKPAGE,
    Action.HOST_REDIRECT_UNKNOWN: StandIn.TO_NOTICE,
}
# To these the gateway itself says nothing, or sends the client to where it refuses.
_NOBODY = frozenset({SiteKind.DEAD, SiteKind.SILENT, SiteKind.DEAD_NAME})
# How many addresses a site has is the gateway's affair.
_ONE_PLACE = frozenset({SiteKind.HALF_DEAD, SiteKind.TWO_ADDRESSES})


class Origins:
    """All servers that stand behind the gateway."""

    def __init__(self, atlas: Atlas, authorities: Authorities) -> None:
        def is_inside(peer: str) -> bool:
            network = atlas.network_at(peer)
            return network is not None and network.kind is not None

        self._servers = Servers(
            [*(_site(site) for site in atlas.sites if site.kind not in _NOBODY), *map(_stand_in, StandIn)],
            authorities,
            is_inside,
        )

    def of(self, site: Site, speech: Speech) -> Endpoint:
        """Where a site really answers; what is neither TLS nor HTTP goes to its plain server, which will refuse it."""
        if isinstance(site.kind, StandIn):
            return self.of_stand_in(site.kind, speech)
        return self._endpoint(site.hostname, site.origin, speech)

    def in_place_of(self, action: Action, speech: Speech) -> Endpoint:
        """Where a connection goes instead under a rule that sends it elsewhere."""
        return self.of_stand_in(_STAND_IN[action], speech)

    def of_stand_in(self, kind: StandIn, speech: Speech) -> Endpoint:
        site = _stand_in(kind)
        return self._endpoint(site.host, site.addresses[0], speech)

    def of_quic(self, site: Site) -> Endpoint:
        return site.origin, self._servers.port(site.hostname, site.origin, "quic")

    def _endpoint(self, host: str, address: str, speech: Speech) -> Endpoint:
        return address, self._servers.port(host, address, "https" if speech is Speech.TLS else "http")

    async def start(self) -> None:
        await self._servers.start()

    async def end(self) -> None:
        await self._servers.end()


def _site(site: Site) -> sites.Site:
    return sites.Site(
        host=site.hostname,
        kind=SiteKind.PLAIN if site.kind in _ONE_PLACE else site.kind,
        addresses=(site.origin,),
        ports=Ports(http=0, https=0, quic=0 if site.quic else None, tcp=None),
        title=site.name,
        aliases=(f"www.{site.hostname.removeprefix('www.')}",),
    )


def _stand_in(kind: StandIn) -> sites.Site:
    named = STAND_INS.get(kind)
    return sites.Site(
        host=named.hostname if named else kind,
        kind=kind,
        addresses=(f"{_STAND_IN_ADDRESS}.{list(StandIn).index(kind) + 1}",),
        ports=Ports(http=0, https=0, quic=None, tcp=None),
    )
