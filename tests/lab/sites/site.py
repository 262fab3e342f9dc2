"""What a site is: its name, its kind, where it answers, and what its zone says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab.scenario import Scenario, SiteKind


class StandIn(StrEnum):
    """A server that somebody puts in the place of a site, or sends its visitors to."""

    OTHER = "other"  # another site, with a short page and a valid certificate for its own name
    BLOCKPAGE = "blockpage"  # to any request: a page seen in Pakistan
    NOTICE = "notice"  # to any request: a page that no list knows, status 200
    TO_BLOCKPAGE = "to_blockpage"  # to any request: 302 to BLOCKPAGE_HOST
    TO_NOTICE = "to_notice"  # to any request: 302 to NOTICE_HOST
    PORTAL = "portal"  # 302 to PORTAL_HOST, and there a page that asks for a login; https: PORTAL_HOST's certificate
    FORGER = "forger"  # https alone: a certificate for whatever name is asked for, that nobody vouches for; 502
    CHECK = "check"  # 204 to any request: `portal_check`


OTHER_HOST = "other.example"
BLOCKPAGE_HOST = "restrict.wateen.net"
NOTICE_HOST = "notice-of-the-carrier.example"
PORTAL_HOST = "login.portal.example"
CHECK_HOST = "check.example"
INNOCUOUS_HOST = "www.innocuous.example"
"""A name that no scenario is about, for SNI isolation."""

_REDIRECTING = frozenset({SiteKind.REDIRECTS_TO, SiteKind.REDIRECTS_TO_DEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a site's servers listen; 0 is any free port, `None` is no server."""

    http: int | None = 80
    https: int | None = 443
    quic: int | None = 443
    tcp: int | None = 5222


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site. Of two `addresses` the second is the one abroad of a CDN, the one that lives of a half dead site, and
    the IPv6 one of a dual stack."""

    host: str
    kind: SiteKind | StandIn = SiteKind.PLAIN
    addresses: tuple[str, ...] = ()
    ports: Ports = field(default_factory=Ports)
    title: str = ""  # of its page; empty: words of its own
    aliases: tuple[str, ...] = ()  # further names of its certificate

    @property
    def alive(self) -> tuple[str, ...]:
        """Addresses at which it answers."""
        if self.kind in (SiteKind.DEAD, SiteKind.SILENT):
            return ()
        return self.addresses[1:] if self.kind is SiteKind.HALF_DEAD else self.addresses


def next_host(host: str) -> str:
    """The name that a site of the redirecting kinds sends on to."""
    return f"next-{host}"


def hosts_of(scenario: Scenario) -> dict[str, SiteKind]:
    """The sites that a scenario needs, its own first."""
    sites = {scenario.host: scenario.site}
    if scenario.site in _REDIRECTING:
        dead = scenario.site is SiteKind.REDIRECTS_TO_DEAD
        sites[next_host(scenario.host)] = SiteKind.DEAD if dead else SiteKind.PLAIN
    return sites


def addresses_needed(kind: SiteKind | StandIn) -> tuple[int, int]:
    """How many IPv4 and how many IPv6 addresses a site of this kind has."""
    match kind:
        case SiteKind.DEAD_NAME | SiteKind.BOGON:
            return 0, 0
        case SiteKind.CDN | SiteKind.HALF_DEAD | SiteKind.TWO_ADDRESSES:
            return 2, 0
        case SiteKind.DUAL_STACK:
            return 1, 1
        case SiteKind.IPV6_ONLY:
            return 0, 1
        case _:
            return 1, 0


def zone(site: Site, *, inside: bool) -> Sequence[str] | None:
    """What an honest resolver answers to somebody inside the country or abroad, of both families; `None`: no name."""
    match site.kind:
        case SiteKind.DEAD_NAME:
            return None
        case SiteKind.BOGON:
            return ("127.0.0.1",)
        case SiteKind.CDN:
            return site.addresses[:1] if inside else site.addresses[1:]
        case _:
            return site.addresses
