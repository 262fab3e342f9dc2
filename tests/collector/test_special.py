"""Addresses that no site can have."""

import pytest

from rabta_collector.special import is_special


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.10.34.35", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1"),
        *("255.255.255.255", "192.0.0.9", "192.88.99.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("2001:db8::1", "2001:1::1", "3fff::1", "5f00::1", "64:ff9b::1.2.3.4", "64:ff9b:1::1", "2002:102:304::"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8"),
    ],
)
def test_a_bogon_is_special(address: str) -> None:
    assert is_special(address)


@pytest.mark.parametrize(
    "address", ["104.244.42.1", "1.1.1.1", "203.82.48.83", "192.0.1.1", "2606:4700::1", "2001:4860::1", "x.com", ""]
)
def test_any_other_is_not(address: str) -> None:
    assert not is_special(address)
