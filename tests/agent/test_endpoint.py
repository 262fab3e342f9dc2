"""Which URLs an agent joins, and what it says of the others."""

import pytest

from rabta_agent.endpoint import Endpoint, InvalidEndpointError, Way, parse_endpoint, ways


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://collector.example", Endpoint(host="collector.example", port=443, tls=True)),
        ("https://collector.example:8443/", Endpoint(host="collector.example", port=8443, tls=True)),
        ("https+post://c.example", Endpoint(host="c.example", port=443, tls=True, way=Way.POST)),
        ("http+post://127.0.0.1", Endpoint(host="127.0.0.1", port=8080, tls=False, way=Way.POST)),
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
        ("ftp://collector.example", "the scheme is none of https, https"),
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


def test_grpc_goes_before_post_and_post_is_tried_where_grpc_is() -> None:
    given = [parse_endpoint(url, lab=True) for url in ("https+post://web", "https://a", "http://b", "https://c:1")]
    assert [
        "https://a:443",
        "http://b:50051",
        "https://c:1",
        "https+post://web:443",
        "https+post://a:443",
        "https+post://c:1",
    ] == list(map(str, ways(given)))


def test_an_endpoint_as_text_is_the_same_endpoint() -> None:
    for url in ("https://a:1", "https+post://a:443", "http+post://[::1]:8080"):
        assert url == str(parse_endpoint(url, lab=True))
