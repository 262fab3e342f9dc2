"""What stands in for what OONI's data do not hold; and laws that hold of any JSON."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.history.keeper import place
from rabta_collector.history.places import make_places
from rabta_collector.isps import default_isps
from rabta_collector.ooni.convert import convert
from rabta_collector.ooni.intake import Ticket, admit, take_in
from rabta_collector.ooni.judge import judge
from rabta_collector.ooni.own import Own, write_own
from rabta_collector.ooni.prints import Prints
from rabta_collector.targets import default_catalogue
from rabta_proto.model import DnsQuery, HttpRoundTrip, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure, NetworkKind, Step
from support.factories import tls_trouble
from support.ooni_builder import (
    EOF,
    FAR,
    FORGED,
    NEAR,
    NXDOMAIN,
    PLAIN,
    RESET,
    SILENCE,
    URL,
    Keys,
    built,
    connect,
    control,
    fetch,
    handshake,
    measurement,
    query,
    sent_on,
)


def tries(document: Keys, step: Step) -> list[tuple[int, str | None]]:
    seen = convert(document).measurement.observations
    return [(o.attempt, o.failure) for o in seen if o.step is step and o.failure]


def test_a_measurement_keeps_its_time_and_network() -> None:
    told = convert(built()).measurement
    assert ("2024-02-18T15:01:01+00:00", NetworkKind.WIFI, None) == (
        told.started_at.isoformat(),
        told.network.kind,
        told.network.vpn,
    )


def test_the_helper_speaks_of_the_same_moment() -> None:
    case = convert(built())
    assert {case.measurement.started_at} == {told.started_at for told in case.controls}


def test_until_0_4_the_page_is_another_try() -> None:
    assert [(1, SILENCE), (2, SILENCE)] == tries(
        built(tcp={NEAR: SILENCE}, requests=[fetch(failure=SILENCE)]), Step.TCP
    )


def test_since_0_5_a_request_only_repeats_what_is_told() -> None:
    document = built(version="0.5.1", tls={NEAR: RESET}, requests=[fetch(failure=RESET)])
    assert [(1, RESET)] == tries(document, Step.TLS)


def test_each_failed_endpoint_is_a_try() -> None:
    document = built(queries=[query(NEAR, FAR)], tls={NEAR: EOF, FAR: EOF}, tcp={NEAR: None, FAR: None}, requests=[])
    assert [(1, EOF), (2, EOF)] == tries(document, Step.TLS)


def test_a_long_silence_on_a_connection_counts_twice() -> None:
    document = built(version="0.5.1", tcp={NEAR: SILENCE}, requests=[])
    assert [(1, SILENCE), (2, SILENCE)] == tries(document, Step.TCP)
    assert ("A silence that long is one try of the probe's and counts as two: its kernel sent again",) == convert(
        document
    ).notes


@pytest.mark.parametrize(
    "document",
    [
        built(version="0.5.1", tcp={NEAR: SILENCE}, requests=[], helper=None),
        measurement(
            {"queries": [query(NEAR)], "tcp_connect": [connect(NEAR, SILENCE, lasting=2)], "control": control()}
        ),
        built(version="0.5.1", queries=[query(failure=SILENCE, engine="getaddrinfo", kind="ANY")], tcp={}, requests=[]),
    ],
    ids=["no helper", "short", "a resolver's"],
)
def test_another_silence_counts_once(document: Keys) -> None:
    assert {1} == {attempt for step in (Step.TCP, Step.DNS) for attempt, _ in tries(document, step)}


def test_a_lookup_of_any_type_is_told_by_its_answers() -> None:
    document = built(version="0.5.1", queries=[query(NEAR, "2606:4700::1", engine="getaddrinfo", kind="ANY")])
    seen = [o.detail for o in convert(document).measurement.observations if isinstance(o.detail, DnsQuery)]
    assert [("A", (NEAR,)), ("AAAA", ("2606:4700::1",))] == [(told.query_type, told.addresses) for told in seen]


def test_who_named_an_address_is_told() -> None:
    document = built(
        version="0.5.1",
        queries=[query(NEAR, engine="getaddrinfo", kind="ANY"), query("1.0.0.1", engine="udp")],
        tcp={NEAR: None, "1.0.0.1": None, FAR: None},
    )
    seen = [o.detail for o in convert(document).measurement.observations if isinstance(o.detail, TcpConnect)]
    sources = {told.address: told.source for told in seen}
    assert [AddressSource.SYSTEM, AddressSource.UDP, AddressSource.UNKNOWN] == [
        sources[address] for address in (NEAR, "1.0.0.1", FAR)
    ]


def test_a_bogon_is_told_as_not_dialled() -> None:
    document = built(queries=[query("10.0.0.1")], tcp={"10.0.0.1": RESET}, requests=[])
    seen = convert(document).measurement.observations
    assert [Failure.SPECIAL_ADDRESS] == [
        o.failure for o in seen if isinstance(o.detail, TcpConnect) and o.detail.address == "10.0.0.1"
    ]


def test_handshakes_that_only_check_an_address_are_left_out_of_plain_http() -> None:
    document = built(url=PLAIN, version="0.5.1", tls_handshakes=[handshake(NEAR, RESET)])
    assert not [o for o in convert(document).measurement.observations if isinstance(o.detail, TlsHandshake)]


def test_redirects_are_hops_from_the_oldest_request_on() -> None:
    document = built(url=PLAIN, requests=[fetch(URL), sent_on(PLAIN, URL)])
    seen = [o for o in convert(document).measurement.observations if isinstance(o.detail, HttpRoundTrip)]
    assert [(0, PLAIN, 302), (1, URL, 200)] == [
        (o.hop, o.detail.url, o.detail.status) for o in seen if isinstance(o.detail, HttpRoundTrip)
    ]


def test_requests_in_the_wrong_order_are_told_by_the_input() -> None:
    document = built(url=PLAIN, requests=[sent_on(PLAIN, URL), fetch(URL)])
    assert [0, 1] == [o.hop for o in convert(document).measurement.observations if isinstance(o.detail, HttpRoundTrip)]


def test_requests_by_tor_are_left_out() -> None:
    by_tor = fetch(URL, body="another")
    by_tor["request"]["tor"]["is_tor"] = True
    document = built(requests=[fetch(URL), by_tor])
    assert 1 == len([o for o in convert(document).measurement.observations if isinstance(o.detail, HttpRoundTrip)])


def test_the_depth_that_an_entry_names_is_its_hop() -> None:
    greeted = [
        handshake(NEAR) | {"tags": ["depth=0"]},
        handshake(NEAR, RESET) | {"tags": ["depth=1", "fetch_body=true"]},
    ]
    document = built(
        version="0.5.1",
        requests=[sent_on(URL, "https://x.com/home")],
        tls_handshakes=greeted,
        tcp_connect=[connect(NEAR) | {"tags": ["depth=0"]}, connect(NEAR) | {"tags": ["depth=1"]}],
    )
    seen = [o for o in convert(document).measurement.observations if isinstance(o.detail, TlsHandshake)]
    assert [(0, None)] == [(o.hop, o.failure) for o in seen]


def test_a_later_reply_is_kept_with_its_lookup() -> None:
    late = query(FORGED, engine="udp")
    document = built(version="0.5.1", queries=[query(NEAR), query(FAR, engine="udp")], x_dns_duplicate_responses=[late])
    seen = [o.detail for o in convert(document).measurement.observations if isinstance(o.detail, DnsQuery)]
    assert [(), (FORGED,)] == [tuple(a.value for reply in told.later_replies for a in reply.answers) for told in seen]


def test_a_helper_that_went_elsewhere_has_two_voices() -> None:
    assert 2 == len(convert(built()).controls)


def test_a_helper_at_the_same_addresses_has_one_voice() -> None:
    assert 1 == len(convert(built(helper=control(NEAR))).controls)


def test_names_meet_in_whichever_alphabet_they_are_written() -> None:
    """The input, a lookup and a handshake of one name."""
    unicode, ascii_ = "münchen.example", "xn--mnchen-3ya.example"
    for host in (unicode, ascii_):
        document = built(
            url=URL,
            queries=[query(NEAR, host=host)],
            tls_handshakes=[handshake(NEAR, RESET, host=host)],
            requests=[],
            helper=control(host=ascii_),
        )
        document["input"] = f"https://{unicode}/"
        assert "tls.reset.control_valid" == judge(document)["rule"]


def test_a_handshake_marked_as_isolation_is_one() -> None:
    """As our own agents' are in an export."""
    innocuous = handshake(NEAR, host="example.com") | {"tags": ["depth=0", "sni_isolation"]}
    document = built(version="0.5.1", requests=[], tls_handshakes=[handshake(NEAR, RESET), innocuous])
    assert "tls.reset.sni.isolated" == judge(document)["rule"]
    unmarked = built(
        version="0.5.1", requests=[], tls_handshakes=[handshake(NEAR, RESET), handshake(NEAR, host="e.com")]
    )
    assert "tls.reset.control_valid" == judge(unmarked)["rule"]


