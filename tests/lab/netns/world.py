"""Who has which address in the hard lab, and which ISP does what to whom. Pure: it follows from the scenarios alone.

All addresses are plain unicast addresses of the public Internet, so that agents run under the rules that volunteers'
agents run under. They exist within the namespaces only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, ip_address

from lab.place import HUBS
from lab.scenario import CensorKind, Controls, Scenario, Scheme, SiteKind, Vantage
from lab.sites.site import (
    BLOCKPAGE_HOST,
    CHECK_HOST,
    INNOCUOUS_HOST,
    NOTICE_HOST,
    OTHER_HOST,
    PORTAL_HOST,
    Site,
    StandIn,
    addresses_needed,
    hosts_of,
    next_host,
)

AGENTS = 3  # at each vantage
CONTROLS = 2
PUBLIC_UDP = "8.8.8.8"
PUBLIC_DOH = ("1.1.1.1", "9.9.9.9")
REFERENCES = ("reference-1.example", "reference-2.example")
HUBS_NETWORK = IPv4Network("20.50.0.0/24")
FAMILY_FILTER_HOST = "family-filter.example"
FORGER_HOST = "forger.example"
TO_BLOCKPAGE_HOST = "to-blockpage.example"
TO_NOTICE_HOST = "to-notice.example"
_KNOWN_BLOCKPAGE_HOST = "known-blockpage.example"
_KNOWN_BLOCKPAGE, _FAMILY_FILTER = "203.82.48.83", "203.82.48.86"
_SITES_IN_A_BLOCK = 250

_STAND_INS: Mapping[str, SiteKind | StandIn] = {
    OTHER_HOST: StandIn.OTHER,
    BLOCKPAGE_HOST: StandIn.BLOCKPAGE,
    NOTICE_HOST: StandIn.NOTICE,
    PORTAL_HOST: StandIn.PORTAL,
    CHECK_HOST: StandIn.CHECK,
    FORGER_HOST: StandIn.FORGER,
    TO_BLOCKPAGE_HOST: StandIn.TO_BLOCKPAGE,
    TO_NOTICE_HOST: StandIn.TO_NOTICE,
    INNOCUOUS_HOST: SiteKind.PLAIN,
    **dict.fromkeys(REFERENCES, SiteKind.PLAIN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One ISP with its router and its agents; `vantage` is `None` abroad."""

    id: str
    number: int
    vantage: Vantage | None
    agents: int

    @property
    def inside(self) -> bool:
        return self.vantage is not None

    @property
    def ipv6(self) -> bool:
        """Whether agents have an IPv6 address and route."""
        return self.vantage in (None, Vantage.DUAL_STACK, Vantage.BROKEN_IPV6)

    @property
    def prefix(self) -> str:
        return f"{39 if self.inside else 80}.{31 + self.number}"

    @property
    def slice(self) -> IPv4Network:
        return IPv4Network(f"{self.prefix}.0.0/16")

    @property
    def resolver(self) -> str:
        return f"{self.prefix}.0.53"

    def agent(self, number: int) -> str:
        """Address of an agent, counted from 1; its way out is at `gate`."""
        return f"{self.prefix}.{number}.2"

    def gate(self, number: int) -> str:
        return f"{self.prefix}.{number}.1"

    def inner(self, number: int) -> tuple[str, str]:
        """Addresses of a VPN's two ends within the tunnel, the agent's first."""
        return f"{self.prefix}.{100 + number}.2", f"{self.prefix}.{100 + number}.1"

    @property
    def uplink(self) -> tuple[str, str]:
        """Addresses of the link to the core, the router's first."""
        return f"{self.prefix}.255.2", f"{self.prefix}.255.1"

    @property
    def prefix6(self) -> str:
        return f"2400:{'adc0' if self.inside else 'cb00'}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What one network does to one site. `addresses` are of both families, in the order of the site's.

    `number` is the scenario's own, below 256; `rate` as there.
    """

    kind: CensorKind
    host: str
    addresses: tuple[str, ...]
    number: int = 0
    rate: int = 0


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that there is for some scenarios; `tag` begins the name of each namespace."""

    tag: str
    scenarios: tuple[Scenario, ...]

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The ISPs of the vantages in use, then those of the controls."""
        used = {scenario.vantage for scenario in self.scenarios}
        isps = [
            Network(id=vantage.value, number=number, vantage=vantage, agents=AGENTS)
            for number, vantage in enumerate(Vantage, start=1)
            if vantage in used
        ]
        abroad = [
            Network(id=f"control-{number}", number=number, vantage=None, agents=1) for number in range(1, 1 + CONTROLS)
        ]
        return (*isps, *abroad)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All that answer to web clients; the first are the scenarios' own."""
        kinds: dict[str, SiteKind | StandIn] = {}
        for scenario in self.scenarios:
            kinds |= hosts_of(scenario)
        kinds |= _STAND_INS
        numbered = (_settle(number, host, kind) for number, (host, kind) in enumerate(kinds.items()))
        return (
            *numbered,
            Site(host=_KNOWN_BLOCKPAGE_HOST, kind=StandIn.BLOCKPAGE, addresses=(_KNOWN_BLOCKPAGE,)),
            Site(host=FAMILY_FILTER_HOST, kind=StandIn.NOTICE, addresses=(_FAMILY_FILTER,)),
        )

    @cached_property
    def _by_host(self) -> Mapping[str, Site]:
        return {site.host: site for site in self.sites}

    def find_site(self, host: str) -> Site | None:
        return self._by_host.get(host)

    def address(self, host: str) -> str:
        """The first address of a site that there is."""
        return self._by_host[host].addresses[0]

    def network(self, id_: str) -> Network:
        return next(network for network in self.networks if network.id == id_)

    @property
    def core(self) -> str:
        """Namespace of everything that is in no ISP."""
        return f"{self.tag}-core"

    def router(self, network: Network) -> str:
        return f"{self.tag}-{network.id}"

    def home(self, network: Network, number: int) -> str:
        """Namespace of an agent."""
        return f"{self.tag}-{network.id}-{number}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        homes = [self.home(network, number) for network in self.networks for number in range(1, 1 + network.agents)]
        return (self.core, *map(self.router, self.networks), *homes)

    def is_inside(self, address: str) -> bool:
        """Whether an address is in the country."""
        return any(network.inside and _is_of(address, network) for network in self.networks)

    def blocks(self, network: Network) -> tuple[Block, ...]:
        """What a network does to sites, apart from what it does to everybody."""
        if network.vantage is not None:
            mine = ((s, s.censor) for s in self.scenarios if s.vantage is network.vantage)
        else:
            cut = (s for s in self.scenarios if s.controls is Controls.ONE_BLOCKED and network.number == CONTROLS)
            mine = ((s, _for_a_control(s)) for s in cut)
        return tuple(self._block(scenario, kind) for scenario, kind in mine if kind is not CensorKind.NONE)

    def _block(self, scenario: Scenario, kind: CensorKind) -> Block:
        following = kind is CensorKind.NEXT_SNI_RESET
        host = next_host(scenario.host) if following else scenario.host
        kind = CensorKind.SNI_RESET if following else kind
        return Block(
            kind=kind,
            host=host,
            addresses=self._by_host[host].addresses,
            number=self.scenarios.index(scenario) + 1,
            rate=scenario.rate,
        )


