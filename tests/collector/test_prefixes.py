"""Prefixes under a salt that changes."""

import hashlib
from itertools import count

import pytest

from rabta_collector.prefixes import SALT_LIFE_S, Prefixes


def prefixes() -> Prefixes:
    numbers = count()
    return Prefixes(lambda size: next(numbers).to_bytes(size, "big"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:1::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.1", True),
    ],
)
def test_neighbours_share_a_prefix(one: str, other: str, same: bool) -> None:
    found = prefixes()
    assert same is (found.of(one, 0.0) == found.of(other, 0.0))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "", "unix", "1.2.3"])
def test_this_machine_and_no_address_have_no_prefix(address: str) -> None:
    assert prefixes().of(address, 0.0) is None


def test_the_salt_changes_every_day() -> None:
    found = prefixes()
    first = found.of("192.0.2.1", 5.0)
    assert first == found.of("192.0.2.1", 5.0 + SALT_LIFE_S - 1)
    later = found.of("192.0.2.1", 5.0 + SALT_LIFE_S)
    assert first != later
    assert later == found.of("192.0.2.1", 5.0 + SALT_LIFE_S + 1)


def test_nothing_of_an_address_can_be_read_in_its_prefix() -> None:
    name = prefixes().of("192.0.2.1", 0.0)
    assert name is not None
    assert 32 == len(name)
    assert name != hashlib.sha256(b"192.0.2.0/24").digest()
