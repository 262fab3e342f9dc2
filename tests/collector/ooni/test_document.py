"""What is written as OONI's is OONI's in form, and says what the finding says; read again it gives the same finding."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.catalogue import Isp
from rabta_collector.isps import default_isps
from rabta_collector.ooni.document import Exhibit, getter_input, has_form, write_document
from rabta_collector.ooni.judge import judge, why_not
from rabta_collector.ooni.own import KEY
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import classify
from rabta_proto.model import HttpRoundTrip, Measurement, NetworkContext, QuicHandshake
from rabta_proto.vocabulary import AddressSource, Failure, IspKind, NetworkKind, ResolverKind
from support.factories import (
    BOGON,
    FAR,
    FORGED,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    SITE,
    URL,
    Story,
    bad_certificate,
    cut_short_and_unanswered,
    dead,
    dns_lie,
    dns_trouble,
    gone,
    http_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_again,
    works_light,
)
from support.ooni_schema import complaints
from support.strategies import measurements

PTCL = next(isp for isp in default_isps() if isp.id == "ptcl")
DNS_FAILURES = ("dns_nxdomain_error", "dns_refused_error", "dns_server_failure", "dns_no_answer", str(SILENCE))
CUTS = (str(RESET), str(SILENCE), "eof_error")


def page(**facts: Any) -> Story:
    return story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, **facts)


def redirect(location: str) -> Story:
    return page(status=302, location=location, body_bytes=0, title="")


STORIES: dict[str, Story] = {
    "works over https": works(),
    "works over http": works(PLAIN),
    "works, light": works_light(),
    "works at the second try": works_again(),
    "works, alert before": works_again(Failure.SSL_FAILED_HANDSHAKE),
    **{f"{failure} for the name": tls_trouble(failure) for failure in CUTS},
    **{f"{failure}, isolation not tried": tls_trouble(failure, isolated=None) for failure in CUTS},
    **{f"{failure} for any name": tls_trouble(failure, isolated=False) for failure in CUTS},
    "alert for the name": tls_trouble(Failure.SSL_FAILED_HANDSHAKE, answered=True),
    "slow after the first byte": tls_trouble(SILENCE, answered=True),
    "a foreign certificate": bad_certificate(),
    "a foreign certificate at a forged address": bad_certificate(FORGED),
    **{f"tcp {failure}": tcp_trouble(failure) for failure in (*CUTS[:2], "connection_refused", "host_unreachable")},
    **{f"{failure}, DoH's address works": dns_trouble(failure) for failure in DNS_FAILURES},
    **{f"{failure}, and no more": dns_trouble(failure, elsewhere=False) for failure in DNS_FAILURES},
    "a bogon": dns_lie(BOGON),
    "a bogon, and DoH's address is not tried": dns_lie(BOGON, elsewhere=False),
    "nxdomain, cut short": cut_short_and_unanswered("dns_nxdomain_error"),
    **{f"http {failure}": http_trouble(failure) for failure in CUTS},
    **{f"https, then {failure}": http_trouble(failure, target=URL) for failure in CUTS},
    "a known block page": page(title="Surf Safely", body_bytes=900, header_names=("date",)),
    "a block page by its mark": page(title="", marks=("pk.prohibited",), body_bytes=700, header_names=("date",)),
    "another page": page(title="Something else", body_bytes=90, header_names=("date",)),
    "sent on to a block page": redirect("http://restrict.wateen.net/"),
    "sent on elsewhere": redirect("http://other.example/")
    .follows("other.example")
    .names(FAR)
    .connects(FAR)
    .answers(FAR, title="Other"),
    "451": page(status=451, title="No"),
    "a challenge": page(status=403, server="cloudflare", title="Just a moment..."),
    "403 over https": story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, status=403),
    "offline": offline(),
    "the name is gone": gone(),
    "nobody is there": dead(),
}
CONTROLS: dict[str, Sequence[Story]] = {
    "two controls reach it": (works(), works()),
    "nobody controls it": (),
    "it is dead for a control": (dead(),),
    "controls contradict each other": (works(), dead()),
}


def exhibit(measurement: Measurement, controls: Sequence[Measurement] = (), isp: Isp | None = PTCL) -> Exhibit:
    finding = classify(measurement, controls)
    return Exhibit(measurement=measurement, controls=controls, references=(), finding=finding, isp=isp)


def looks(told: Story, name: str) -> tuple[Measurement, ...]:
    """Controls that began a little later, of the same target."""
    reach_it = works(PLAIN) if told.target == PLAIN else works()
    stories = [reach_it if one.observations[-1].failure is None else one for one in CONTROLS[name]]
    return tuple(one.measurement(at=NOON + 0.3 + number) for number, one in enumerate(stories))


def written(one: Exhibit) -> dict[str, Any]:
    """As a reader of the file gets it."""
    return json.loads(json.dumps(write_document(one), allow_nan=False))  # type: ignore[no-any-return]


def said(document: dict[str, Any]) -> tuple[object, ...]:
    found = judge(document)
    return found["state"], found["mechanism"], found["rule"], found["server_side"]


@pytest.mark.parametrize("controls", CONTROLS)
@pytest.mark.parametrize("name", STORIES)
def test_what_is_written_is_read_as_the_same_finding(name: str, controls: str) -> None:
    told = STORIES[name]
    one = exhibit(told.measurement(at=NOON + 0.2), looks(told, controls))
    finding = one.finding
    expected = (finding.judgement, finding.mechanism, finding.rule, finding.server_side)
    assert expected == said(written(one))


@pytest.mark.parametrize("controls", CONTROLS)
@pytest.mark.parametrize("name", STORIES)
def test_ooni_s_own_fields_never_say_more_than_the_finding(name: str, controls: str) -> None:
    """Without `x_rabta` pages cannot be told and repeats are guessed; nothing becomes a block, or another state."""
    told = STORIES[name]
    one = exhibit(told.measurement(at=NOON + 0.2), looks(told, controls))
    document = written(one)
    del document["test_keys"][KEY]
    state, mechanism, *_ = said(document)
    assert state in (one.finding.judgement, "inconclusive")
    assert state != "blocked" or one.finding.mechanism == mechanism


PAGES = {"a known block page", "a block page by its mark", "another page", "451", "a challenge", "works over http"}
BY_PAGES = {*PAGES, "sent on elsewhere"}


@pytest.mark.parametrize("name", [name for name in STORIES if name not in BY_PAGES])
def test_ooni_s_own_fields_alone_give_the_state_and_the_mechanism_where_no_page_decides(name: str) -> None:
    told = STORIES[name]
    one = exhibit(told.measurement(at=NOON + 0.2), looks(told, "two controls reach it"))
    document = written(one)
    del document["test_keys"][KEY]
    assert (one.finding.judgement, one.finding.mechanism) == said(document)[:2]


@pytest.mark.parametrize("controls", CONTROLS)
@pytest.mark.parametrize("name", STORIES)
def test_fields_and_types_are_ooni_s(name: str, controls: str) -> None:
    told = STORIES[name]
    assert [] == complaints(written(exhibit(told.measurement(), looks(told, controls))))


@given(measurements(), st.lists(measurements(), max_size=2))
def test_any_measurement_with_a_form_can_be_written_in_it_and_read(one: Measurement, others: list[Measurement]) -> None:
    told = exhibit(one, others)
    document = written(told)
    assert [] == complaints(document)
    assert why_not(document) is None
    assert (told.finding.judgement, told.finding.mechanism) == said(document)[:2]


@pytest.mark.parametrize(
    ("name", "accessible", "blocking"),
    [
        ("works over https", True, False),
        ("403 over https", True, False),
        ("connection_reset for the name", False, "http-failure"),
        ("tcp connection_refused", False, "tcp_ip"),
        ("dns_nxdomain_error, and no more", False, "dns"),
        ("a bogon", False, "dns"),
        ("a foreign certificate", False, "http-failure"),
        ("http eof_error", False, "http-failure"),
        ("a known block page", False, "http-diff"),
        ("sent on to a block page", False, "http-diff"),
        ("offline", None, None),
        ("451", None, None),
    ],
)
def test_the_finding_in_ooni_s_words(name: str, accessible: bool | None, blocking: str | bool | None) -> None:
    told = STORIES[name]
    keys = written(exhibit(told.measurement(), looks(told, "two controls reach it")))["test_keys"]
    assert (accessible, blocking) == (keys["accessible"], keys["blocking"])


def test_a_site_that_is_down_for_all_is_neither_accessible_nor_blocked() -> None:
    keys = written(exhibit(dead().measurement(), looks(dead(), "it is dead for a control")))["test_keys"]
    assert (False, False) == (keys["accessible"], keys["blocking"])


def test_the_envelope_is_ooni_s_and_tells_of_no_agent() -> None:
    measurement = works().measurement(
        at=NOON + 0.9, sequence=987654, network=NetworkContext(kind=NetworkKind.MOBILE, isp="what-i-call-it")
    )
    document = written(exhibit(measurement))
    assert {
        "data_format_version": "0.2.0",
        "input": URL,
        "measurement_start_time": "2024-02-17 12:00:00",
        "test_start_time": "2024-02-17 12:00:00",
        "probe_asn": "AS17557",
        "probe_cc": "PK",
        "probe_ip": "127.0.0.1",
        "probe_network_name": "PTCL",
        "report_id": "",
        "resolver_asn": "AS0",
        "resolver_ip": "127.0.0.2",
        "resolver_network_name": "",
        "test_name": "web_connectivity",
        "test_version": "0.5.0",
    }.items() <= document.items()
    text = json.dumps(document)
    assert not any(secret in text for secret in ("987654", "what-i-call-it", "sequence", "epoch"))
    assert {
        "engine_name": "rabta",
        "network_type": "mobile",
        "rabta_platform": "x",
        "rabta_isp": "ptcl",
        "rabta_state": "ok",
        "rabta_rule": "ok.https",
    }.items() <= document["annotations"].items()


def test_an_unknown_isp_is_as_0() -> None:
    document = written(exhibit(works().measurement(), isp=None))
    assert ("AS0", "") == (document["probe_asn"], document["probe_network_name"])
    nameless = Isp(id="new", name="New", kind=IspKind.OTHER)
    assert "AS0" == written(exhibit(works().measurement(), isp=nameless))["probe_asn"]


def test_a_measurement_through_a_vpn_says_so_and_has_no_helper() -> None:
    measurement = tls_trouble(RESET).measurement(network=NetworkContext(vpn=True))
    document = written(exhibit(measurement, looks(works(), "two controls reach it")))
    assert "vpn" == document["annotations"]["network_type"]
    assert ({}, "unknown_failure: vantage.vpn") == (
        document["test_keys"]["control"],
        document["test_keys"]["control_failure"],
    )


def test_networks_of_addresses_are_told_where_they_are_known() -> None:
    one = exhibit(works().measurement(), looks(works(), "two controls reach it"))
    known = Background(asn_of={NEAR: 13414}.get)
    document = written(
        Exhibit(
            measurement=one.measurement,
            controls=one.controls,
            references=(),
            finding=one.finding,
            isp=PTCL,
            background=known,
        )
    )
    keys = document["test_keys"]
    assert {13414} == {answer["asn"] for query in keys["queries"] for answer in query["answers"]}
    assert {"asn": 13414, "flags": 10} == keys["control"]["ip_info"][NEAR]
    assert {NEAR: 13414} == keys[KEY]["background"]["asns"]


def test_a_connection_that_failed_here_alone_is_marked_blocked() -> None:
    failing = tcp_trouble("connection_refused")
    keys = written(exhibit(failing.measurement(), looks(failing, "two controls reach it")))["test_keys"]
    assert {True} == {entry["status"]["blocked"] for entry in keys["tcp_connect"]}
    alone = written(exhibit(failing.measurement()))["test_keys"]
    assert {False} == {entry["status"]["blocked"] for entry in alone["tcp_connect"]}


def quic(failure: str | None = None) -> Story:
    told = story("quic://x.com/").names(NEAR)
    for _ in range(2 if failure else 1):
        detail = QuicHandshake(
            address=NEAR,
            port=443,
            server_name=SITE,
            source=AddressSource.SYSTEM,
            verified=True,
            server_answered=not failure,
        )
        told.sees(detail, failure).again()
    return told


@pytest.mark.parametrize(
    ("told", "given", "operation"),
    [
        (quic(), "quichandshake://x.com:443", None),
        (quic("generic_timeout_error"), "quichandshake://x.com:443", "quic_handshake"),
        (story("tcp://x.com:5222").names(NEAR).connects(NEAR), "tcpconnect://x.com:5222", None),
        (story("tcp://x.com:5222").names(NEAR).fails_tcp(NEAR, RESET), "tcpconnect://x.com:5222", "connect"),
        (story("dns:x.com").names(NEAR), "dnslookup://x.com", None),
        (story("dns:x.com").says("dns_nxdomain_error"), "dnslookup://x.com", "resolve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_targets_are_urlgetter_s(told: Story, given: str, operation: str | None) -> None:
    one = exhibit(told.measurement())
    document = written(one)
    assert ("urlgetter", given) == (document["test_name"], document["input"])
    assert operation == document["test_keys"]["failed_operation"]
    assert [] == complaints(document)
    assert why_not(document) is None
    assert (one.finding.judgement, one.finding.mechanism, one.finding.rule) == said(document)[:3]


def test_a_quic_handshake_is_listed_as_one_over_udp() -> None:
    (entry,) = written(exhibit(quic().measurement()))["test_keys"]["quic_handshakes"]
    assert ("udp", f"{NEAR}:443", SITE, None) == (
        entry["network"],
        entry["address"],
        entry["server_name"],
        entry["failure"],
    )


def test_what_ooni_has_no_form_for_is_refused() -> None:
    assert not has_form("openvpn://x.com:1194")
    assert getter_input("tcp://x.com") is None
    assert getter_input("tcp://[::1") is None
    assert "tcpconnect://[2001:db8::1]:80" == getter_input("tcp://[2001:db8::1]:80")
    with pytest.raises(ValueError, match=r"OONI has no form for openvpn://x\.com:1194"):
        write_document(exhibit(story("openvpn://x.com:1194").measurement()))


def test_somebody_else_s_urlgetter_measurement_is_none_of_ours() -> None:
    document = written(exhibit(quic().measurement()))
    del document["test_keys"][KEY]
    assert 'a measurement of "urlgetter", and not of web_connectivity' == why_not(document)


def test_the_page_that_is_compared_is_the_last_one() -> None:
    """A body that was not kept is compared where it was read."""
    facts = {"body_bytes": 1000, "title": "Welcome to all", "header_names": ("date",)}
    told = page(**facts)
    control = page(**{**facts, "body_bytes": 4000, "title": "Nothing alike"})
    one = exhibit(told.measurement(), [control.measurement(at=NOON + 1)])
    keys = written(one)["test_keys"]
    assert (0.25, False, True, True, False) == (
        keys["body_proportion"],
        keys["body_length_match"],
        keys["headers_match"],
        keys["status_code_match"],
        keys["title_match"],
    )
    bodies = {request["response"]["body"] for request in keys["requests"]}
    assert {""} == bodies
    assert copy.deepcopy(keys) == keys


def test_a_public_resolver_s_answer_is_not_the_machine_s_own() -> None:
    keys = written(exhibit(story().names(NEAR).names(FAR, by=ResolverKind.UDP).measurement()))["test_keys"]
    assert [("system", True), ("udp", False)] == [(q["engine"], "classic" in q["tags"]) for q in keys["queries"]]


def test_the_details_are_there_for_those_who_know_them() -> None:
    document = written(exhibit(works().measurement()))
    told = document["test_keys"][KEY]["measurement"]
    assert (URL, "x") == (told["target"], told["platform"])
    assert isinstance(works().measurement().observations[-1].detail, HttpRoundTrip)