def hub_host(number: int) -> str:
    return f"collector-{number}.example"


def hub_address(number: int) -> str:
    return str(HUBS_NETWORK[10 + number])


def all_hubs() -> Mapping[str, str]:
    """Addresses by name of the places for collectors."""
    return {hub_host(number): hub_address(number) for number in range(HUBS)}


def every_address(sites: Iterable[Site]) -> Sequence[str]:
    """What the core answers at, or would."""
    own = (address for site in sites for address in site.addresses)
    return [*own, *all_hubs().values(), PUBLIC_UDP, *PUBLIC_DOH]


def _settle(number: int, host: str, kind: SiteKind | StandIn) -> Site:
    """Gives a site its addresses: each site is in a network of its own, and so is a second address abroad."""
    four, six = addresses_needed(kind)
    block, within = divmod(number, _SITES_IN_A_BLOCK)
    first = f"151.{101 + block}.{within + 1}"
    second = f"104.{16 + block}.{within + 1}.10" if kind is SiteKind.CDN else f"{first}.11"
    addresses = (f"{first}.10", second)[:four] + (f"2a04:4e42:{number + 1:x}::10",)[:six]
    return Site(host=host, kind=kind, addresses=addresses)


def _is_of(address: str, network: Network) -> bool:
    if ip_address(address).version == 4:
        return ip_address(address) in network.slice
    return address.startswith(f"{network.prefix6}:")


def _for_a_control(scenario: Scenario) -> CensorKind:
    """How the second control is blocked: as the country is, or where that is open by the site's name."""
    if scenario.censor is not CensorKind.NONE:
        return scenario.censor
    return CensorKind.HOST_RESET if scenario.scheme is Scheme.HTTP else CensorKind.SNI_RESET
