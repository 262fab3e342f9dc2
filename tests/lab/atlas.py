"""Where everything in the simulated country is: networks, sites and their addresses, all within 127.0.0.0/8.

A network with number n owns 127.n.0.0/16, and a connection belongs to the network of its source address. A site has an
address near each network (some have two), as a content delivery network would give it one, and all near addresses share
one port. Pure: this module opens nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from lab.scenario import SiteKind
from lab.sites.site import (
    BLOCKPAGE_HOST,
    CHECK_HOST,
    INNOCUOUS_HOST,
    NOTICE_HOST,
    OTHER_HOST,
    PORTAL_HOST,
    StandIn,
    addresses_needed,
)
from rabta_proto.vocabulary import IspKind

PUBLIC_UDP = "127.200.8.8"
PUBLIC_DOH = ("127.200.1.1", "127.200.9.9")
ORIGINS = "127.201.0"
INNOCUOUS_NAME = INNOCUOUS_HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One slice of the loopback range; `kind` is `None` for a network abroad.

    `portal`: whoever asks for whatever is sent to log in first. `resolver_delay_s`: before its resolver answers.
    """

    id: str
    name: str
    number: int
    kind: IspKind | None = None
    portal: bool = False
    resolver_delay_s: float = 0.0

    @property
    def slice(self) -> IPv4Network:
        return IPv4Network(f"127.{self.number}.0.0/16")

    @property
    def relay(self) -> str:
        """Where this network's agents find the collector."""
        return f"127.{self.number}.0.2"

    @property
    def resolver(self) -> str:
        return f"127.{self.number}.0.53"

    @property
    def block_page(self) -> str:
        return self.near(STAND_INS[StandIn.BLOCKPAGE])

    def agent(self, index: int) -> str:
        """Source address of the agent with this index, counted from 1."""
        return f"127.{self.number}.1.{index}"

    def near(self, site: "Site", place: int = 0) -> str:
        """Address of a site as this network's users get it; `place` counts the addresses of one that has several."""
        return f"127.{self.number}.{9 - place}.{site.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One thing that people reach: a platform's server, or a reference (`platform` empty). `quic`: over UDP, too."""

    number: int
    hostname: str
    name: str
    platform: str = ""
    category: str = ""
    kind: SiteKind | StandIn = SiteKind.PLAIN
    quic: bool = False

    @property
    def origin(self) -> str:
        return f"{ORIGINS}.{self.number}"

    @property
    def key(self) -> str:
        """What stories call it."""
        return self.platform or self.hostname

    @property
    def places(self) -> range:
        """Its addresses near each network."""
        some, _ = addresses_needed(self.kind)
        return range(min(some, 1) if self.kind is SiteKind.CDN else some)


STAND_INS = {
    kind: Site(number=number, hostname=hostname, name=hostname, kind=kind)
    for number, kind, hostname in (
        (250, StandIn.BLOCKPAGE, BLOCKPAGE_HOST),
        (251, StandIn.NOTICE, NOTICE_HOST),
        (252, StandIn.PORTAL, PORTAL_HOST),
        (253, StandIn.CHECK, CHECK_HOST),
        (254, StandIn.OTHER, OTHER_HOST),
    )
}
"""What is there in every country beside what people want."""


@dataclass(frozen=True, kw_only=True)  # not slotted: what is cached needs a dictionary
class Atlas:
    """A whole country with the world around it."""

    networks: tuple[Network, ...]
    sites: tuple[Site, ...]

    @property
    def isps(self) -> tuple[Network, ...]:
        return tuple(network for network in self.networks if network.kind is not None)

    @property
    def abroad(self) -> tuple[Network, ...]:
        return tuple(network for network in self.networks if network.kind is None)

    @property
    def everything(self) -> tuple[Site, ...]:
        """All that has an address."""
        return (*self.sites, *STAND_INS.values())

    @property
    def platforms(self) -> tuple[str, ...]:
        return tuple(site.platform for site in self.sites if site.platform)

    def network(self, id: str) -> Network:
        return next(network for network in self.networks if network.id == id)

    def network_at(self, address: str) -> Network | None:
        """Network of a source address; `None` for one outside of every slice."""
        number = IPv4Address(address)
        return next((network for network in self.networks if number in network.slice), None)

    def site(self, key: str) -> Site:
        return next(site for site in self.sites if site.key == key)

    def site_named(self, name: str) -> Site | None:
        """Site whose name this is; the name without `www.` is its name too."""
        bare = name.rstrip(".").lower().removeprefix("www.")
        return self._by_name.get(bare)

    @cached_property
    def _by_name(self) -> dict[str, Site]:
        return {site.hostname.removeprefix("www."): site for site in self.everything}


PAKISTAN = Atlas(
    networks=(
        Network(id="ptcl", name="PTCL", number=11, kind=IspKind.FIXED),
        Network(id="nayatel", name="Nayatel", number=12, kind=IspKind.FIXED),
        Network(id="stormfiber", name="StormFiber", number=13, kind=IspKind.FIXED),
        Network(id="zong", name="Zong", number=14, kind=IspKind.MOBILE),
        Network(id="jazz", name="Jazz", number=15, kind=IspKind.MOBILE),
        Network(id="abroad-1", name="Abroad 1", number=101),
        Network(id="abroad-2", name="Abroad 2", number=102),
    ),
    sites=(
        Site(number=1, hostname="x.com", name="X (Twitter)", platform="x", category="SOCIAL"),
        Site(number=2, hostname="www.wikipedia.org", name="Wikipedia", platform="wikipedia", category="CULTR"),
        Site(number=3, hostname="www.youtube.com", name="YouTube", platform="youtube", category="MMED"),
        Site(number=4, hostname="web.whatsapp.com", name="WhatsApp", platform="whatsapp", category="COMT"),
        Site(number=5, hostname="reference.example", name="The reference"),
    ),
)
"""The country of the demo."""
