"""How targets are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.urls import parse_target
from rabta_collector.locators import WEB, Locator, is_host_name, parse_locator, scheme_of

GOOD = [
    ("https://x.com", "https", "x.com", False),
    ("HTTPS://X.com/", "https", "x.com", False),
    ("http://1.2.3.4:8080/a?b=c", "http", "1.2.3.4", True),
    ("https://[2001:db8::1]/", "https", "2001:db8::1", True),
    ("https://ۃ.com/", "https", "ۃ.com", False),
    ("quic://x.com", "quic", "x.com", False),
    ("quic://x.com:8443/", "quic", "x.com", False),
    ("tcp://x.com:5222", "tcp", "x.com", False),
    ("tcp://[2001:db8::1]:5222", "tcp", "2001:db8::1", True),
    ("dns:x.com", "dns", "x.com", False),
    ("dns:X.com.", "dns", "x.com.", False),
    ("dns:_dmarc.x.com", "dns", "_dmarc.x.com", False),
]


@pytest.mark.parametrize(("text", "scheme", "host", "address"), GOOD)
def test_what_can_be_measured(text: str, scheme: str, host: str, address: bool) -> None:
    assert Locator(scheme=scheme, host=host, address=address) == parse_locator(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no scheme; write https://... or http://..."),
        ("x.com", "has no scheme"),
        ("//x.com/", "has no scheme"),
        ("x.com:443/", "has no scheme"),
        ("https:x.com", "has no scheme"),
        (
            "://x.com/",
            "wireguard, ikev2, tor or ech, not nothing",
        ),
        (
            "udp://x.com:53",
            "expected https, http, quic, tls, tcp, dns, ",
        ),
        ("https://", "names no host"),
        ("https://:443/", "names no host"),
        ("https://u:p@x.com/", "holds a user name"),
        ("https://x.com:99999/", "is no URL: Port out of range"),
        ("https://x.com:0/", "names no port"),
        ("https://x com/", "holds a space"),
        ("https://x.com/\n", "holds a space"),
        ("https://x.com/\x1b[31m", "holds a space, or a character that cannot be printed"),
        ("https://[::1/", "is no URL"),
        ("https://x[::1]/", "is no URL"),
        ("https://[::1]x/", "is no URL"),
        ("https://-x.com/", "names no host that could exist"),
        ("https://x..com/", "names no host that could exist"),
        ("https://x.com../", "names no host that could exist"),
        ("https://x.com。/", "names no host that could exist"),
        ("https://127.1/", "names no host that could exist"),
        (f"https://{'x' * 64}.com/", "names no host that could exist"),
        (f"https://{'x.' * 127}com/", "names no host that could exist"),
        ("https://" + "x" * 3000 + "/", "is longer than 2000 characters"),
        ("tcp://x.com", "names no port"),
        ("tcp://x.com:", "names no port"),
        ("tcp://x.com:0", "names no port"),
        ("tcp://x.com:443/", "write tcp://host:port and nothing after it"),
        ("tcp://x.com:443?a", "write tcp://host:port and nothing after it"),
        ("quic://x.com/a", "no page is asked for"),
        ("quic://x.com/?a", "no page is asked for"),
        ("quic://x.com?/", "no page is asked for"),
        ("quic://x.com#/", "no page is asked for"),
        ("dns:", "names no host that could exist"),
        ("dns://x.com", "write dns:name and nothing around it"),
        ("dns:x.com?type=A", "write dns:name and nothing around it"),
        ("dns:x.com/", "write dns:name and nothing around it"),
        ("dns:1.2.3.4", "names an address"),
        ("dns:2001:db8::1", "names an address"),
        ("dns:x.com:53", "names no host that could exist"),
    ],
)
def test_what_cannot_and_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r'^"') as raised:
        parse_locator(text)
    assert problem in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("text", [row[0] for row in GOOD])
def test_what_can_be_measured_agents_measure(text: str) -> None:
    assert parse_target(text)


@pytest.mark.parametrize(
    ("schemes", "listed"), [(("https",), "expected https, not dns"), (WEB, "expected https or http, not dns")]
)
def test_where_only_some_will_do_the_others_are_refused(schemes: tuple[str, ...], listed: str) -> None:
    with pytest.raises(ValueError, match=listed):
        parse_locator("dns:x.com", schemes)


def problem_of(text: str) -> str | None:
    """What is wrong; with what is good there is nothing wrong for an agent, either."""
    try:
        locator = parse_locator(text)
    except ValueError as wrong:
        return str(wrong)
    assert locator.address or is_host_name(locator.host)
    assert parse_target(text)
    return None


@given(
    st.text(max_size=40) | st.text("abz09.:-_[]/é", max_size=20),
    st.sampled_from(["", "https://", "quic://", "tcp://", "dns:"]),
)
def test_any_text_is_a_locator_or_has_one_line_that_says_why_not(text: str, start: str) -> None:
    problem = problem_of(start + text)
    assert problem is None or (problem.startswith('"') and problem.isprintable())


@pytest.mark.parametrize(("locator", "scheme"), [("dns:x.com", "dns"), ("HTTPS://x.com/", "https")])
def test_the_scheme_of_a_locator(locator: str, scheme: str) -> None:
    assert scheme == scheme_of(locator) == parse_locator(locator).scheme
