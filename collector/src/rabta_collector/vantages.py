"""What each agent's own network lets through, as its latest measurements show: QUIC, IPv6, TLS, and how much it loses.

Pure. Offices drop UDP and open TLS, and home routers break IPv6; what fails for one target says something about the
target only where the same agent got through to another. A line that loses packets, or a resolver that is overloaded,
meets with silence what it reaches in the end; there silence is no sign of a censor. So each agent's newest results are
kept, one for a target, the latest `KEPT` of them.
Measurements through a VPN or behind a captive portal show another network, and are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rabta_proto.alike import by_likeness
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind

KEPT = 8  # targets, of one agent and one kind
ROOM = 1000  # agents, before those that are gone are looked for
FORGOTTEN_S = 21_600.0  # the longest that a vote stands

LOSING = 0.25  # share of what was reached that met silence on the way; 3 % loss makes it a tenth
LOSING_LEAST = 4  # targets reached, below which nothing is said

_SILENT = frozenset({str(Failure.GENERIC_TIMEOUT), str(Failure.TIMED_OUT)})
_ANOTHER_S = frozenset({Failure.SSL_UNKNOWN_AUTHORITY, Failure.SSL_INVALID_HOSTNAME, Failure.SSL_INVALID_CERTIFICATE})
_OWN = frozenset({AddressSource.SYSTEM, AddressSource.LITERAL})
_UNTRIED = frozenset({Failure.SPECIAL_ADDRESS, Failure.NETWORK_UNREACHABLE})
# Named here, because a union that is written where it is asked for is made anew for each observation.
_UDP = (QuicHandshake, VpnHandshake)
_DIALLED = (TcpConnect, QuicHandshake)


@dataclass(slots=True, kw_only=True)
class Result:
    """Whether a target was reached, in a measurement that began at `moment` (Unix seconds); the same one moves on."""

    moment: float
    works: bool


@dataclass(slots=True)
class Results:
    """Of one kind, by target, the oldest first. `good`: how many of them are true, so that nobody has to count."""

    by_target: dict[str, Result] = field(default_factory=dict)
    good: int = 0

    def keep(self, url: str, moment: float, *, works: bool) -> None:
        """Takes in the newest one of a target."""
        kept = self.by_target
        result = kept.pop(url, None)
        if result is None:
            full = len(kept) >= KEPT
            result = kept.pop(next(iter(kept))) if full else Result(moment=moment, works=False)
        self.good += works - result.works
        result.moment, result.works = moment, works
        kept[url] = result

    def any_of_two(self) -> bool | None:
        """What it would answer to whoever asks about any time and for no target."""
        return _any_of_two(self.good, len(self.by_target))

    def loses(self) -> bool | None:
        """The same, where they tell whether no silence was met."""
        return _loses(self.good, len(self.by_target))


@dataclass(slots=True, kw_only=True)
class Vantage:
    """One agent's results. `quiet`: of targets that were reached, whether no silence was met on the way."""

    quic: Results = field(default_factory=Results)
    udp: Results = field(default_factory=Results)
    ipv6: Results = field(default_factory=Results)
    tls: Results = field(default_factory=Results)
    quiet: Results = field(default_factory=Results)

    @property
    def newest(self) -> float:
        kinds = (self.quic, self.udp, self.ipv6, self.tls, self.quiet)
        return max(result.moment for results in kinds for result in results.by_target.values())


@dataclass(slots=True, kw_only=True)
class Vantages:
    """The agents' results. `quic_works`, `ipv6_works`, `tls_works` and `loses` are as in `background.Background`."""

    _agents: dict[str, Vantage] = field(default_factory=dict)
    _room: int = ROOM

    def __len__(self) -> int:
        """Agents of which something is kept."""
        return len(self._agents)

    def hear(self, agent: str, measurement: Measurement, moment: float) -> bool:
        """Takes in a measurement that began at a moment; whether other findings of the agent may hang on it."""
        quic, udp, ipv6, tls = _shown(measurement)
        if quic is udp is ipv6 is tls is None:
            return False
        vantage, url = self._of(agent, moment), measurement.target
        if tls and quic is udp is ipv6 is None and vantage.tls.good:  # as most are: what it says, was said before
            vantage.tls.keep(url, moment, works=True)
            return False
        told = False
        for works, results in ((quic, vantage.quic), (udp, vantage.udp)):
            if works is not None:
                results.keep(url, moment, works=works)
                told = True
        for works, results in ((ipv6, vantage.ipv6), (tls, vantage.tls)):
            if works is not None:
                before = results.any_of_two()
                results.keep(url, moment, works=works)
                told = told or before is not results.any_of_two()
        return told

    def hear_reached(self, agent: str, measurement: Measurement, moment: float) -> bool:
        """Takes in one that reached its target; whether the agent's line is judged otherwise than before."""
        quiet = self._of(agent, moment).quiet
        before = quiet.loses()
        quiet.keep(measurement.target, moment, works=not _met_silence(measurement))
        return before is not quiet.loses()

    def _of(self, agent: str, moment: float) -> Vantage:
        vantage = self._agents.get(agent)
        if vantage is None:
            if len(self._agents) >= self._room:
                self._sweep(moment)
            vantage = self._agents[agent] = Vantage()
        return vantage

    def loses(self, agent: str, url: str, moment: float, reach_s: float) -> bool | None:
        """Whether much of what the agent reached met silence; of other targets than `url`, within reach of a moment."""
        vantage = self._agents.get(agent)
        return None if vantage is None else _loses(*_others(vantage.quiet, url, moment, reach_s))

    def quic_works(self, agent: str, url: str, moment: float, reach_s: float) -> bool | None:
        """Whether the agent got through over QUIC, to another target than `url` and within reach of a moment."""
        vantage = self._agents.get(agent)
        return None if vantage is None else _any_of_one(*_others(vantage.quic, url, moment, reach_s))

    def udp_works(self, agent: str, url: str, moment: float, reach_s: float) -> bool | None:
        """The same over UDP, be it QUIC or a VPN's."""
        vantage = self._agents.get(agent)
        return None if vantage is None else _any_of_one(*_others(vantage.udp, url, moment, reach_s))

    def ipv6_works(self, agent: str, url: str, moment: float, reach_s: float) -> bool | None:
        """The same over IPv6."""
        vantage = self._agents.get(agent)
        return None if vantage is None else _any_of_two(*_others(vantage.ipv6, url, moment, reach_s))

    def tls_works(self, agent: str, url: str, moment: float, reach_s: float) -> bool | None:
        """Whether another target than `url` showed the agent a certificate of its own, within reach of a moment."""
        vantage = self._agents.get(agent)
        return None if vantage is None else _any_of_two(*_others(vantage.tls, url, moment, reach_s))

    def _sweep(self, now: float) -> None:
        """Forgets agents that are gone, whenever their number has doubled."""
        self._agents = {id_: one for id_, one in self._agents.items() if now - one.newest < FORGOTTEN_S}
        self._room = max(ROOM, 2 * len(self._agents))


