"""Observations in OONI's lists."""

from dataclasses import replace
from typing import Any

import pytest

from rabta_collector.ooni.testkeys import ISOLATION_TAG, endpoint, write_observations
from rabta_proto.model import DnsAnswer, DnsQuery, DnsReply, QuicHandshake
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind
from support.factories import BOGON, FORGED, NEAR, RESET, SITE, URL, Story, dns_lie, story, tls_trouble, works


def keys(told: Story) -> dict[str, Any]:
    return write_observations(told.measurement())


def test_steps_of_a_connection_are_one_transaction_and_a_query_another() -> None:
    found = keys(works())
    assert [1, 2] == [query["transaction_id"] for query in found["queries"]]
    steps = (*found["tcp_connect"], *found["tls_handshakes"], *found["requests"])
    assert [3, 3, 3] == [entry["transaction_id"] for entry in steps]


def test_every_pass_connects_anew() -> None:
    found = keys(tls_trouble(RESET, isolated=None))
    numbers = [entry["transaction_id"] for entry in found["tcp_connect"]]
    assert numbers == [entry["transaction_id"] for entry in found["tls_handshakes"]]
    assert 3 == len(set(numbers))


def test_an_isolated_handshake_bears_its_name_and_a_tag() -> None:
    found = keys(tls_trouble(RESET, passes=1))
    assert [(SITE, False), ("example.com", True)] == [
        (entry["server_name"], ISOLATION_TAG in entry["tags"]) for entry in found["tls_handshakes"]
    ]


def test_times_are_seconds_from_the_start() -> None:
    told = story().names(NEAR)
    (query,) = keys(told)["queries"]
    assert (0.001, pytest.approx(0.013)) == (query["t0"], query["t"])


def test_requests_are_newest_first_and_say_their_hop() -> None:
    told = story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, status=302, location="https://y.com/")
    told.follows("y.com").names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)
    found = keys(told)["requests"]
    assert ["https://y.com/", URL] == [entry["request"]["url"] for entry in found]
    assert ["depth=1", "depth=0"] == [entry["tags"][1] for entry in found]


def test_an_address_that_was_not_dialled_is_a_bogon_of_its_query() -> None:
    found = keys(dns_lie(BOGON, elsewhere=False))
    assert [] == found["tcp_connect"]
    assert ["dns_bogon_error", None] == [query["failure"] for query in found["queries"]]
    assert BOGON == found["queries"][0]["answers"][0]["ipv4"]


def test_a_query_that_failed_keeps_its_failure() -> None:
    told = story().says("dns_server_failure").names(NEAR, by=ResolverKind.UNKNOWN)
    found = keys(told)["queries"]
    assert [("system", "dns_servfail_error"), ("unknown", None)] == [(q["engine"], q["failure"]) for q in found]


@pytest.mark.parametrize(
    ("kind", "transport", "resolver", "expected"),
    [
        (ResolverKind.SYSTEM, DnsTransport.UDP, "", ("system", "")),
        (ResolverKind.SYSTEM, DnsTransport.TCP, "8.8.8.8", ("system", "8.8.8.8")),
        (ResolverKind.UDP, DnsTransport.UDP, "8.8.8.8", ("udp", "8.8.8.8:53")),
        (ResolverKind.UDP, DnsTransport.TCP, "8.8.8.8:5353", ("tcp", "8.8.8.8:5353")),
        (ResolverKind.UDP, DnsTransport.UDP, "2001:4860::8888", ("udp", "[2001:4860::8888]:53")),
        (ResolverKind.DOH, DnsTransport.HTTPS, "https://1.1.1.1/dns-query", ("doh", "https://1.1.1.1/dns-query")),
    ],
)
def test_an_engine_is_who_was_asked_and_how(
    kind: ResolverKind, transport: DnsTransport, resolver: str, expected: tuple[str, str]
) -> None:
    query = DnsQuery(resolver_kind=kind, hostname=SITE, query_type="A", resolver=resolver, transport=transport)
    (found,) = keys(story().sees(query))["queries"]
    assert expected == (found["engine"], found["resolver_address"])


def test_a_later_reply_is_a_duplicate_response() -> None:
    reply = DnsReply(offset_us=9000, rcode=0, answers=(DnsAnswer(type="A", value=NEAR, ttl_s=5),))
    query = DnsQuery(
        resolver_kind=ResolverKind.UDP,
        hostname=SITE,
        query_type="A",
        resolver="8.8.8.8",
        rcode=0,
        answers=(
            DnsAnswer(type="A", value=FORGED),
            DnsAnswer(type="CNAME", value="y.com"),
            DnsAnswer(type="TXT", value=""),
        ),
        later_replies=(reply,),
    )
    found = keys(story().sees(query))
    (late,) = found["x_dns_duplicate_responses"]
    assert ([{"answer_type": "A", "ipv4": NEAR, "ttl": 5}], pytest.approx(0.01)) == (late["answers"], late["t"])
    assert ["A", "CNAME"] == [answer["answer_type"] for answer in found["queries"][0]["answers"]]


def test_headers_have_their_names_and_the_values_that_were_kept() -> None:
    told = story("http://x.com/").names(NEAR).connects(NEAR)
    told.answers(NEAR, header_names=("date", "server"), server="nginx", declared_bytes=10, location="")
    response = keys(told)["requests"][0]["response"]
    assert {"date": "", "server": "nginx", "content-length": "10"} == response["headers"]
    assert sorted(response["headers"].items()) == sorted(map(tuple, response["headers_list"]))


def test_a_server_that_began_to_answer_shows_as_its_first_byte() -> None:
    (event,) = keys(tls_trouble(RESET, isolated=None, answered=True, passes=1))["network_events"]
    assert ("read", 1, f"{NEAR}:443") == (event["operation"], event["num_bytes"], event["address"])
    assert [] == keys(tls_trouble(RESET, isolated=None, passes=1))["network_events"]


def test_a_failure_of_our_own_is_told_in_ooni_s_words() -> None:
    detail = QuicHandshake(address=NEAR, port=443, server_name=SITE, source=AddressSource.SYSTEM)
    told = story("quic://x.com/").sees(detail, Failure.QUIC_FAILED_HANDSHAKE).sees(replace(detail, isolation=True))
    found = keys(told)["quic_handshakes"]
    assert ["ssl_failed_handshake", None] == [entry["failure"] for entry in found]
    assert ["", "TLSv1.3"] == [entry["tls_version"] for entry in found]


def test_an_endpoint_has_brackets_where_it_needs_them() -> None:
    assert ("1.2.3.4:80", "[::1]:443") == (endpoint("1.2.3.4", 80), endpoint("::1", 443))
