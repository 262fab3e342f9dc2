import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.urls import (
    DnsName,
    InvalidTarget,
    QuicUrl,
    Target,
    TcpEndpoint,
    WebUrl,
    follow,
    is_elsewhere,
    parse_check,
    parse_target,
    parse_url,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x.com/", WebUrl(scheme="https", host="x.com", port=443, path="/")),
        ("HTTP://X.com", WebUrl(scheme="http", host="x.com", port=80, path="/")),
        ("https://x.com:8443/a?b=c#d", WebUrl(scheme="https", host="x.com", port=8443, path="/a?b=c")),
        ("https://[2606:4700::1111]/", WebUrl(scheme="https", host="2606:4700::1111", port=443, path="/")),
        ("https://bücher.example./ü", WebUrl(scheme="https", host="xn--bcher-kva.example", port=443, path="/%C3%BC")),
        ("http://1.1.1.1?x=y z", WebUrl(scheme="http", host="1.1.1.1", port=80, path="/?x=y%20z")),
    ],
)
def test_a_web_url_is_parsed(text: str, expected: WebUrl) -> None:
    assert expected == parse_url(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x.com", "no scheme"),
        ("x.com:443", "no scheme"),
        ("", "no scheme"),
        ("ftp://x.com/", "ftp"),
        ("https:///path", "no host"),
        ("https://x.com:0/", "port 0"),
        ("https://x.com:99999/", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://a..b/", "not a host name"),
        ("https://127.1/", "not a host name"),
        ("https://2130706433/", "not a host name"),
        ("https://0x7f.1/", "not a host name"),
        (f"https://{'a' * 64}.example/", "not a host name"),
        (f"https://x.com/{'a' * 3000}", "longer than"),
        ("https://x.com evil/", "not a host name"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(text: str, names: str) -> None:
    with pytest.raises(InvalidTarget, match=names) as caught:
        parse_url(text)
    assert "\n" not in str(caught.value)


def test_a_url_without_scheme_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidTarget, match=r"https://x\.com/home"):
        parse_url("x.com/home")


@given(st.text(max_size=60) | st.text(max_size=30).map("https://".__add__))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except InvalidTarget:
        return
    assert url.path.startswith("/")
    assert f"{url.host}{url.path}".isascii()
    assert url == parse_url(str(url))


@pytest.mark.parametrize(
    ("text", "authority"),
    [("https://x.com/", "x.com"), ("https://x.com:80/", "x.com:80"), ("http://[2606:4700::1]:8/", "[2606:4700::1]:8")],
)
def test_the_authority_names_the_port_where_it_is_unusual(text: str, authority: str) -> None:
    assert authority == parse_url(text).authority


def test_only_a_literal_host_is_an_address() -> None:
    assert "1.1.1.1" == parse_url("https://1.1.1.1/").address
    assert None is parse_url("https://one.one.one.one/").address


def test_the_visitors_address_is_left_out_of_what_is_recorded() -> None:
    url = parse_url("http://203.82.48.83/blocked/39.45.1.2?ip=39.45.1.2&u=x.com")
    assert "http://203.82.48.83/blocked/[address]?ip=[address]&u=x.com" == url.public


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/login", "https://x.com:8443/login"),
        ("//other.example/a", "https://other.example/a"),
        ("http://10.10.34.34/", "http://10.10.34.34/"),
        ("?again", "https://x.com:8443/home?again"),
        ("https:\\\\other.example\\a?b\\c", "https://other.example/a?b%5Cc"),
        ("\\login", "https://x.com:8443/login"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        (f"/login?{'a' * 7000}", f"https://x.com:8443/login?{'a' * 7000}"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_given(location: str, expected: str) -> None:
    assert expected == str(follow(parse_url("https://x.com:8443/home"), location))


@pytest.mark.parametrize(
    "location",
    [
        "intent://x",
        "javascript:alert(1)",
        "https://:80/",
        "http://[",
        "https://a b/",
        f"/{'a' * 8000}",
        f"/{'ü' * 4000}",
    ],
)
def test_a_redirect_to_nowhere_is_refused(location: str) -> None:
    with pytest.raises(InvalidTarget):
        follow(parse_url("https://x.com/"), location)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x.com/a?b", WebUrl(scheme="https", host="x.com", port=443, path="/a?b")),
        ("quic://X.com", QuicUrl(host="x.com", port=443)),
        ("quic://x.com/", QuicUrl(host="x.com", port=443)),
        ("QUIC://[2606:4700::1111]:8443/", QuicUrl(host="2606:4700::1111", port=8443)),
        ("tcp://g.whatsapp.net:5222", TcpEndpoint(host="g.whatsapp.net", port=5222)),
        ("tls://dns.example:853", WebUrl(scheme="tls", host="dns.example", port=853, path="/")),
        ("tls://api.example", WebUrl(scheme="tls", host="api.example", port=443, path="/")),
        ("tcp://149.154.167.50:443", TcpEndpoint(host="149.154.167.50", port=443)),
        ("dns:bücher.example.", DnsName(host="xn--bcher-kva.example")),
        ("DNS:X.com", DnsName(host="x.com")),
    ],
)
def test_a_target_of_each_scheme_is_parsed(text: str, expected: Target) -> None:
    assert expected == parse_target(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "no scheme"),
        ("x.com", "mean https://x.com"),
        ("quic:x.com", "mean quic://x.com"),
        ("ftp://x.com/", "https, http, quic, tls, tcp, dns, openvpn, .* can be"),
        ("tcp://x.com", "port is missing"),
        ("tcp://x.com:", "port is missing"),
        ("tcp://x.com:0", "port 0"),
        ("tcp://x.com:70000", "not a URL"),
        ("tcp://:5222", "no host"),
        ("tcp://x.com:5222/login", "only host and port"),
        ("quic://x.com/page", "only host and port"),
        ("quic://x.com/?q", "only host and port"),
        ("quic://", "no host"),
        ("dns:", "not a host name"),
        ("dns://x.com", "no slashes"),
        ("dns:1.1.1.1", "no name"),
        ("dns:2606:4700::1", "no name"),
        ("dns:127.1", "not a host name"),
        ("dns:x.com/a", "not a host name"),
        ("https://volunteer:secret@x.com/", "user name"),
        ("https://x.com@10.0.0.1/", "user name"),
        ("tcp://me@x.com:1", "user name"),
        ("https://x.com/\n", "control character"),
        ("https://x\t.com/", "control character"),
        ("https://x.com/\x1b[31m", "control character"),
        ("https://x.com/\u2028", "control character"),
        (" https://x.com/", "space"),
        ("https://x.com/a b", "space"),
        ("https://[::1]evil/", "brackets"),
        ("https://evil[::1]/", "brackets"),
        (f"dns:{'a' * 3000}", "longer than"),
    ],
)
def test_a_target_that_cannot_be_measured_is_refused_in_one_line(text: str, names: str) -> None:
    with pytest.raises(InvalidTarget, match=names) as caught:
        parse_target(text)
    assert str(caught.value).isprintable()


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(InvalidTarget) as caught:
        parse_target("https://volunteer:secret@x.com/")
    assert "secret" not in str(caught.value)


