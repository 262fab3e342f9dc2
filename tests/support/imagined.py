"""The table of scenarios (lab/scenarios.toml) played in the imagination: what agents and controls would note down.

No packet is sent. imagined_place.py says what each question gets there; `Witness` asks as the agent does (measure.py of
the agent tells the flow); and the rules are judged by what comes of it, hours before a lab can play the same table.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from lab.scenario import CensorKind, Controls, Scenario, Scheme, SiteKind, Vantage
from rabta_collector.verdict.background import Background
from rabta_proto.model import (
    DnsAnswer,
    DnsQuery,
    DnsReply,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind
from support.imagined_place import CERTIFICATE_FAILURES, Place
from support.telling import NOON, Story
from support.timed import ROUND, A, B, read, timed

INNOCUOUS = "innocuous.example"
PASSES, REDIRECTS_LIMIT = 3, 10


@dataclass(slots=True, kw_only=True)
class Witness:
    """Measures a target at a place, as an agent does. `by_control`: addresses that the plan has from controls."""

    place: Place
    by_control: tuple[str, ...] = ()
    ipv6: bool = False
    isolated: bool = False
    story: Story = field(default_factory=Story)

    def measure(self, target: str, scheme: Scheme) -> Story:
        self.story = Story(target=target, name=self.place.scenario.host)
        if scheme in (Scheme.HTTPS, Scheme.HTTP):
            self._follow(target)
        else:
            self._passes(scheme)
        return self.story

    def _follow(self, url: str) -> None:
        seen = {url}
        for _ in range(REDIRECTS_LIMIT):
            location = self._passes(Scheme(url.partition(":")[0]))
            host = (location or "").partition("//")[2].strip("/")
            if not location or not host or location in seen:
                return
            seen.add(location)
            url, self.isolated = location, False
            self.story.follows(host)

    def _passes(self, scheme: Scheme) -> str | None:
        """Up to three passes of one hop; where the one that was won leads."""
        for attempt in range(1, PASSES + 1):
            self.story.attempt = attempt
            candidates = self._resolve(first=attempt == 1)
            if scheme is Scheme.DNS:
                if any(source is AddressSource.SYSTEM for _, source in candidates):
                    return None
                continue
            for address, source in candidates:
                own = source is AddressSource.SYSTEM
                won, location = self._try(scheme, address, source)
                if won and own:
                    return location
                if won and source is not AddressSource.DOH:
                    break
        return None

    def _resolve(self, *, first: bool) -> list[tuple[str, AddressSource]]:
        named: dict[str, AddressSource] = {}
        kinds = [(ResolverKind.SYSTEM, AddressSource.SYSTEM)]
        if first:
            kinds += [(ResolverKind.DOH, AddressSource.DOH), (ResolverKind.UDP, AddressSource.UDP)]
        for kind, source in kinds:
            for query_type in ("A", "AAAA") if self.ipv6 else ("A",):
                for address in self._query(kind, query_type):
                    named.setdefault(address, source)
            if first and kind is ResolverKind.DOH and self.story.hop == 0:
                for address in self.by_control:
                    named.setdefault(address, AddressSource.CONTROL)
        return list(named.items())

    def _query(self, kind: ResolverKind, query_type: str) -> tuple[str, ...]:
        said = self.place.resolve(self.story.name, kind, query_type)
        later = tuple(DnsAnswer(type=query_type, value=address) for address in said.later)
        query = DnsQuery(
            resolver_kind=kind,
            hostname=self.story.name,
            query_type=query_type,
            rcode=said.rcode,
            transport=DnsTransport.HTTPS if kind is ResolverKind.DOH else DnsTransport.UDP,
            answers=tuple(DnsAnswer(type=query_type, value=address) for address in said.addresses),
            later_replies=(DnsReply(offset_us=30_000, rcode=0, answers=later),) if later else (),
        )
        self.story.sees(query, said.failure)
        return said.addresses

    def _try(self, scheme: Scheme, address: str, source: AddressSource) -> tuple[bool, str | None]:
        if scheme is Scheme.QUIC:
            return self._shake_over_quic(address, source), None
        port = {Scheme.HTTPS: 443, Scheme.TCP: 5222}.get(scheme, 80)
        if not self._connect(address, port, source):
            return False, None
        if scheme is Scheme.TCP:
            return True, None
        if scheme is Scheme.HTTPS and not self._secure(address, source):
            return False, None
        if scheme is Scheme.HTTPS and source is not AddressSource.SYSTEM:
            return True, None
        return self._ask(scheme, address, port)

    def _connect(self, address: str, port: int, source: AddressSource) -> bool:
        failure = self.place.connect(address)
        self.story.sees(TcpConnect(address=address, port=port, source=source), failure)
        return failure is None

    def _shake(self, address: str, source: AddressSource, *, name: str = "", **facts: Any) -> dict[str, Any]:
        name = name or self.story.name
        got = {**self.place.shake(address, name), **facts}
        failure = got.pop("failure", None)
        detail = TlsHandshake(address=address, port=443, server_name=name, source=source, **got)
        self.story.sees(detail, failure)
        return {"failure": failure, **got}

    def _secure(self, address: str, source: AddressSource) -> bool:
        got = self._shake(address, source)
        failure = got["failure"]
        if failure in CERTIFICATE_FAILURES:
            if self._connect(address, 443, source):
                self._shake(address, source, failure=None, verified=False)
        elif failure and not self.isolated and self._connect(address, 443, source):
            facts = self._shake(address, source, name=INNOCUOUS, isolation=True, verified=False, certificate=None)
            self.isolated = bool(facts.get("server_answered"))
            if self.isolated and self._connect(address, 443, source):
                self._shake(address, source, split=True)
        return failure is None

    def _shake_over_quic(self, address: str, source: AddressSource) -> bool:
        got = self.place.shake_over_quic(address)
        failure = got.pop("failure", None)
        detail = QuicHandshake(address=address, port=443, server_name=self.story.name, source=source, **got)
        self.story.sees(detail, failure)
        if failure and not self.isolated:
            self.isolated = True
            self.story.sees(replace(detail, server_name=INNOCUOUS, isolation=True, verified=False), failure)
        return failure is None

    def _ask(self, scheme: Scheme, address: str, port: int) -> tuple[bool, str | None]:
        tls = scheme is Scheme.HTTPS
        got = self.place.ask(address, self.story.name, tls=tls)
        failure = got.pop("failure", None)
        location = got.get("location")
        if location == "http://":
            failure = Failure.HTTP_INVALID_REDIRECT
        url = f"{scheme}://{self.story.name}/"
        if location == url:
            failure = Failure.HTTP_TOO_MANY_REDIRECTS
        self.story.sees(HttpRoundTrip(address=address, port=port, url=url, tls=tls, **got), failure)
        answered = got.get("status") is not None
        return answered, None if failure else location


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A scenario's measurements by agents, and what they are held against."""

    agents: tuple[Measurement, ...]
    controls: tuple[Measurement, ...]
    references: tuple[Measurement, ...]
    background: Background