def test_networks_are_told_to_the_judge_and_those_of_special_addresses_are_none() -> None:
    document = built(queries=[query(NEAR, "10.0.0.1")], helper=control(asns={FAR: 13414}))
    asn_of = convert(document).background.asn_of
    assert asn_of is not None
    assert (13414, 13414, None) == (asn_of(NEAR), asn_of(FAR), asn_of("10.0.0.1"))
    assert convert(built(queries=[query(NEAR, asn=None)], helper=None)).background.asn_of is None


def test_our_own_measurements_are_read_as_they_were() -> None:
    document = built()
    document["test_keys"]["x_rabta"] = write_own(Own(measurement=tls_trouble(RESET).measurement()))
    assert "tls.reset.sni.isolated" == judge(document)["rule"]
    document["test_keys"]["x_rabta"] = {"measurement": {"target": 7}}
    assert "ok.https" == judge(document)["rule"]


WORDS = [
    "connection_reset",
    NXDOMAIN,
    "A",
    "ANY",
    "getaddrinfo",
    "udp",
    "x.com",
    URL,
    PLAIN,
    NEAR,
    f"{NEAR}:443",
    "[::1]:80",
    "127.0.0.1",
    "depth=1",
    "http://[",
    "https://x.com:99999/",
    "\ud800",
    "²",
]
PARTS: list[Keys] = [built()["test_keys"], control(), fetch(), connect(NEAR), handshake(NEAR), query(NEAR)]
KEYS = sorted({key for part in PARTS for key in part})
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
    | st.just({"format": "base64", "data": "AAE"})
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, *WORDS]), inner, max_size=5),
    max_leaves=12,
)