@given(
    st.text(max_size=60)
    | st.tuples(st.sampled_from(["https://", "quic://", "tcp://", "dns:"]), st.text(max_size=30)).map("".join)
)
def test_any_text_is_a_target_or_refused_in_one_line(text: str) -> None:
    problem, host = "", ""
    try:
        host = parse_target(text).host
    except InvalidTarget as wrong:
        problem = str(wrong)
    assert problem.isprintable()
    assert host.isascii()
    assert bool(problem) is not bool(host)


@pytest.mark.parametrize("location", ["https://me:secret@x.com/", "/a b"])
def test_a_redirect_is_taken_as_browsers_take_it(location: str) -> None:
    assert "x.com" == follow(parse_url("https://x.com/"), location).host


def test_only_plain_http_may_be_asked_without_tls() -> None:
    assert "http://check.example/204" == str(parse_check("http://check.example/204"))
    for text in ("", "https://check.example/", "quic://check.example/", "dns:check.example", "http://", "x"):
        assert parse_check(text) is None


@pytest.mark.parametrize(
    ("host", "other", "elsewhere"),
    [
        ("x.com", "x.com", False),
        ("x.com", "www.x.com", False),
        ("www.x.com", "x.com", False),
        ("x.com", "portal.example", True),
        ("x.com", "notx.com", True),
        ("x.com", "10.0.0.1", True),
    ],
)
def test_a_subdomain_is_no_other_site(host: str, other: str, elsewhere: bool) -> None:
    assert elsewhere == is_elsewhere(host, other)