def target_of(scenario: Scenario) -> str:
    match scenario.scheme:
        case Scheme.DNS:
            return f"dns:{scenario.host}"
        case Scheme.TCP:
            return f"tcp://{scenario.host}:5222"
    return f"{scenario.scheme}://{scenario.host}/"


def play(scenario: Scenario, *, portal_seen: bool = True, agents: int = 3) -> Played:
    """Everything that is noted down. `portal_seen`: whether agents notice a captive portal."""
    vantage = scenario.vantage
    network = NetworkContext(
        isp=str(vantage),
        ipv4=True,
        ipv6=vantage in (Vantage.DUAL_STACK, Vantage.BROKEN_IPV6),
        vpn=vantage is Vantage.VPN,
        captive_portal=True if vantage is Vantage.PORTAL and portal_seen else None,
    )
    return Played(
        agents=tuple(_look(scenario, scenario.censor, network, n, inside=True) for n in range(agents)),
        controls=_controls(scenario),
        references=_references(scenario, network),
        background=Background(quic_works=None if vantage in (Vantage.NO_UDP, Vantage.OFFICE) else True),
    )


def _references(scenario: Scenario, network: NetworkContext) -> tuple[Measurement, ...]:
    """What the court hands on of plain sites that the agent measures: nothing, unless none of them went well."""
    schemes = {Vantage.PORTAL: (Scheme.HTTPS, Scheme.HTTP), Vantage.OFFICE: (Scheme.HTTPS,)}.get(scenario.vantage, ())
    plain = replace(scenario, id="reference", site=SiteKind.PLAIN)
    return tuple(_look(replace(plain, scheme=scheme), CensorKind.NONE, network, -60, inside=True) for scheme in schemes)


def _look(scenario: Scenario, censor: CensorKind, network: NetworkContext, at: float, *, inside: bool) -> Measurement:
    place = Place(scenario=scenario, inside=inside, censor=censor)
    witness = Witness(place=place, ipv6=network.ipv6 is True)
    told = witness.measure(target_of(scenario), scenario.scheme)
    if scenario.object:
        _read_against_the_clock(scenario, censor if inside else CensorKind.NONE, told)
    return told.measurement(at=NOON + at, network=network)


def _read_against_the_clock(scenario: Scenario, censor: CensorKind, told: Story) -> None:
    """What an agent reads after its other steps: more turns where a name or an address is held down."""
    tls, rate = scenario.scheme is Scheme.HTTPS, scenario.rate / 8
    match censor:
        case CensorKind.THROTTLE_SNI | CensorKind.SHAPE_SNI | CensorKind.THROTTLE_HOST:
            timed(ROUND, told, A=read(A, rate, tls=tls), B=read(B, tls=tls))
        case CensorKind.THROTTLE_IP:
            timed("ABBARRARRA", told, A=read(A, rate), B=read(B, rate))
        case CensorKind.STALL_SNI:
            timed(ROUND, told, A=read(A, 0.0, burst=20_000))
        case CensorKind.DELAY_SNI:
            timed(ROUND, told, A=read(A, handshake_s=3.0))
        case _:
            timed("ABBA", told, A=read(A, tls=tls), B=read(B, tls=tls))


def _controls(scenario: Scenario) -> tuple[Measurement, ...]:
    """Two looks of each control, one before and one after the agents'."""
    blocked = CensorKind.TCP_SILENCE if scenario.censor is CensorKind.TCP_SILENCE else CensorKind.SNI_RESET
    censors = {
        Controls.NONE: [],
        Controls.ONE: [CensorKind.NONE],
        Controls.TWO: [CensorKind.NONE, CensorKind.NONE],
        Controls.ONE_BLOCKED: [CensorKind.NONE, blocked],
    }[scenario.controls]
    network = NetworkContext(ipv4=True, ipv6=True, vpn=False)
    return tuple(_look(scenario, censor, network, at, inside=False) for censor in censors for at in (-20, 20))
