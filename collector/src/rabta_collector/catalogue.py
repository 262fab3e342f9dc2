"""What the operator asks about: platforms with their targets, references, resolvers, and the ISPs of the country.

Plain frozen values. `targets.py` and `isps.py` read them from files; everything else takes them from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from rabta_proto.vocabulary import IspKind


class Need(StrEnum):
    """How a platform's targets make up the platform."""

    ALL = "all"  # it works when every target works
    ANY = "any"  # it works when one target works


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An object that is read against the clock. `interval_s` is that of an ISP's whole view of it.

    `control_name`: an innocuous name under which the same server gives the same object; empty where there is none.
    """

    url: str
    bytes: int
    control_name: str = ""
    interval_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to measure. `platform` is empty for a reference; `interval_s` is that of an ISP's whole view.

    One that is not `required` is measured and reported, and does not decide the state of its platform or part.
    `part` is empty for one that belongs to the platform itself. Of a reference `transfer` is what others are compared
    with. `authority`: the certificate (DER) that alone vouches for a tls:// target; empty: the system's roots do.
    `trace`: agents whose volunteers let them may look where on the path it is cut off.
    """

    url: str
    platform: str = ""
    interval_s: float = 300.0
    priority: int = 2
    required: bool = True
    transfer: Transfer | None = None
    part: str = ""
    authority: bytes = b""
    trace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What people do with a platform, of targets of its own: messages, media. It has a state of its own.

    `need` is as a platform's. One that is not `required` does not decide its platform's state.
    """

    id: str
    name: str
    need: Need = Need.ALL
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What people ask about."""

    id: str
    name: str
    category: str
    targets: tuple[Target, ...]
    need: Need = Need.ALL
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that each step may take, and the mean pause before the second repeat of an anomaly.

    Eight seconds hold as many retransmissions as ten: a SYN is sent again after 1, 3 and 7 s (RFC 6298).
    """

    dns_s: float = 5.0
    tcp_s: float = 8.0
    tls_s: float = 8.0
    quic_s: float = 8.0
    http_s: float = 15.0
    repeat_pause_s: float = 5.0
    transfer_s: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolvers:
    """Public resolvers beside the machine's own: URLs for DoH, `address[:port]` for UDP."""

    doh: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that agents are asked to measure."""

    platforms: tuple[Platform, ...]
    references: tuple[Target, ...] = ()
    resolvers: Resolvers = field(default_factory=Resolvers)
    deadlines: Deadlines = field(default_factory=Deadlines)
    innocuous_names: tuple[str, ...] = ()
    portal_check: str = ""  # an http URL that answers 204 where no captive portal is in the way

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target, references last."""
        return tuple(target for platform in self.platforms for target in platform.targets) + self.references

    def platforms_in(self, categories: Iterable[str]) -> frozenset[str]:
        """Identifiers of the platforms of these categories, in whatever case either is written."""
        named = {category.upper() for category in categories if category}
        return frozenset(platform.id for platform in self.platforms if platform.category.upper() in named)

    @property
    def reference_object(self) -> str:
        """URL of the object that tells what a line can do: the first reference's that has one; empty: none has."""
        return next((target.transfer.url for target in self.references if target.transfer is not None), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Isp:
    """An Internet service provider."""

    id: str
    name: str
    kind: IspKind
    asns: tuple[int, ...] = ()
