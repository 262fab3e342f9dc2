"""The network that this machine is on: which kind, through a VPN or not, with IPv4 and IPv6 or not.

Best effort, from what the kernel says; sends nothing and never raises. What cannot be told is `None`.
The interface is the one whose address the kernel would choose towards the public Internet, so that policy routing
(WireGuard) and split routes (OpenVPN's two halves) are seen for what they are. A measurement through a VPN says nothing
about the ISP, so a point-to-point link counts as one unless its MTU is that of PPPoE (1492) or of a modem (1500).
"""

import socket
import struct
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from rabta_agent.addresses import find_special
from rabta_agent.network import Vantage, bind_source
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import NetworkKind

_TOWARDS = {socket.AF_INET: "8.8.8.8", socket.AF_INET6: "2001:4860:4860::8888"}
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_SIOCGIFADDR = 0x8915  # linux/sockios.h
_TUNNELS = ("tun", "tap", "wg", "utun", "ipsec", "xfrm", "vti", "gre", "sit", "nordlynx", "proton", "tailscale", "zt")
_MODEMS = ("wwan", "rmnet", "ccmni", "usb")
_POINT_TO_POINT = ("ppp",)
_PPP_MTU_OF_A_LINE = 1492
_SYSFS = Path("/sys/class/net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface as sysfs describes it."""

    name: str
    wireless: bool = False
    device_type: str = ""
    mtu: int = 0
    tunnel: bool = False  # made by the tun driver


def judge_kind(interface: Interface) -> NetworkKind:
    """How an interface reaches its network."""
    if interface.wireless or interface.device_type == "wlan" or interface.name.startswith(("wl", "ath")):
        return NetworkKind.WIFI
    if interface.device_type == "wwan" or interface.name.startswith(_MODEMS):
        return NetworkKind.MOBILE
    if interface.name.startswith(("eth", "en", "em", "br")):
        return NetworkKind.ETHERNET
    return NetworkKind.UNKNOWN


def judge_vpn(interface: Interface) -> bool:
    """Whether an interface is a VPN's or another tunnel's."""
    if interface.name.startswith(_POINT_TO_POINT):
        return interface.mtu < _PPP_MTU_OF_A_LINE
    return interface.tunnel or interface.device_type == "wireguard" or interface.name.startswith(_TUNNELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIdentity:
    """What tells one network from another. It holds the volunteer's address, and never leaves memory."""

    interface: str | None
    ipv4: str | None
    ipv6_prefix: str | None  # the rest of an IPv6 address changes every day on one network (RFC 8981)


def identify_network(vantage: Vantage) -> NetworkIdentity | None:
    """The network that probes of this vantage go through now; `None` in the lab, and where there is none."""
    if vantage.lab:
        return None
    ipv4, ipv6 = (_source_towards(family, vantage) for family in (socket.AF_INET, socket.AF_INET6))
    if ipv4 is None and ipv6 is None:
        return None
    return NetworkIdentity(
        interface=_find_interface(ipv4) if ipv4 else _find_v6_interface(ipv6),
        ipv4=ipv4,
        ipv6_prefix=str(ip_network((ipv6, 64), strict=False)) if ipv6 else None,
    )


def has_changed(before: NetworkIdentity | None, after: NetworkIdentity | None) -> bool | None:
    """Whether the network is another one than before; `None` where it could be told neither time."""
    return None if before is None and after is None else before != after


def network_context(isp: str, vantage: Vantage) -> NetworkContext:
    """The network that probes of this vantage go through."""
    ipv4 = _source_towards(socket.AF_INET, vantage)
    ipv6 = _source_towards(socket.AF_INET6, vantage)
    # In the lab the whole Internet is on loopback, and it speaks IPv4 unless the vantage says otherwise.
    if vantage.lab and not (vantage.source_address and ":" in vantage.source_address):
        ipv6 = None
    names = ["lo"] if vantage.lab else [_find_interface(ipv4) if ipv4 else None, _find_v6_interface(ipv6)]
    interfaces = [_look_at(name) for name in dict.fromkeys(names) if name]
    return NetworkContext(
        isp=isp,
        kind=judge_kind(interfaces[0]) if interfaces else NetworkKind.UNKNOWN,
        vpn=any(map(judge_vpn, interfaces)) if interfaces else None,
        ipv4=ipv4 is not None,
        ipv6=ipv6 is not None,
        lab=vantage.lab,
    )


def _source_towards(family: socket.AddressFamily, vantage: Vantage) -> str | None:
    """The local address that the kernel would use towards the Internet; `None` without a route. Sends nothing."""
    source = vantage.source_address
    if source is not None and (":" in source) is not (family == socket.AF_INET6):
        return None
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if source is not None:
                bind_source(probe, source)
            probe.connect(((_LOOPBACK if vantage.lab else _TOWARDS)[family], 53))
            chosen = str(probe.getsockname()[0])
    except OSError:
        return None
    # A unique-local or link-local source reaches no public IPv6 address; a private IPv4 one does, through NAT.
    return None if family == socket.AF_INET6 and not vantage.lab and find_special(chosen) else chosen


def _find_interface(address: str) -> str | None:
    """Name of the interface that has an IPv4 address (Linux); `None` elsewhere."""
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            for _, name in socket.if_nameindex():
                request = struct.pack("256s", name.encode()[:15])
                try:
                    answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
                except OSError:  # an interface without an address
                    continue
                if socket.inet_ntoa(answer[20:24]) == address:
                    return name
    except (ImportError, OSError):
        pass
    return None


def _find_v6_interface(address: str | None, table: Path = Path("/proc/net/if_inet6")) -> str | None:
    """The same for an IPv6 address: the last word of its line (Linux)."""
    if address is None:
        return None
    wanted = ip_address(address).packed.hex()
    lines = [line.split() for line in _read(table).splitlines()]
    return next((words[-1] for words in lines if words and words[0] == wanted), None)


def _look_at(name: str) -> Interface:
    """An interface as it is now. What a device is, it is for life, and its index tells it from the next of its name."""
    try:
        device = _read_device(name, socket.if_nametoindex(name))
    except OSError:
        return _read_interface(name)
    return replace(device, mtu=_read_mtu(name)) if name.startswith(_POINT_TO_POINT) else device


@lru_cache(8)
def _read_device(name: str, index: int) -> Interface:
    return _read_interface(name)


def _read_interface(name: str, root: Path = _SYSFS) -> Interface:
    folder = root / name
    fields = dict(line.split("=", 1) for line in _read(folder / "uevent").splitlines() if "=" in line)
    return Interface(
        name=name,
        wireless=(folder / "wireless").exists() or (folder / "phy80211").exists(),
        device_type=fields.get("DEVTYPE", ""),
        mtu=_read_mtu(name, root),
        tunnel=(folder / "tun_flags").exists(),
    )


def _read_mtu(name: str, root: Path = _SYSFS) -> int:
    """Of a line by modem or PPPoE it is settled once the line is up (judge_vpn)."""
    mtu = _read(root / name / "mtu").strip()
    return int(mtu) if mtu.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