def holds(document: Any) -> None:
    """The form of a finding, that it is always the same, and that the history comes to it as well."""
    found = judge(document)
    ticket = admit(document, PLACES, 2e9)
    if isinstance(ticket, Ticket):
        published, placed = take_in(document, ticket, Prints())
        assert (found["state"], found["rule"]) == (placed.found.judgement, placed.found.rule)
        assert placed == place(published, PLACES)
    assert found["state"] in ("ok", "blocked", "throttled", "down", "inconclusive")
    assert (found["mechanism"] is not None) == (found["state"] == "blocked")
    assert found == judge(copy.deepcopy(document))


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8), ANYTHING)
def test_any_test_keys_are_judged(keys: Keys, target: Any) -> None:
    holds(measurement(keys) | {"input": target})


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(measurement({}))), ANYTHING))
def test_any_object_is_judged(document: Keys) -> None:
    holds(document)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


PLACES = make_places(default_catalogue(), default_isps())
WHOLE = built(
    url=PLAIN,
    version="0.5.1",
    requests=[fetch(URL, address=f"{NEAR}:443", transaction_id=3), sent_on(PLAIN, URL)],
    queries=[query(NEAR, engine="getaddrinfo", kind="ANY"), query(FAR, engine="udp", tags=["depth=0"])],
    tls_handshakes=[handshake(NEAR, RESET, number=3)],
    network_events=[{"operation": "read", "address": f"{NEAR}:443", "num_bytes": 5, "transaction_id": 3}],
    x_dns_duplicate_responses=[query(FAR, engine="udp")],
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(WHOLE)[1:]), ANYTHING)
def test_a_value_of_any_other_type_anywhere_is_judged(way: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(WHOLE)
    inner: Any = document
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    holds(document)


@pytest.mark.parametrize("way", places(WHOLE)[1:], ids=lambda way: ".".join(map(str, way)))
def test_a_working_site_is_never_blocked_for_want_of_a_value(way: tuple[Any, ...]) -> None:
    document = copy.deepcopy(built(url=PLAIN, requests=[fetch(URL), sent_on(PLAIN, URL)]))
    inner: Any = document
    for key in way[:-1]:
        inner = inner[key] if isinstance(inner, dict) and key in inner else {}
    if isinstance(inner, dict):
        inner[way[-1]] = None
    assert "blocked" != judge(document)["state"]
