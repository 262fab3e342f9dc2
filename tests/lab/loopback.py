"""The simulated country as scenarios are played in it: every scenario a site of its own, every vantage a network."""

import asyncio
import http.client
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

from lab.atlas import INNOCUOUS_NAME, STAND_INS, Atlas, Network, Site
from lab.censor import Action, Rule
from lab.country import Country
from lab.place import HUBS, Hub, Place, Surroundings
from lab.scenario import CensorKind, Controls, LabName, Scenario, ScenarioError, Scheme, SiteKind, Vantage
from lab.sites.site import StandIn, hosts_of, next_host
from lab.system import Ports, free_port
from rabta_proto.vocabulary import IspKind

VANTAGES = (Vantage.PLAIN, Vantage.SLOW_RESOLVER, Vantage.PORTAL, Vantage.OLD_ROOTS)
REFERENCES = ("reference-1.example", "reference-2.example")
SLOW_RESOLVER_S = 0.8
_FETCH_S = 10.0
_FIRST_NETWORK, _FIRST_ABROAD = 21, 111  # apart from the demo's, so that both run side by side
_MOST_SITES = 249

_DIRECT = {
    CensorKind.DNS_NXDOMAIN: Rule(action=Action.DNS_NXDOMAIN),
    CensorKind.DNS_REFUSED: Rule(action=Action.DNS_REFUSED),
    CensorKind.DNS_SERVFAIL: Rule(action=Action.DNS_SERVFAIL),
    CensorKind.DNS_SILENCE: Rule(action=Action.DNS_SILENCE),
    CensorKind.DNS_EMPTY: Rule(action=Action.DNS_EMPTY),
    CensorKind.DNS_BLOCKPAGE: Rule(action=Action.DNS_FORGED),
    CensorKind.DNS_INJECTED_NXDOMAIN: Rule(action=Action.DNS_NXDOMAIN, on_path=True),
    CensorKind.TCP_SILENCE: Rule(action=Action.TCP_SILENCE),
    CensorKind.TCP_SILENCE_FIRST: Rule(action=Action.TCP_SILENCE, first_only=True),
    CensorKind.TCP_REFUSED: Rule(action=Action.TCP_REFUSED),
    CensorKind.SNI_RESET: Rule(action=Action.SNI_RESET),
    CensorKind.SNI_SILENCE: Rule(action=Action.SNI_SILENCE),
    CensorKind.SNI_CLOSE: Rule(action=Action.SNI_CLOSE),
    CensorKind.SNI_ALERT: Rule(action=Action.SNI_ALERT),
    CensorKind.NEXT_SNI_RESET: Rule(action=Action.SNI_RESET),
    CensorKind.TLS_RESET: Rule(action=Action.TLS_RESET),
    CensorKind.TLS_SILENCE: Rule(action=Action.TLS_SILENCE),
    CensorKind.TLS_CLOSE: Rule(action=Action.TLS_CLOSE),
    CensorKind.TLS_FORGED: Rule(action=Action.TLS_FORGED),
    CensorKind.HOST_RESET: Rule(action=Action.HOST_RESET),
    CensorKind.HOST_SILENCE: Rule(action=Action.HOST_SILENCE),
    CensorKind.HOST_CLOSE: Rule(action=Action.HOST_CLOSE),
    CensorKind.HOST_BLOCKPAGE: Rule(action=Action.HOST_BLOCKPAGE),
    CensorKind.HOST_BLOCKPAGE_UNKNOWN: Rule(action=Action.HOST_BLOCKPAGE_UNKNOWN),
    CensorKind.HOST_REDIRECT: Rule(action=Action.HOST_REDIRECT),
    CensorKind.HOST_REDIRECT_UNKNOWN: Rule(action=Action.HOST_REDIRECT_UNKNOWN),
    CensorKind.QUIC_SILENCE: Rule(action=Action.QUIC_SILENCE),
    CensorKind.THROTTLE_SNI: Rule(action=Action.THROTTLE),
    CensorKind.THROTTLE_HOST: Rule(action=Action.THROTTLE),
}
# An answer that is another site's address, which each network has its own of.
_TO_ANOTHER_SITE = {CensorKind.DNS_OTHER: False, CensorKind.DNS_INJECTED: True}


def rule_for(censor: CensorKind, network: Network) -> Rule:
    """What a network has to do for it."""
    if censor in _TO_ANOTHER_SITE:
        address = network.near(STAND_INS[StandIn.OTHER])
        return Rule(action=Action.DNS_FORGED, address=address, on_path=_TO_ANOTHER_SITE[censor])
    return _DIRECT[censor]


def draw_atlas(scenarios: Sequence[Scenario]) -> Atlas:
    """The country of these scenarios. Raises `ScenarioError`."""
    sites = dict.fromkeys(REFERENCES, (SiteKind.PLAIN, False))
    for scenario in scenarios:
        _check(scenario)
        quic = scenario.scheme is Scheme.QUIC
        sites |= {host: (kind, quic) for host, kind in hosts_of(scenario).items()}
    if len(sites) > _MOST_SITES:
        raise ScenarioError(f"{len(sites)} sites; there are addresses for {_MOST_SITES}")
    return Atlas(
        networks=(*map(_network, VANTAGES), *map(_abroad, (1, 2))),
        sites=tuple(
            Site(number=number, hostname=host, name="", kind=kind, quic=quic)
            for number, (host, (kind, quic)) in enumerate(sites.items(), start=1)
        ),
    )


