"""Which URLs an agent joins, and what it says of the others."""

import pytest

from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://collector.example", Endpoint(host="collector.example", port=443, tls=True)),
        ("https://collector.example:8443/", Endpoint(host="collector.example", port=8443, tls=True)),
        ("http://127.0.0.1", Endpoint(host="127.0.0.1", port=50051, tls=False)),
        ("http://localhost:1234", Endpoint(host="localhost", port=1234, tls=False)),
        ("HTTP://[::1]:1234", Endpoint(host="::1", port=1234, tls=False)),
    ],
)
def test_scheme_and_port_have_defaults(url: str, expected: Endpoint) -> None:
    assert expected == parse_endpoint(url, lab=False)


@pytest.mark.parametrize("url", ["http://collector.example", "http://192.0.2.1:50051", "http://127.0.0.1.example"])
def test_plain_http_is_for_loopback_or_the_lab_only(url: str) -> None:
    with pytest.raises(InvalidEndpointError, match="not encrypted"):
        parse_endpoint(url, lab=False)
    assert not parse_endpoint(url, lab=True).tls


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("collector.example", "no scheme; write https://collector.example"),
        ("ftp://collector.example", "neither https nor http"),
        ("https://", "no URL"),
        ("https://collector.example:0", "no URL"),
        ("https://collector.example:99999", "no URL"),
        ("https://[::1", "no URL"),
        ("https://user@collector.example", "no URL"),
        ("https://collector.example/path", "only scheme, host and port"),
        ("https://collector.example?x=1", "only scheme, host and port"),
        ("https://coll ector.example", "no URL"),
        ("", "no scheme"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(url: str, message: str) -> None:
    with pytest.raises(InvalidEndpointError, match=message) as raised:
        parse_endpoint(url, lab=False)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://collector.example:443", "http://[::1]:1234", "http://127.0.0.1:50051"])
def test_an_endpoint_prints_as_the_url_that_gives_it(url: str) -> None:
    assert url == str(parse_endpoint(url, lab=False))
