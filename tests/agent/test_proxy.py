"""Which proxy is taken, and that its password is told to nobody but the proxy."""

import pytest

from rabta_agent.endpoint import parse_endpoint
from rabta_agent.proxy import InvalidProxyError, Proxy, ProxyKind, choose_proxy, parse_proxy

COLLECTOR = parse_endpoint("https://collector.example:8443", lab=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://p.example:3128", Proxy(kind=ProxyKind.HTTP, host="p.example", port=3128)),
        ("p.example:3128", Proxy(kind=ProxyKind.HTTP, host="p.example", port=3128)),
        ("socks5h://[2001:db8::1]", Proxy(kind=ProxyKind.SOCKS5, host="2001:db8::1", port=1080)),
        (
            "socks5://u%40:p%3A@p.example",
            Proxy(kind=ProxyKind.SOCKS5, host="p.example", port=1080, user="u@", password="p:"),
        ),
    ],
)
def test_a_proxy_is_a_url(text: str, expected: Proxy) -> None:
    assert expected == parse_proxy(text)


@pytest.mark.parametrize("text", ["https://p.example", "ftp://p", "http://", "http://p:0", "http://p:x", "http://[::1"])
def test_what_is_none_is_said_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidProxyError):
        parse_proxy(text)
    with pytest.raises(InvalidProxyError) as raised:
        parse_proxy(f"http://us3r:s3cret@{text.partition('://')[2]}:port")
    assert "s3cret" not in str(raised.value)


def test_a_password_is_only_in_what_the_proxy_is_told() -> None:
    proxy = parse_proxy("http://us3r:s3c%20ret@p.example:1")
    assert "http://us3r:s3c%20ret@p.example:1" == proxy.url
    for text in (str(proxy), repr(proxy)):
        assert "us3r" not in text
        assert "s3c" not in text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://b:1", "HTTPS_PROXY": "http://a:1"}, "http://b:1"),
        ({"ALL_PROXY": "socks5://c:1"}, "socks5://c:1"),
        ({"ALL_PROXY": "socks5://c:1", "HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"HTTP_PROXY": "http://d:1"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "example"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": ".collector.example:8443"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "collector.example:443"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "tor.example, *"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "xcollector.example,ample"}, "http://a:1"),
    ],
)
def test_the_environment_is_read_as_others_read_it(environment: dict[str, str], expected: str | None) -> None:
    found = choose_proxy(COLLECTOR, configured=None, environment=environment)
    assert expected == (None if found is None else str(found))


def test_the_configuration_goes_before_the_environment_and_none_is_none() -> None:
    environment = {"HTTPS_PROXY": "http://a:1"}
    assert "socks5://s:1" == str(choose_proxy(COLLECTOR, configured="socks5://s:1", environment=environment))
    assert choose_proxy(COLLECTOR, configured="none", environment=environment) is None


def test_networks_are_exempt_by_their_addresses_and_loopback_always() -> None:
    environment = {"ALL_PROXY": "http://a:1", "NO_PROXY": "192.0.2.0/24,2001:db8::/32"}
    for url in ("https://192.0.2.7", "https://[2001:db8::7]", "https://127.0.0.1", "https://localhost"):
        assert choose_proxy(parse_endpoint(url, lab=False), configured="http://b:1", environment=environment) is None
    assert choose_proxy(parse_endpoint("https://198.51.100.1", lab=False), configured=None, environment=environment)