def _check(scenario: Scenario) -> None:
    if scenario.vantage not in VANTAGES:
        raise ScenarioError(f"{scenario.id}: vantage: {scenario.vantage} cannot be shown on loopback")
    if scenario.censor not in {CensorKind.NONE, *_DIRECT, *_TO_ANOTHER_SITE}:
        raise ScenarioError(f"{scenario.id}: censor: {scenario.censor} cannot be shown on loopback")


def _network(vantage: Vantage) -> Network:
    return Network(
        id=vantage,
        name=vantage,
        number=_FIRST_NETWORK + VANTAGES.index(vantage),
        kind=IspKind.FIXED,
        portal=vantage is Vantage.PORTAL,
        resolver_delay_s=SLOW_RESOLVER_S if vantage is Vantage.SLOW_RESOLVER else 0.0,
    )


def _abroad(number: int) -> Network:
    return Network(id=f"control-{number}", name=f"Control {number}", number=_FIRST_ABROAD + number)


class LoopbackLab:
    """See `Lab`. A collector listens on 127.0.0.1; agents and controls are told apart by their source addresses."""

    name = LabName.LOOPBACK
    in_this_loop = True

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._root = Path()
        self._country: Country | None = None
        self._hubs = [Ports(grpc=0, http=0)] * HUBS

    @property
    def country(self) -> Country:
        assert self._country is not None, "not open"
        return self._country

    async def open(self, scenarios: Sequence[Scenario], root: Path) -> None:
        """Raises `ScenarioError` for a scenario that loopback cannot show."""
        self._root = root
        self._country = await self._stack.enter_async_context(Country(draw_atlas(scenarios), root, collector=None))
        self._country.authorities.old_roots(root)
        self._hubs = [Ports(grpc=free_port(), http=free_port()) for _ in range(HUBS)]
        await self._country.censor_all(
            (network, site, rule) for scenario in scenarios for network, site, rule in self._rules(scenario)
        )

    def _rules(self, scenario: Scenario) -> list[tuple[str, str, Rule]]:
        rules = []
        if scenario.censor is not CensorKind.NONE:
            host = next_host(scenario.host) if scenario.censor is CensorKind.NEXT_SNI_RESET else scenario.host
            network = self.country.atlas.network(scenario.vantage)
            rule = rule_for(scenario.censor, network)
            rules.append(
                (network.id, host, replace(rule, bytes_per_second=scenario.rate // 8 or rule.bytes_per_second))
            )
        if scenario.controls is Controls.ONE_BLOCKED:
            silent = scenario.censor is CensorKind.TCP_SILENCE
            action = Action.TCP_SILENCE if silent else Action.SNI_RESET
            rules.append(("control-2", scenario.host, Rule(action=action)))
        return rules

    async def close(self) -> None:
        await self._stack.aclose()

    def target(self, scenario: Scenario) -> str:
        if scenario.scheme is Scheme.DNS:
            return f"dns:{scenario.host}"
        end = "" if scenario.scheme is Scheme.TCP else "/"
        return f"{scenario.scheme}://{scenario.host}:{self.country.port}{end}"

    def surroundings(self) -> Surroundings:
        country = self.country
        return Surroundings(
            references=tuple(f"https://{host}:{country.port}/" for host in REFERENCES),
            innocuous=(INNOCUOUS_NAME,),
            doh=country.public_doh,
            udp=country.public_udp,
            portal_check=country.url(STAND_INS[StandIn.CHECK], scheme="http"),
        )

    def hub(self, number: int) -> Hub:
        ports = self._hubs[number]
        where = ("--grpc", f"127.0.0.1:{ports.grpc}", "--http", f"127.0.0.1:{ports.http}")
        return Hub(place=Place(), arguments=(*where, "--lab"), url=f"http://127.0.0.1:{ports.grpc}")

    def agent(self, vantage: Vantage, number: int) -> Place:
        roots = "old-roots.pem" if vantage is Vantage.OLD_ROOTS else "roots.pem"
        return self._place(self.country.atlas.network(vantage), number, roots)

    def control(self, number: int) -> Place:
        return self._place(self.country.atlas.network(f"control-{number}"), 1, "roots.pem")

    def _place(self, network: Network, number: int, roots: str) -> Place:
        return Place(
            env={
                "RABTA_LAB": "1",
                "RABTA_SOURCE_ADDRESS": network.agent(number),
                "RABTA_RESOLVER": self.country.resolver(network),
                "SSL_CERT_FILE": str(self._root / roots),
            }
        )

    async def fetch(self, number: int, path: str) -> bytes:
        return await asyncio.to_thread(_fetch, self._hubs[number].http, path)


def _fetch(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_FETCH_S)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except http.client.HTTPException as wrong:
            raise OSError(f"{path}: {wrong!r}") from wrong
