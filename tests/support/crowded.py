"""Thirty ISPs and fifty platforms, everything blocked: one failure in each cell, or every failure that there is.

What is counted moves on between two scrapes, all of it, so that no scrape has a number of the one before.
"""

from dataclasses import dataclass, field, replace

from rabta_collector.catalogue import Catalogue, Platform
from rabta_collector.state import Snapshot, Tallies
from rabta_collector.tallies import FAILURES, Counting
from rabta_proto.model import Detail, DnsQuery, HttpRoundTrip, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind
from support.country import ISPS, NOW, make_isp, make_verdict
from support.telling import NEAR, SITE, URL, Story

ISPS_OF_IT, PLATFORMS_OF_IT = 30, 50
CELLS = [(f"p{number}", f"i{other}") for number in range(PLATFORMS_OF_IT) for other in range(ISPS_OF_IT)]
DETAILS: dict[str, Detail] = {
    "dns": DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=SITE, query_type="A"),
    "tcp": TcpConnect(address=NEAR, port=443, source=AddressSource.SYSTEM),
    "tls": TlsHandshake(address=NEAR, port=443, server_name=SITE, source=AddressSource.SYSTEM, verified=True),
    "http": HttpRoundTrip(address=NEAR, port=443, url=URL, tls=True),
}


def everything_fails() -> list[Observation]:
    """Every failure of the vocabulary and one made up, at every step."""
    told = Story()
    for step in FAILURES:
        for failure in (*Failure, "unknown_failure: a"):
            told.sees(DETAILS[step], failure)
    return told.observations


def a_name_is_reset() -> list[Observation]:
    told = Story()
    for step, detail in DETAILS.items():
        told.sees(detail, Failure.CONNECTION_RESET if step == "tls" else None)
    return told.observations


@dataclass(slots=True)
class Crowd:
    """A country of that size, at one moment after another."""

    observations: list[Observation]
    moment: int = 0
    catalogue: Catalogue = field(
        default_factory=lambda: Catalogue(
            platforms=tuple(
                Platform(id=f"p{number}", name=f"P {number}", category="NEWS", targets=())
                for number in range(PLATFORMS_OF_IT)
            )
        )
    )
    _counting: Counting = field(default_factory=Counting)

    def __post_init__(self) -> None:
        told = Story(observations=self.observations)
        for platform, isp in CELLS:
            self._counting.count(told.measurement(platform=platform), isp, NOW)

    def go_on(self) -> None:
        """Everything is measured again, which is counted here without measuring it."""
        self.moment += 1
        self._counting.snapshot()  # nothing waits to be counted in
        for counts in (self._counting._attempts, self._counting._failures):
            for counter in counts:  # type: ignore[attr-defined]
                counts[counter] += 7  # type: ignore[index]
        for cell in CELLS:
            self._counting._last[cell] = NOW + self.moment / 7

    def count(self) -> Tallies:
        """What is counted, as the engine takes it for a snapshot."""
        return self._counting.snapshot()

    def snapshot(self) -> Snapshot:
        """As the engine makes it, but for the verdicts."""
        verdict, at = make_verdict("x", "ptcl"), NOW + self.moment / 7
        blocked = replace(verdict, reached=1 / (3 + self.moment), since=at, confidence=1 / (2 + self.moment))
        return Snapshot(
            at=at,
            verdicts=tuple(replace(blocked, platform=platform, isp=isp) for platform, isp in CELLS),
            isps=tuple(replace(make_isp(*ISPS[0]), isp=f"i{number}") for number in range(ISPS_OF_IT)),
            tallies=self.count(),
            goodput=dict.fromkeys(CELLS, (16_000.5 + self.moment, 2_000_000.5 + self.moment)),
        )
