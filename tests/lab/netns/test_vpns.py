"""VPN protocols, Tor, DNS over TLS and Encrypted Client Hello against real servers: allowed, and one of them cut."""

import asyncio
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
import trustme

from lab.netns.namespaces import inside, new_tag, remove, run_ip
from lab.netns.vpnservers import (
    CUT,
    PORTS,
    PROGRAMS,
    SERVER,
    Servers,
    start_openvpn,
    start_strongswan,
    start_tor,
    start_unbound,
    start_wireguard,
)
from rabta_agent.clock import SystemClock
from rabta_agent.measure import Prober, Settings, Task
from rabta_agent.network import Vantage
from rabta_proto.model import NetworkContext, Observation, TlsHandshake, VpnHandshake
from rabta_proto.vocabulary import Trigger, VpnProtocol
from support.authorities import root_of
from support.programs import require

pytestmark = pytest.mark.root

CLIENT = "10.99.0.2"
IN_TIME_S = 60.0
SOON_S = 2.0
"""For which an answer is waited for that must not come."""

SETTINGS = Settings(doh=(), udp=(), tcp_s=20.0, tls_s=20.0, quic_s=20.0, repeat_pause_s=0)
SILENT = ("openvpn", "wireguard", "ikev2")
PROVEN = ("wireguard", "dot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The servers, and an agent's place behind a router's worth of cable."""

    servers: Servers
    outside: str
    targets: dict[str, str] = field(default_factory=dict)

    async def measure(
        self, protocol: str, authority: bytes | None = None, settings: Settings = SETTINGS
    ) -> tuple[Observation, ...]:
        """What an agent at the other end saw. Without an `authority` the servers' is one of its system's."""
        with pytest.MonkeyPatch.context() as patch:
            if authority is None:
                patch.setenv("SSL_CERT_FILE", str(self.servers.folder / "ca.pem"))
            prober = Prober(Vantage(lab=True), SystemClock(), random.Random(1))
        try:
            with inside(self.outside):  # nothing else runs in this loop meanwhile
                task = Task(target=self.targets[protocol], trigger=Trigger.MANUAL, authority=authority or b"")
                return (await prober.measure(task, settings, NetworkContext())).observations
        finally:
            await prober.close()


@pytest.fixture(scope="module")
def place(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    for program, package in PROGRAMS.items():
        require(program, package)
    tag = new_tag()
    servers = Servers(inside=f"{tag}-vpn", folder=tmp_path_factory.mktemp("vpns"))
    opened = Place(servers=servers, outside=f"{tag}-home")
    with asyncio.Runner() as runner:
        try:
            runner.run(open_place(opened))
            yield opened
        finally:
            runner.run(remove(tag))
            servers.wait()


async def open_place(place: Place) -> None:
    servers, outside = place.servers, place.outside
    await run_ip([f"netns add {servers.inside}", f"netns add {outside}"])
    await run_ip([f"link add v0 netns {servers.inside} type veth peer name v0 netns {outside}"])
    for namespace, address in ((servers.inside, SERVER), (outside, CLIENT)):
        await run_ip(["link set lo up", f"address add {address}/24 dev v0", "link set v0 up"], namespace)
    start_openvpn(servers)
    keys = await start_wireguard(servers)
    for start in (start_strongswan, start_unbound, start_tor):
        start(servers)
    place.targets.update({protocol: f"{protocol}://{SERVER}:{port}" for protocol, port in PORTS.items()})
    place.targets["wireguard"] += f"?{keys}"
    place.targets["dot"] = f"tls://{SERVER}:{PORTS['dot']}"
    await servers.until_listening(PORTS, within=IN_TIME_S)


@pytest.mark.parametrize("protocol", CUT)
async def test_a_server_that_nobody_cuts_answers(place: Place, protocol: str) -> None:
    await place.servers.filter("")
    seen = await place.measure(protocol)
    assert {None} == {step.failure for step in seen}
    last = seen[-1].detail
    assert isinstance(last, VpnHandshake | TlsHandshake)
    assert last.server_answered
    assert (protocol in PROVEN) == last.verified


@pytest.mark.parametrize("protocol", CUT)
async def test_a_filter_on_one_protocol_cuts_it_and_no_other(place: Place, protocol: str) -> None:
    await place.servers.filter(CUT[protocol])
    seen = await place.measure(protocol, settings=replace(SETTINGS, quic_s=SOON_S))
    told = [step for step in seen if isinstance(step.detail, VpnHandshake | TlsHandshake)]
    plain = [step for step in told if isinstance(step.detail, VpnHandshake) and step.detail.protocol is VpnProtocol.TLS]
    met = "generic_timeout_error" if protocol in SILENT else "connection_reset"
    assert [met] * 3 == [step.failure for step in told if step not in plain], seen
    assert [None] * (3 if protocol == "ech" else 0) == [step.failure for step in plain]
    for other in CUT.keys() - {protocol}:
        assert {None} == {step.failure for step in await place.measure(other)}, other


async def test_a_server_is_believed_by_the_authority_that_the_plan_has_for_it(place: Place) -> None:
    """As Signal's are, whose authority no system knows."""
    await place.servers.filter("")
    own = ssl.PEM_cert_to_DER_cert((place.servers.folder / "ca.pem").read_text(encoding="ascii"))
    seen = (await place.measure("dot", own))[-1]
    assert isinstance(seen.detail, TlsHandshake)
    assert (None, True) == (seen.failure, seen.detail.verified)
    for other in (b"", root_of(trustme.CA())):
        failures = [step.failure for step in await place.measure("dot", other) if isinstance(step.detail, TlsHandshake)]
        assert "ssl_unknown_authority" == failures[0]