def _others(results: Results, url: str, moment: float, reach_s: float) -> tuple[int, int]:
    """How many are true, of how many."""
    kept = results.by_target
    if not kept:
        return 0, 0
    since, until = moment - reach_s, moment + reach_s
    found = [one.works for other, one in kept.items() if other != url and since <= one.moment <= until]
    return found.count(True), len(found)


def _any_of_one(good: int, count: int) -> bool | None:
    return good > 0 if count else None


def _any_of_two(good: int, count: int) -> bool | None:
    """It takes two targets to say no: the IPv6 or the certificate of one may be broken at its own end."""
    return True if good else False if count >= 2 else None


def _loses(quiet: int, count: int) -> bool | None:
    """Nothing is said on the word of a few."""
    if count < LOSING_LEAST:
        return None
    return count - quiet >= LOSING * count


@by_likeness
def _met_silence(measurement: Measurement) -> bool:
    """Whether something met silence that answered, too. What never did may be dead or cut, which is no loss."""
    observations = measurement.observations
    silent = {_asked(o) for o in observations if o.failure in _SILENT}
    if not silent:
        return False
    answered = {_asked(o) for o in observations if o.failure not in _SILENT}
    return not silent.isdisjoint(answered - {None})


def _asked(observation: Observation) -> tuple[str, ...] | None:
    """What was asked of whom; `None` where silence has other reasons than loss.

    On the machine's own way, and over IPv4: what others are asked may be cut off, and IPv6 may be broken.
    """
    match observation.detail:
        case DnsQuery(resolver_kind=ResolverKind.SYSTEM, transport=transport, query_type=query_type):
            return None if transport is DnsTransport.TCP else (observation.step, query_type)
        case TcpConnect(address=address, source=source) | TlsHandshake(address=address, source=source, split=False):
            return (observation.step, address) if source in _OWN and ":" not in address else None
        case HttpRoundTrip(address=address):
            return None if ":" in address else (observation.step, address)
    return None


@by_likeness
def _shown(measurement: Measurement) -> tuple[bool | None, bool | None, bool | None, bool | None]:
    """Whether QUIC, UDP, IPv6 and TLS were seen to work."""
    if measurement.network.vpn or measurement.network.captive_portal:
        return None, None, None, None
    seen = measurement.observations
    over_udp = [o for o in seen if isinstance(o.detail, _UDP)]
    return _quic_works(over_udp), _udp_works(over_udp), _ipv6_works(seen), _tls_works(seen)


def _quic_works(observations: Iterable[Observation]) -> bool | None:
    """A server that answered and could not prove its name shows neither."""
    tried = [o for o in observations if isinstance(o.detail, QuicHandshake) and not o.detail.isolation]
    if any(o.failure is None for o in tried):
        return True
    ended = [o for o in tried if o.failure not in _UNTRIED]
    answered = any(isinstance(o.detail, QuicHandshake) and o.detail.server_answered for o in ended)
    return None if answered or not ended else False


def _udp_works(observations: Iterable[Observation]) -> bool | None:
    """Any answer shows it, a name that is turned away for another reason included."""
    tried = [o for o in observations if isinstance(o.detail, _UDP) and not _over_tcp(o)]
    if any(o.detail.server_answered for o in tried if isinstance(o.detail, _UDP)):
        return True
    return False if any(o.failure not in _UNTRIED for o in tried) else None


def _over_tcp(observation: Observation) -> bool:
    return isinstance(observation.detail, VpnHandshake) and observation.detail.over_tcp


def _tls_works(observations: Iterable[Observation]) -> bool | None:
    """A handshake that was cut, or met silence, shows neither."""
    tried = [o for o in observations if isinstance(o.detail, TlsHandshake) and not o.detail.isolation]
    if any(o.failure is None and isinstance(o.detail, TlsHandshake) and o.detail.verified for o in tried):
        return True
    return False if any(o.failure in _ANOTHER_S for o in tried) else None


def _ipv6_works(observations: Iterable[Observation]) -> bool | None:
    tried = [o for o in observations if isinstance(o.detail, _DIALLED) and ":" in o.detail.address]
    if any(o.failure is None for o in tried):
        return True
    return False if any(o.failure != Failure.SPECIAL_ADDRESS for o in tried) else None
