"""Real servers of VPN protocols, Tor and DNS over TLS in a namespace, and what a filter on one of them looks for."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.netns.namespaces import inside, run, run_ip
from lab.netns.wireguard import forget_device, make_device, make_key, public_of
from lab.waiting import until
from support.peers import Authority

SERVER = "10.99.0.1"
CHARON = "/usr/lib/ipsec/charon"
_DEVICE = f"wg{os.getpid()}"  # tests run side by side

_RESET = "-j REJECT --reject-with tcp-reset"
_PAYLOAD = "0>>22&0x3C@12>>26&0x3C@"

# What a filter that reads packets looks for. iptables: 0 is the IP header, 28 the payload of UDP over IPv4.
CUT = {
    "openvpn": "-p udp -m u32 --u32 28>>24=0x38 -j DROP",  # a client's reset
    "openvpn+tcp": f"-p tcp -m u32 --u32 {_PAYLOAD}0>>8=0x000E38 {_RESET}",
    "wireguard": "-p udp -m length --length 176 -m u32 --u32 28=0x01000000 -j DROP",  # an initiation
    "ikev2": "-p udp -m u32 --u32 44>>16&0xFFFF=0x2120 -j DROP",  # security association, version 2
    "dot": f"-p tcp --dport 853 -m u32 --u32 {_PAYLOAD}0>>16=0x1603 {_RESET}",
    "tor": f"-p tcp --dport 9001 -m u32 --u32 {_PAYLOAD}0>>16=0x1603 {_RESET}",
    "ech": f"-p tcp -m string --algo bm --hex-string |fe0d00fa0000010001| {_RESET}",  # the extension and its suite
}
PORTS = {
    "openvpn": 1194,
    "openvpn+tcp": 1195,
    "wireguard": 51820,
    "ikev2": 500,
    "dot": 853,
    "tor": 9001,
    "ech": 443,
}
PROGRAMS = {
    "openvpn": "openvpn",
    "wireguard-go": "wireguard-go",
    "wg": "wireguard-tools",
    "unbound": "unbound",
    "tor": "tor",
    CHARON: "strongswan-charon",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What runs in a namespace. `folder` holds the authority (`ca.pem`) of the certificate of `SERVER`."""

    inside: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> None:
        """In the namespace, which ends it when it is removed."""
        with (self.folder / "log").open("ab") as log:
            entered = ["ip", "netns", "exec", self.inside, *command]
            self.processes.append(subprocess.Popen(entered, env={**os.environ, **environment}, stdout=log, stderr=log))

    async def filter(self, rule: str) -> None:
        """One rule on what comes in, or none."""
        await run("ip", "netns", "exec", self.inside, "iptables", "-w", "-F", "INPUT")
        if rule:
            await run("ip", "netns", "exec", self.inside, "iptables", "-w", "-A", "INPUT", *rule.split())

    async def until_listening(self, protocols: Iterable[str], within: float) -> None:
        """Until each of them has its port."""
        wanted = {f"{PORTS[protocol]:04X}".encode() for protocol in protocols}

        async def listening() -> bool:
            return wanted <= _ports_of(self.inside)

        await until(listening, within=within)

    def wait(self) -> None:
        """For their end, once the namespace is removed."""
        for process in self.processes:
            process.wait()
        forget_device(_DEVICE)


def _ports_of(namespace: str) -> set[bytes]:
    """Where something listens, over UDP or TCP, in hexadecimal."""
    with inside(namespace):
        lines = Path("/proc/thread-self/net/udp").read_bytes() + Path("/proc/thread-self/net/tcp").read_bytes()
    return {line.split()[1].rpartition(b":")[2] for line in lines.splitlines() if b":" in line}


def start_openvpn(servers: Servers) -> None:
    folder, authority = servers.folder, Authority()
    leaf = authority.ca.issue_cert("vpn.example", SERVER)
    (folder / "ca.pem").write_bytes(authority.ca.cert_pem.bytes())
    (folder / "cert.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    files = ("--ca", f"{folder}/ca.pem", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem")
    for number, (protocol, port) in enumerate((("udp", "1194"), ("tcp-server", "1195"))):
        place = ("--dev", f"tun{number}", "--server", f"10.9{number}.0.0", "255.255.255.0", "--topology", "subnet")
        # Without --local an answer over UDP comes from the address of the way back.
        at = ("--proto", protocol, "--local", SERVER, "--port", port)
        servers.start("openvpn", *at, "--dh", "none", *place, *files)


async def start_wireguard(servers: Servers) -> str:
    """The keys of a target."""
    folder, namespace = servers.folder, servers.inside
    server, client = make_key(), make_key()
    (folder / "wg.key").write_text(server, encoding="ascii")
    peer = ("peer", public_of(client), "allowed-ips", "10.98.0.0/24")
    await make_device(namespace, _DEVICE, f"{folder}/wg.key", "listen-port", str(PORTS["wireguard"]), *peer)
    await run_ip([f"link set {_DEVICE} up"], namespace)
    return f"public={written(public_of(server))}&private={written(client)}"


def written(key: str) -> str:
    """As a URL takes it."""
    return key.replace("+", "-").replace("/", "_").rstrip("=")


def start_strongswan(servers: Servers) -> None:
    plugins = (
        "nonce random aes sha1 sha2 hmac gmp kdf kernel-netlink socket-default"  # of Debian's libstrongswan itself
    )
    settings = servers.folder / "strongswan.conf"
    settings.write_text(f"charon {{\n load = {plugins}\n}}\n", encoding="ascii")
    # It writes its process's number where another charon of this machine may have written its own.
    servers.start("sh", "-c", f"mount -t tmpfs tmpfs /run && exec {CHARON}", STRONGSWAN_CONF=str(settings))


def start_unbound(servers: Servers) -> None:
    folder = servers.folder
    lines = [
        f"interface: {SERVER}@853",
        f"interface: {SERVER}@443",  # DNS over HTTPS
        f"tls-service-key: {folder}/key.pem",
        f"tls-service-pem: {folder}/cert.pem",
        *('username: ""', 'chroot: ""', 'pidfile: ""', "use-syslog: no", f"directory: {folder}"),
    ]
    (folder / "unbound.conf").write_text("server:\n" + "".join(f"  {line}\n" for line in lines), encoding="ascii")
    servers.start("unbound", "-d", "-c", str(folder / "unbound.conf"))


def start_tor(servers: Servers) -> None:
    """A relay that tells nobody of itself, and reaches nobody."""
    settings = {
        "DataDirectory": servers.folder / "tor",
        "ORPort": f"{SERVER}:9001",
        "Address": SERVER,
        "SocksPort": 0,
        "BridgeRelay": 1,
        "PublishServerDescriptor": 0,
        "AssumeReachable": 1,
        "DirAllowPrivateAddresses": 1,
        "ExitRelay": 0,
        "Sandbox": 0,
    }
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    servers.start("tor", "-f", "/dev/null", "--ignore-missing-torrc", *flags)
