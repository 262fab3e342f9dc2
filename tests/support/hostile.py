"""What a hostile collector, resolver or site would name, and who is never to be dialled, by rules of our own."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import strategies as st

OWN_V4, OWN_V6 = "39.32.10.7", "2400:adc0:1:2::7"  # the volunteer's own public addresses
_NEVER = tuple(
    map(
        ip_network,
        (
            *(
                "0.0.0.0/8",
                "10.0.0.0/8",
                "100.64.0.0/10",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "172.16.0.0/12",
                "192.0.0.0/24",
            ),
            *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "39.32.10.0/24"),
            *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
            *(
                "2002::/16",
                "3fff::/20",
                "5f00::/16",
                "fc00::/7",
                "fe80::/10",
                "fec0::/10",
                "ff00::/8",
                "2400:adc0:1:2::/64",
            ),
        ),
    )
)
_TEREDO_SERVER = int(IPv4Address("65.54.227.120"))


def is_harmless(address: str) -> bool:
    """Whether an address is one that a volunteer's machine may dial."""
    parsed = ip_address(address)
    return parsed.is_global and not any(parsed in network for network in _NEVER if network.version == parsed.version)


def embed(v4: IPv4Address, form: str) -> IPv6Address:
    """An IPv4 address within an IPv6 one, in one of the ways that there are."""
    number = int(v4)
    match form:
        case "mapped":
            return IPv6Address((0xFFFF << 32) | number)
        case "compatible":
            return IPv6Address(number)
        case "nat64":
            return IPv6Address(int(IPv6Address("64:ff9b::")) | number)
        case "nat64 local":
            return IPv6Address(int(IPv6Address("64:ff9b:1::")) | number)
        case "6to4":
            return IPv6Address((0x2002 << 112) | (number << 80) | 1)
        case "teredo":
            return IPv6Address((0x20010000 << 96) | (_TEREDO_SERVER << 64) | (number ^ 0xFFFFFFFF))
        case _:
            raise ValueError(form)


FORMS = ("mapped", "compatible", "nat64", "nat64 local", "6to4", "teredo")


def spell(v4: IPv4Address) -> list[str]:
    """The ways in which inet_aton(3) and careless programs read an address."""
    a, b, c, d = v4.packed
    number = int(v4)
    return [
        f"{a}.{b}.{c}.{d}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        str(number),
        f"0x{number:x}",
        f"0{number:o}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a}.{b}.{c}.{d}.",
        "".join(chr(0xFF10 + int(digit)) if digit.isdigit() else "\u3002" for digit in f"{a}.{b}.{c}.{d}"),
        "".join(f"%{ord(letter):02x}" for letter in f"{a}.{b}.{c}.{d}"),
    ]


def _within(network: str) -> st.SearchStrategy[str]:
    whole = ip_network(network)
    first, last = int(whole.network_address), int(whole.broadcast_address)
    return st.integers(first, last).map(
        lambda number: str((IPv4Address if whole.version == 4 else IPv6Address)(number))
    )


special_v4 = st.sampled_from([str(network) for network in _NEVER if network.version == 4]).flatmap(_within)
special_v6 = st.sampled_from([str(network) for network in _NEVER if network.version == 6]).flatmap(_within)
any_v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
embedded = st.builds(embed, any_v4 | special_v4.map(IPv4Address), st.sampled_from(FORMS)).map(str)
zoned = st.sampled_from(["fe80::1%eth0", "fe80::1%25eth0", "::1%lo", "2400:adc0:1:2::9%eth0", "2a00:1450:4001::1%eth0"])
public = st.sampled_from(["104.244.42.1", "151.101.1.140", "2a00:1450:4001:81b::200e", "2606:4700::6810:84e5"])
addresses = special_v4 | special_v6 | embedded | any_v4.map(str) | public
"""As resolvers and plans write them."""
odd = special_v4.map(IPv4Address).flatmap(lambda v4: st.sampled_from(spell(v4)))
hosts = st.one_of(
    st.sampled_from(["x.com", "localhost", "router.local", "169.254.169.254.nip.io", "0x7f.1", "xn--n3h.com"]),
    addresses.map(lambda address: f"[{address}]" if ":" in address else address),
    odd,
    odd.map(lambda text: f"[::ffff:{text}]"),
    zoned.map(lambda text: f"[{text}]"),
)
ports = st.sampled_from(["", ":80", ":443", ":53", ":22", ":1", ":65535", ":0"])
urls = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https", "quic", "tcp", "HTTP", "ftp", "file"]),
    hosts,
    ports,
    st.sampled_from(["/", "", "/generate_204", "/?u=http://127.0.0.1/"]),
)
locations = (
    urls
    | st.builds(lambda host: f"//{host}/", hosts)
    | st.sampled_from(["/", "http:\\\\127.0.0.1\\", "//\\10.0.0.1", ""])
)
