"""Whose the machine's own resolver is, as far as its address tells. Pure.

A resolver that the volunteer chose says nothing about the ISP, so the well-known public ones are told apart, and these
alone are named: any other address could be the volunteer's own network or company.
"""

from functools import lru_cache

from rabta_agent.addresses import canonical, find_special, split_endpoint
from rabta_proto.vocabulary import ResolverPlace

_PUBLIC = {
    "Google": "8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844 2001:4860:4860::64 2001:4860:4860::6464",
    "Cloudflare": (
        "1.1.1.1 1.0.0.1 1.1.1.2 1.0.0.2 1.1.1.3 1.0.0.3 2606:4700:4700::1111 2606:4700:4700::1001 "
        "2606:4700:4700::1112 2606:4700:4700::1002 2606:4700:4700::1113 2606:4700:4700::1003 "
        "2606:4700:4700::64 2606:4700:4700::6400"
    ),
    "Quad9": (
        "9.9.9.9 149.112.112.112 9.9.9.10 149.112.112.10 9.9.9.11 149.112.112.11 2620:fe::fe 2620:fe::9 "
        "2620:fe::10 2620:fe::fe:10 2620:fe::11 2620:fe::fe:11"
    ),
    "OpenDNS": (
        "208.67.222.222 208.67.220.220 208.67.222.220 208.67.220.222 208.67.222.123 208.67.220.123 "
        "2620:119:35::35 2620:119:53::53 2620:119:35::123 2620:119:53::123 2620:0:ccc::2 2620:0:ccd::2"
    ),
    "AdGuard": (
        "94.140.14.14 94.140.15.15 94.140.14.140 94.140.14.141 94.140.14.15 94.140.15.16 2a10:50c0::ad1:ff "
        "2a10:50c0::ad2:ff 2a10:50c0::1:ff 2a10:50c0::2:ff 2a10:50c0::bad1:ff 2a10:50c0::bad2:ff"
    ),
    "CleanBrowsing": (
        "185.228.168.9 185.228.169.9 185.228.168.10 185.228.169.11 185.228.168.168 185.228.169.168 "
        "2a0d:2a00:1:: 2a0d:2a00:2:: 2a0d:2a00:1::1 2a0d:2a00:2::1 2a0d:2a00:1::2 2a0d:2a00:2::2"
    ),
    "Yandex": (
        "77.88.8.8 77.88.8.1 77.88.8.88 77.88.8.2 77.88.8.7 77.88.8.3 2a02:6b8::feed:ff 2a02:6b8:0:1::feed:ff "
        "2a02:6b8::feed:bad 2a02:6b8:0:1::feed:bad 2a02:6b8::feed:a11 2a02:6b8:0:1::feed:a11"
    ),
}
_KNOWN = frozenset(canonical(address) for addresses in _PUBLIC.values() for address in addresses.split())


@lru_cache(16)  # of the machine's own: a few, and the same ones all day
def place_of(endpoint: str) -> ResolverPlace:
    """Whose a resolver at this address, with or without a port, is; unknown where it is no address."""
    address = _address_of(endpoint)
    if address is None:
        return ResolverPlace.UNKNOWN
    if address in _KNOWN:
        return ResolverPlace.PUBLIC
    return ResolverPlace.NETWORK if find_special(address) is None else ResolverPlace.LOCAL


@lru_cache(16)
def public_name(endpoint: str) -> str:
    """What an observation calls the machine's own resolver: its address where it is a known public one, or nothing."""
    return (_address_of(endpoint) or "") if place_of(endpoint) is ResolverPlace.PUBLIC else ""


def _address_of(endpoint: str) -> str | None:
    try:
        return split_endpoint(endpoint, 53)[0]
    except ValueError:
        return None
