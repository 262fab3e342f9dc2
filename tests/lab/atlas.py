"""Where everything in the simulated country is: networks, sites and their addresses, all within 127.0.0.0/8.

A network with number n owns 127.n.0.0/16, and a connection belongs to the network of its source address. A site has one
address near each network, as a content delivery network would give it one, and all near addresses share one port.
Pure: this module opens nothing.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from rabta_proto.vocabulary import IspKind

PUBLIC_UDP = "127.200.8.8"
PUBLIC_DOH = ("127.200.1.1", "127.200.9.9")
ORIGINS = "127.201.0"
INNOCUOUS_NAME = "www.innocuous.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One slice of the loopback range; `kind` is `None` for a network abroad."""

    id: str
    name: str
    number: int
    kind: IspKind | None = None

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
        return f"127.{self.number}.9.250"

    def agent(self, index: int) -> str:
        """Source address of the agent with this index, counted from 1."""
        return f"127.{self.number}.1.{index}"

    def near(self, site: "Site") -> str:
        """Address of a site as this network's users get it."""
        return f"127.{self.number}.9.{site.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One thing that people reach: a platform's server, or a reference (`platform` empty)."""

    number: int
    hostname: str
    name: str
    platform: str = ""
    category: str = ""

    @property
    def origin(self) -> str:
        return f"{ORIGINS}.{self.number}"

    @property
    def key(self) -> str:
        """What stories call it."""
        return self.platform or self.hostname


@dataclass(frozen=True, slots=True, kw_only=True)
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
        return next((site for site in self.sites if site.hostname.removeprefix("www.") == bare), None)


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
