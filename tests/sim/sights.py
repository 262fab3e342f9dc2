"""What an agent sees of a target, as the measurement that it would send: whole, for the real classifier to judge. Pure.

Every kind of sight is a list of observations in the order and number in which an agent makes them (three passes where
something fails), told with the words of tests/support. What is left out: other addresses of a site, IPv6 and QUIC
beside TCP, redirects, and the spread of durations, of which only the sum is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from urllib.parse import urlsplit

from rabta_collector.share import estimate_bytes
from rabta_proto.model import Measurement, NetworkContext, Observation
from rabta_proto.vocabulary import Depth, Failure, ResolverKind
from support.telling import DOH, RESET, SILENCE, Story, moment


class Sight(StrEnum):
    """What happens to a measurement."""

    WORKS = "works"
    LATE = "late"  # lost at first, and there at the second pass
    SLOW = "slow"  # all of it works, held to a crawl under this name: only reads against the clock can tell
    RESET = "reset"  # RST after a ClientHello with this name, and not with another
    HUSHED = "hushed"  # silence after a ClientHello with this name, and not with another
    NXDOMAIN = "nxdomain"  # the ISP's resolver denies the name, DoH finds it
    UNCONNECTED = "unconnected"  # the address is silent
    UNANSWERED = "unanswered"  # silence after any ClientHello at this address
    REFUSED = "refused"  # the address refuses: the site is gone
    OFFLINE = "offline"  # no packet comes back from anywhere
    MISTRUSTED = "mistrusted"  # the agent finds every certificate bad: its own fault


PASSES = 3
SLOW_PAGE_MS = 5000.0  # of 80 kB, held to 16 kB a second
PAUSE_S = 5.0  # before the third pass, on average
TLS_S, TCP_S, DNS_S = 8.0, 8.0, 5.0  # deadlines of the plan


def lasts_s(sight: Sight, *, asked: bool = False) -> float:
    """Seconds that a measurement takes, by the agent's own order of steps and deadlines (agent's measure.py).

    `asked`: by "measure now", for which the agent has half the patience and a fifth of the pause (agent's task.py).
    """
    tls_s, tcp_s, pause_s = (TLS_S / 2, TCP_S / 2, PAUSE_S / 5) if asked else (TLS_S, TCP_S, PAUSE_S)
    return {
        Sight.WORKS: 0.6,
        Sight.LATE: tls_s + 1.5,
        Sight.SLOW: 6.0,
        Sight.RESET: pause_s + 1.5,
        Sight.HUSHED: (PASSES + 1) * tls_s + pause_s + 1.0,  # once more with the name split in two segments
        Sight.NXDOMAIN: pause_s + 1.5,
        Sight.UNCONNECTED: PASSES * tcp_s + pause_s,
        Sight.UNANSWERED: 2 * PASSES * tls_s + pause_s,
        Sight.REFUSED: pause_s + 1.0,
        Sight.OFFLINE: PASSES * DNS_S + pause_s,
        Sight.MISTRUSTED: pause_s + 2.0,
    }[sight]


COST = {Sight.WORKS: 1.0, Sight.LATE: 1.3, Sight.SLOW: 1.0, Sight.OFFLINE: 0.1, Sight.MISTRUSTED: 2.5}
OTHERS_COST = 1.4
"""Bytes beside those of a measurement that works: three passes, of which none goes to its end."""

VPN = NetworkContext(ipv4=True, vpn=True)
PLAIN = NetworkContext(ipv4=True, vpn=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A sight, and in what state the machine was."""

    sight: Sight = Sight.WORKS
    vpn: bool = False
    version: str = "0.1.0"


def cost_bytes(url: str, depth: Depth, sight: Sight) -> float:
    """What a measurement costs both ways without its timed reads, reckoned as the sharing out of work does."""
    return estimate_bytes(url, Depth.FULL if depth is Depth.TRANSFER else depth) * COST.get(sight, OTHERS_COST)


def measure(*, url: str, platform: str, at: float, seen: Seen, depth: Depth, lasts_s: float) -> Measurement:
    """The measurement that an agent sends. `at`: when it began by the agent's clock."""
    return Measurement(
        target=url,
        platform=platform,
        started_at=moment(at),
        duration_us=int(lasts_s * 1e6),
        agent_version=seen.version,
        depth=depth,
        network=VPN if seen.vpn else PLAIN,
        observations=_observations(url, seen.sight, depth),
    )


@cache
def _observations(url: str, sight: Sight, depth: Depth) -> tuple[Observation, ...]:
    host = urlsplit(url).hostname or ""
    story = Story(target=url, name=host)
    _TOLD[sight](story, _address(host))
    observations = tuple(story.observations)
    return observations if depth is not Depth.LIGHT else tuple(one for one in observations if one.step != "http")


def _address(host: str) -> str:
    return f"104.244.{sum(host.encode()) % 250}.{len(host)}"


def _named(story: Story, address: str) -> Story:
    return story.names(address).names(address, by=ResolverKind.DOH)


def _works(story: Story, address: str) -> None:
    _named(story, address).connects(address).handshakes(address).answers(address)


def _slow(story: Story, address: str) -> None:
    _named(story, address).connects(address).handshakes(address).answers(address, ms=SLOW_PAGE_MS)


def _late(story: Story, address: str) -> None:
    _named(story, address).connects(address).fails_tls(address, SILENCE, ms=TLS_S * 1000).isolates(address)
    story.again().names(address).connects(address).handshakes(address).answers(address)


def _fails_by_name(failure: Failure) -> Callable[[Story, str], None]:
    def tell(story: Story, address: str) -> None:
        _named(story, address)
        for turn in range(PASSES):
            story.connects(address).fails_tls(address, failure)
            if turn == 0:
                story.isolates(address).splits(address, failure)
            story.again()

    return tell


def _unanswered(story: Story, address: str) -> None:
    _named(story, address)
    for _ in range(PASSES):
        story.connects(address).fails_tls(address, SILENCE).isolates(address, answered=False, failure=SILENCE).again()


def _denied(story: Story, address: str) -> None:
    story.says(Failure.DNS_NXDOMAIN).names(address, by=ResolverKind.DOH)
    story.connects(address, DOH).handshakes(address, DOH)
    for _ in range(PASSES - 1):
        story.again().says(Failure.DNS_NXDOMAIN)


def _fails_tcp(failure: Failure) -> Callable[[Story, str], None]:
    def tell(story: Story, address: str) -> None:
        _named(story, address)
        for _ in range(PASSES):
            story.fails_tcp(address, failure).again()

    return tell


def _offline(story: Story, address: str) -> None:
    for by in (ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH):
        story.says(SILENCE, by)
    for _ in range(PASSES - 1):
        story.again().says(SILENCE)


def _mistrusted(story: Story, address: str) -> None:
    _named(story, address)
    for _ in range(PASSES):
        story.connects(address).refuses_certificate(address, key=1).again()


_TOLD: dict[Sight, Callable[[Story, str], None]] = {
    Sight.WORKS: _works,
    Sight.LATE: _late,
    Sight.SLOW: _slow,
    Sight.RESET: _fails_by_name(RESET),
    Sight.HUSHED: _fails_by_name(SILENCE),
    Sight.NXDOMAIN: _denied,
    Sight.UNCONNECTED: _fails_tcp(SILENCE),
    Sight.UNANSWERED: _unanswered,
    Sight.REFUSED: _fails_tcp(Failure.CONNECTION_REFUSED),
    Sight.OFFLINE: _offline,
    Sight.MISTRUSTED: _mistrusted,
}
