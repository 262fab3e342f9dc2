"""Which addresses no site of the public Internet can have (bogons). Pure.

Python's own view (`is_global`, from the IANA special-purpose registries, RFC 6890), and what it takes for global or
judges by the address within: translated and tunnelled addresses, and ranges that some versions of it do not know.
Agents have a list of their own and dial by that alone; here it is about evidence, and about what a plan should not ask.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_ALSO_V4 = tuple(map(IPv4Network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24")))
_ALSO_V6 = tuple(
    map(
        IPv6Network,
        (
            *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
            *("2001::/23", "2002::/16", "3fff::/20", "5f00::/16"),
        ),
    )
)


def is_special(address: str) -> bool:
    """Whether an address is none that a site can have; no for what is no address at all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed.is_multicast or not parsed.is_global:
        return True
    if isinstance(parsed, IPv4Address):
        return any(parsed in network for network in _ALSO_V4)
    return any(parsed in network for network in _ALSO_V6)
