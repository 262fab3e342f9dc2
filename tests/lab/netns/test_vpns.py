"""VPN protocols and DNS over TLS against real servers, in a namespace of their own: allowed, and one of them cut."""

import asyncio
import base64
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.netns.namespaces import inside, new_tag, remove, run, run_ip
from lab.waiting import until
from rabta_agent.clock import SystemClock
from rabta_agent.measure import Prober, Settings, Task
from rabta_agent.network import Vantage
from rabta_proto.model import NetworkContext, Observation, TlsHandshake, VpnHandshake
from rabta_proto.vocabulary import Trigger
from support.peers import Authority
from support.programs import require

pytestmark = pytest.mark.root

SERVER = "10.99.0.1"
CLIENT = "10.99.0.2"
IN_TIME_S = 30.0
CHARON = "/usr/lib/ipsec/charon"

# What a filter that reads packets looks for. iptables: 0 is the IP header, 28 the payload of UDP over IPv4.
CUT = {
    "openvpn": "-p udp -m u32 --u32 28>>24=0x38 -j DROP",  # a client's reset
    "openvpn+tcp": "-p tcp -m u32 --u32 0>>22&0x3C@12>>26&0x3C@0>>8=0x000E38 -j REJECT --reject-with tcp-reset",
    "wireguard": "-p udp -m length --length 176 -m u32 --u32 28=0x01000000 -j DROP",  # an initiation
    "ikev2": "-p udp -m u32 --u32 44>>16&0xFFFF=0x2120 -j DROP",  # security association, version 2
    "dot": "-p tcp --dport 853 -m u32 --u32 0>>22&0x3C@12>>26&0x3C@0>>16=0x1603 -j REJECT --reject-with tcp-reset",
}
SETTINGS = Settings(doh=(), udp=(), quic_s=1.0, repeat_pause_s=0)
MEETS = {"openvpn+tcp": "connection_reset", "dot": "connection_reset"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Real servers behind a router's worth of cable."""

    inside: str
    outside: str
    folder: Path
    targets: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> None:
        """In the namespace, which ends it when it is removed."""
        with (self.folder / "log").open("ab") as log:
            entered = ["ip", "netns", "exec", self.inside, *command]
            self.processes.append(subprocess.Popen(entered, env={**os.environ, **environment}, stdout=log, stderr=log))

    async def filter(self, rule: str) -> None:
        await run("ip", "netns", "exec", self.inside, "iptables", "-F", "INPUT")
        if rule:
            await run("ip", "netns", "exec", self.inside, "iptables", "-A", "INPUT", *rule.split())

    async def measure(self, protocol: str) -> tuple[Observation, ...]:
        """What an agent at the other end saw."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(self.folder / "ca.pem"))
            prober = Prober(Vantage(lab=True), SystemClock(), random.Random(1))
        try:
            with inside(self.outside):  # nothing else runs in this loop meanwhile
                task = Task(target=self.targets[protocol], trigger=Trigger.MANUAL)
                return (await prober.measure(task, SETTINGS, NetworkContext())).observations
        finally:
            await prober.close()


@pytest.fixture(scope="module")
def servers(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    for program, package in (("openvpn", "openvpn"), ("wireguard-go", "wireguard-go"), ("wg", "wireguard-tools")):
        require(program, package)
    require(CHARON, "strongswan-charon")
    require("unbound", "unbound")
    tag = new_tag()
    opened = Servers(inside=f"{tag}-vpn", outside=f"{tag}-home", folder=tmp_path_factory.mktemp("vpns"))
    with asyncio.Runner() as runner:
        try:
            runner.run(open_servers(opened))
            yield opened
        finally:
            runner.run(remove(tag))
            for process in opened.processes:
                process.wait()


async def open_servers(servers: Servers) -> None:
    inside, outside = servers.inside, servers.outside
    await run_ip([f"netns add {inside}", f"netns add {outside}"])
    await run_ip([f"link add v0 netns {inside} type veth peer name v0 netns {outside}"])
    for namespace, address in ((inside, SERVER), (outside, CLIENT)):
        await run_ip(["link set lo up", f"address add {address}/24 dev v0", "link set v0 up"], namespace)
    start_openvpn(servers)
    keys = await start_wireguard(servers)
    start_strongswan(servers)
    start_unbound(servers)
    servers.targets.update(
        {
            "openvpn": f"openvpn://{SERVER}:1194",
            "openvpn+tcp": f"openvpn+tcp://{SERVER}:1195",
            "wireguard": f"wireguard://{SERVER}:51820?{keys}",
            "ikev2": f"ikev2://{SERVER}",
            "dot": f"tls://{SERVER}:853",
        }
    )
    await until(lambda: listening(inside), within=IN_TIME_S)


async def listening(namespace: str) -> bool:
    """Whether all four have their ports."""
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", namespace, "cat", "/proc/net/udp", "/proc/net/tcp"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    ports = {line.split()[1].rpartition(b":")[2] for line in out.splitlines() if b":" in line}
    return {b"04AA", b"04AB", b"CA6C", b"01F4", b"0355"} <= ports


def start_openvpn(servers: Servers) -> None:
    folder, authority = servers.folder, Authority()
    leaf = authority.ca.issue_cert("vpn.example", SERVER)
    (folder / "ca.pem").write_bytes(authority.ca.cert_pem.bytes())
    (folder / "cert.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    files = ("--ca", f"{folder}/ca.pem", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem")
    for number, (protocol, port) in enumerate((("udp", "1194"), ("tcp-server", "1195"))):
        place = ("--dev", f"tun{number}", "--server", f"10.9{number}.0.0", "255.255.255.0", "--topology", "subnet")
        servers.start("openvpn", "--proto", protocol, "--port", port, "--dh", "none", *place, *files)


async def start_wireguard(servers: Servers) -> str:
    """The keys of a target."""
    folder, namespace = servers.folder, servers.inside
    server, client = make_key(), make_key()
    (folder / "wg.key").write_text(server, encoding="ascii")
    await run("ip", "netns", "exec", namespace, "wireguard-go", "wg0")
    peer = ("peer", public_of(client), "allowed-ips", "10.98.0.0/24")
    settings = ("listen-port", "51820", "private-key", f"{folder}/wg.key", *peer)
    await run("ip", "netns", "exec", namespace, "wg", "set", "wg0", *settings)
    await run_ip(["link set wg0 up"], namespace)
    return f"public={written(public_of(server))}&private={written(client)}"


def make_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def public_of(private: str) -> str:
    return subprocess.run(["wg", "pubkey"], input=private, text=True, capture_output=True, check=True).stdout.strip()


def written(key: str) -> str:
    """As a URL takes it."""
    return key.replace("+", "-").replace("/", "_").rstrip("=")


def start_strongswan(servers: Servers) -> None:
    plugins = "nonce openssl random aes sha2 hmac curve25519 kdf kernel-netlink socket-default"
    settings = servers.folder / "strongswan.conf"
    settings.write_text(f"charon {{\n load = {plugins}\n}}\n", encoding="ascii")
    # It writes its process's number where another charon of this machine may have written its own.
    servers.start("sh", "-c", f"mount -t tmpfs tmpfs /run && exec {CHARON}", STRONGSWAN_CONF=str(settings))


def start_unbound(servers: Servers) -> None:
    folder = servers.folder
    lines = [
        f"interface: {SERVER}@853",
        f"tls-service-key: {folder}/key.pem",
        f"tls-service-pem: {folder}/cert.pem",
        *('username: ""', 'chroot: ""', 'pidfile: ""', "use-syslog: no", f"directory: {folder}"),
    ]
    (folder / "unbound.conf").write_text("server:\n" + "".join(f"  {line}\n" for line in lines), encoding="ascii")
    servers.start("unbound", "-d", "-c", str(folder / "unbound.conf"))


@pytest.mark.parametrize("protocol", CUT)
async def test_a_server_that_nobody_cuts_answers(servers: Servers, protocol: str) -> None:
    await servers.filter("")
    seen = await servers.measure(protocol)
    assert {None} == {step.failure for step in seen}
    last = seen[-1].detail
    assert isinstance(last, VpnHandshake | TlsHandshake)
    assert last.server_answered
    assert (protocol in ("wireguard", "dot")) == last.verified


@pytest.mark.parametrize("protocol", CUT)
async def test_a_filter_on_one_protocol_cuts_it_and_no_other(servers: Servers, protocol: str) -> None:
    await servers.filter(CUT[protocol])
    seen = await servers.measure(protocol)
    failures = [step.failure for step in seen if isinstance(step.detail, VpnHandshake | TlsHandshake)]
    assert [MEETS.get(protocol, "generic_timeout_error")] * 3 == failures, seen
    for other in CUT.keys() - {protocol}:
        assert {None} == {step.failure for step in await servers.measure(other)}
