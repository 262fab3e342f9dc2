from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.addresses import BLANK, canonical, find_special, quote_stranger, scrub, split_endpoint

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "10.10.34.34",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
]
MAY = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.82.48.83",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2400:cb00::1",
]


@pytest.mark.parametrize("address", NEVER)
def test_a_special_address_is_never_dialled(address: str) -> None:
    assert find_special(address)


@pytest.mark.parametrize("address", MAY)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert None is find_special(address)


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_holds_for_not_global_may_be_dialled(address: object) -> None:
    parsed = ip_address(str(address))
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        assert find_special(str(parsed))


def test_what_is_no_address_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match=r"x\.com"):
        find_special("x.com")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[2606:4700::0001]", "2606:4700::1"), ("1.1.1.1", "1.1.1.1"), ("127.1", None), ("x.com", None), ("", None)],
)
def test_an_address_has_one_form(text: str, expected: str | None) -> None:
    assert expected == canonical(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", ("8.8.8.8", 53)),
        ("127.0.0.53:5353", ("127.0.0.53", 5353)),
        ("2606:4700::1111", ("2606:4700::1111", 53)),
        ("[2606:4700::1111]:53", ("2606:4700::1111", 53)),
        ("fe80::1%eth0", ("fe80::1%eth0", 53)),
    ],
)
def test_an_endpoint_is_an_address_with_or_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert expected == split_endpoint(text, 53)


@pytest.mark.parametrize("text", ["", "x.com", "8.8.8.8:", "8.8.8.8:0", "8.8.8.8:65536", "8.8.8.8:x", "8.8.8.8:٣"])
def test_an_endpoint_that_cannot_be_dialled_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        split_endpoint(text, 53)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Your IP is 39.45.1.2.", f"Your IP is {BLANK}."),
        ("ip=39.45.1.2&x=1", f"ip={BLANK}&x=1"),
        ("from 2407:d000:1a::2 today", f"from {BLANK} today"),
        ("(::1)", f"({BLANK})"),
        ("mapped ::ffff:39.45.1.2!", f"mapped {BLANK}!"),
        ("ip_39.45.1.2_", f"ip_{BLANK}_"),
        ("Firefox 128.0 of 2024-11-10", "Firefox 128.0 of 2024-11-10"),
        ("a: b; ratio 1:2", "a: b; ratio 1:2"),
        ("lookup of collector.example:443: not found", "lookup of collector.example:443: not found"),
        ("IPv6:2407:d000:1a:", f"IPv{BLANK}"),
        ("face:12: of an address", f"{BLANK} of an address"),
        ("رابطہ", "رابطہ"),
    ],
)
def test_addresses_are_taken_out_of_text(text: str, expected: str) -> None:
    assert expected == scrub(text)


@given(
    st.ip_addresses(),
    st.sampled_from(["ip=", "IP: ", "<b>", '"', "you are ", "x_", "("]),
    st.sampled_from(["", "&", "<", " ", ".", "_", "/64", "!"]),
)
def test_no_address_survives_scrubbing(address: object, before: str, after: str) -> None:
    assert str(address) not in scrub(f"{before}{address}{after}")


def test_what_a_stranger_says_of_our_address_or_to_our_terminal_is_not_repeated() -> None:
    said = quote_stranger("go away,\n39.32.10.7 and\x1b[31m 2400:adc0:1:2::7!\u202e")
    assert "go away, [address] and [31m [address]!" == said
    assert 300 == len(quote_stranger("x" * 10_000))
