from ipaddress import ip_address

import pytest

from rabta_agent import resolvers
from rabta_agent.addresses import find_special
from rabta_agent.resolvers import place_of, public_name
from rabta_proto.vocabulary import ResolverPlace


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("127.0.0.53", ResolverPlace.LOCAL),
        ("127.0.0.1:5353", ResolverPlace.LOCAL),
        ("192.168.1.1", ResolverPlace.LOCAL),
        ("100.64.0.1", ResolverPlace.LOCAL),
        ("169.254.1.1", ResolverPlace.LOCAL),
        ("fe80::1%eth0", ResolverPlace.LOCAL),
        ("fd00::1", ResolverPlace.LOCAL),
        ("::1", ResolverPlace.LOCAL),
        ("203.99.163.240", ResolverPlace.NETWORK),
        ("[2400:adc0::1]:53", ResolverPlace.NETWORK),
        ("8.8.8.8", ResolverPlace.PUBLIC),
        ("8.8.8.8:5353", ResolverPlace.PUBLIC),
        ("2606:4700:4700::1111", ResolverPlace.PUBLIC),
        ("2606:4700:4700:0:0:0:0:1111", ResolverPlace.PUBLIC),
        ("77.88.8.8", ResolverPlace.PUBLIC),
        ("no address", ResolverPlace.UNKNOWN),
    ],
)
def test_an_address_tells_whose_a_resolver_is(endpoint: str, place: ResolverPlace) -> None:
    assert place == place_of(endpoint)


def test_only_a_public_one_is_named_and_without_its_port() -> None:
    assert "9.9.9.9" == public_name("9.9.9.9:53")
    assert "2620:fe::fe" == public_name("[2620:fe:0::fe]:53")
    for endpoint in ("192.168.1.1", "203.99.163.240", "203.99.163.240:53", "127.0.0.53", "no address"):
        assert "" == public_name(endpoint)


def test_every_operator_is_known_by_addresses_of_both_families() -> None:
    for operator, addresses in resolvers._PUBLIC.items():
        assert {4, 6} == {ip_address(address).version for address in addresses.split()}, operator


def test_what_is_known_is_public_and_written_once() -> None:
    written = [address for addresses in resolvers._PUBLIC.values() for address in addresses.split()]
    assert len(written) == len(resolvers._KNOWN)
    assert not any(find_special(address) for address in written)
