"""Steps of a measurement, as a person reads them."""

import pytest

from rabta_collector.pages.steps import StepLine, make_step
from rabta_proto.vocabulary import VpnProtocol
from support.factories import RESET, dns_trouble, quic_trouble, tls_trouble, works, works_over_quic
from support.telling import Story


def lines(story: Story) -> list[StepLine]:
    return [make_step(observation) for observation in story.observations]


def test_a_reset_is_shown_step_by_step_and_the_other_name_as_such() -> None:
    told = lines(tls_trouble(RESET, passes=1))
    assert ["asking for the site's address"] * 2 == [line.meaning for line in told[:2]]
    assert ["the network's name server", "a name server over HTTPS"] == [line.by for line in told[:2]]
    failed = [line for line in told if line.failed]
    assert ["connection_reset"] == [line.got for line in failed]
    assert ["beginning encryption"] == [line.meaning for line in failed]
    assert [False, True] == [line.innocuous for line in told if line.meaning == "beginning encryption"]


def test_what_went_well_says_what_came() -> None:
    told = {line.meaning: line for line in lines(works())}
    assert "connected" == told["connecting"].got
    assert told["beginning encryption"].got.startswith("certificate valid")
    assert told["asking for the page"].got.startswith("HTTP 200")
    assert not any(line.failed for line in told.values())


@pytest.mark.parametrize("story", [works_over_quic(), quic_trouble(RESET), dns_trouble("dns_nxdomain_error")])
def test_every_step_has_words_for_what_was_tried(story: Story) -> None:
    assert all(line.meaning and line.what and line.got for line in lines(story))


@pytest.mark.parametrize(
    ("protocol", "meaning"),
    [
        (VpnProtocol.OPENVPN, "greeting a VPN server or a Tor relay"),
        (VpnProtocol.TOR, "beginning encryption with a Tor relay"),
        (VpnProtocol.ECH, "beginning encryption with ECH"),
        (VpnProtocol.TLS, "beginning encryption without ECH, for comparison"),
    ],
)
def test_tor_is_no_vpn_and_neither_is_a_hello_with_ech(protocol: VpnProtocol, meaning: str) -> None:
    (line,) = lines(Story(target="tor://192.0.2.1:443", name="").greets("192.0.2.1", protocol=protocol))
    assert (meaning, f"{protocol} @ 192.0.2.1:1194") == (line.meaning, line.what)


def test_an_ipv6_address_stands_in_brackets() -> None:
    told = Story(target="https://x.com/", name="x.com").names("2001:db8::1").connects("2001:db8::1")
    assert ["[2001:db8::1]:443"] == [line.what for line in lines(told) if line.meaning == "connecting"]
