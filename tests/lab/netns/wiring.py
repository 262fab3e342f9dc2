"""How the namespaces are joined, as lines for `ip -batch` (ip(8)), and what their kernels are told. Pure.

An agent's `eth0` leads to its router's `a1`, `a2`, ...; a router's `uplink` leads to the core, where the other end is
called as the network is. A VPN's agent has its default route through `tun0`, which ends at its router's `vpn1`, ...:
the lines make the devices, tunnel.py carries the packets.
"""

from collections.abc import Iterator, Mapping

from lab.netns.world import Network, World, every_address
from lab.scenario import Vantage

TUNNEL_MTU = 1400
_WIDTH6 = 64

Settings = Mapping[str, str]
"""Values by path below /proc/sys/net."""

ROUTER: Settings = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    # A router says at most one ICMP error a second to one host unless told; tests do not wait for it.
    "ipv4/icmp_ratelimit": "0",
    "ipv4/icmp_msgs_per_sec": "100000",
    "ipv4/icmp_msgs_burst": "100000",
    "netfilter/nf_conntrack_acct": "1",  # connbytes
}


def joints(world: World) -> Iterator[str]:
    """Makes all namespaces and the cables between them; nothing of it shows in the namespace that it is run in."""
    for namespace in world.namespaces:
        yield f"netns add {namespace}"
    for network in world.networks:
        router = world.router(network)
        yield f"link add uplink netns {router} type veth peer name {network.id} netns {world.core}"
        for number in _numbers(network):
            home = world.home(network, number)
            yield f"link add eth0 netns {home} type veth peer name a{number} netns {router}"


def inside_each(world: World) -> Iterator[tuple[str, list[str]]]:
    """Each namespace with the lines to be run in it."""
    yield world.core, list(_core(world))
    for network in world.networks:
        yield world.router(network), list(_router(network))
        for number in _numbers(network):
            yield world.home(network, number), list(_home(network, number))


def settings(world: World) -> Iterator[tuple[str, Settings]]:
    for network in world.networks:
        forwarding = dict(ROUTER)
        if not network.ipv6:
            forwarding["ipv6/conf/all/forwarding"] = "0"
        yield world.router(network), forwarding


def _numbers(network: Network) -> range:
    return range(1, 1 + network.agents)


def _core(world: World) -> Iterator[str]:
    yield "link set lo up"
    for address in every_address(world.sites):
        yield _own(address)
    for network in world.networks:
        router, core = network.uplink
        # Segments as a wire carries them: a policer that is handed 64 kB at once drops 64 kB.
        yield f"link set {network.id} gso_max_segs 1"
        yield f"link set {network.id} up"
        yield f"addr add {core}/30 dev {network.id}"
        yield f"route add {network.slice} via {router}"
        if network.ipv6:
            yield f"addr add {network.prefix6}:ff::1/{_WIDTH6} dev {network.id} nodad"
            yield f"route add {network.prefix6}::/48 via {network.prefix6}:ff::2"


def _router(network: Network) -> Iterator[str]:
    router, core = network.uplink
    yield "link set lo up"
    yield _own(network.resolver)
    yield "link set uplink up"
    yield f"addr add {router}/30 dev uplink"
    yield f"route add default via {core}"
    if network.ipv6:
        yield f"addr add {network.prefix6}:ff::2/{_WIDTH6} dev uplink nodad"
        yield f"route add default via {network.prefix6}:ff::1"
    for number in _numbers(network):
        yield f"link set a{number} up"
        yield f"addr add {network.gate(number)}/24 dev a{number}"
        if network.ipv6:
            yield f"addr add {network.prefix6}:{number}::1/{_WIDTH6} dev a{number} nodad"
        if network.vantage is Vantage.VPN:
            yield from _tunnel(f"vpn{number}", network.inner(number)[1])


def _home(network: Network, number: int) -> Iterator[str]:
    yield "link set lo up"
    yield "link set eth0 up"
    yield f"addr add {network.agent(number)}/24 dev eth0"
    if network.vantage is Vantage.VPN:
        own, far = network.inner(number)
        yield from _tunnel("tun0", own)
        yield f"route add default via {far}"
    else:
        yield f"route add default via {network.gate(number)}"
    if network.ipv6:
        yield f"addr add {network.prefix6}:{number}::2/{_WIDTH6} dev eth0 nodad"
        yield f"route add default via {network.prefix6}:{number}::1"


def _tunnel(device: str, address: str) -> Iterator[str]:
    yield f"tuntap add dev {device} mode tun"
    yield f"link set {device} mtu {TUNNEL_MTU} up"
    yield f"addr add {address}/24 dev {device}"


def _own(address: str) -> str:
    return f"addr add {address}/128 dev lo nodad" if ":" in address else f"addr add {address}/32 dev lo"
