"""Which addresses no site of the public Internet can have (bogons). Pure.

Unlike an agent's list (whose purpose is never to dial into a volunteer's own network) this one is about evidence, and
what stands in it is none until the helper has been asked: see convert.py.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_ALSO_V4 = (IPv4Network("100.64.0.0/10"), IPv4Network("192.88.99.0/24"))
_ALSO_V6 = (IPv6Network("64:ff9b::/96"), IPv6Network("2001::/32"), IPv6Network("2002::/16"))


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
