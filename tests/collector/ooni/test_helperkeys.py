"""One control stands for all where they agree."""

from collections.abc import Sequence
from typing import Any

import pytest

from rabta_collector.ooni.helperkeys import AWAITED, NONE, SPLIT, last_response, pick, write_control, write_helper
from rabta_proto.model import Measurement, NetworkContext
from support.factories import (
    FAR,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    Story,
    dead,
    dns_trouble,
    gone,
    http_trouble,
    story,
    tls_trouble,
    works,
    works_light,
)


def at(seconds: float, told: Story | None = None) -> Measurement:
    return (told or works()).measurement(at=NOON + seconds)


FAILING = at(0, tls_trouble(RESET))


@pytest.mark.parametrize(
    ("controls", "settled", "expected"),
    [
        ([], True, NONE),
        ([at(-60)], False, AWAITED),
        ([at(-60), at(-30)], True, at(-30)),
        ([at(60), at(30)], True, at(30)),
        ([at(-60), at(60)], False, at(60)),
        ([at(30, dead()), at(60)], True, SPLIT),
        ([at(30, dead()), at(60), at(90)], True, at(60)),
        ([at(30), at(60, dead()), at(90, dead())], True, at(60, dead())),
        ([at(-30, dead()), at(60)], True, SPLIT),
        ([at(30, works_light())], True, at(30, works_light())),
    ],
)
def test_the_control_that_stands_for_all(
    controls: Sequence[Measurement], settled: bool, expected: Measurement | str
) -> None:
    assert expected == pick(FAILING, controls, settled=settled)


def test_controls_that_contradict_each_other_do_not_matter_to_what_worked() -> None:
    assert at(30) == pick(at(0), [at(30), at(60, dead())], settled=True)


@pytest.mark.parametrize(
    "network", [NetworkContext(vpn=True), NetworkContext(captive_portal=True), NetworkContext(changed=True)]
)
def test_a_control_whose_network_was_out_of_order_does_not_stand(network: NetworkContext) -> None:
    assert NONE == pick(FAILING, [works().measurement(at=NOON + 9, network=network)], settled=True)
    assert NONE == pick(FAILING, [story().measurement(at=NOON + 9)], settled=True)


def test_why_none_stands_is_told_as_a_failure_of_the_control() -> None:
    assert {"control_failure": NONE, "control": {}} == write_helper(FAILING, (), settled=True)
    assert None is write_helper(FAILING, (at(9),), settled=True)["control_failure"]


def written(told: Story) -> dict[str, Any]:
    return write_control(told.measurement())


def test_a_control_that_arrived_is_a_helper_that_did() -> None:
    found = written(works())
    assert {
        "tcp_connect": {f"{NEAR}:443": {"status": True, "failure": None}},
        "tls_handshake": {f"{NEAR}:443": {"server_name": "x.com", "status": True, "failure": None}},
        "quic_handshake": {},
        "http_request": {
            "body_length": 5000,
            "discovered_h3_endpoint": "",
            "failure": None,
            "title": "Welcome to the site",
            "headers": {"date": "", "x-site": ""},
            "status_code": 200,
        },
        "http3_request": None,
        "dns": {"failure": None, "addrs": [NEAR]},
        "ip_info": {NEAR: {"asn": 0, "flags": 10}},
    } == found


@pytest.mark.parametrize(
    ("told", "dns", "http"),
    [
        (gone(), "dns_name_error", "dns_nxdomain_error"),
        (dns_trouble("dns_server_failure", elsewhere=False), "dns_servfail_error", "dns_servfail_error"),
        (dead(), None, "connection_refused"),
        (http_trouble("eof_error"), None, "eof_error"),
    ],
)
def test_a_control_that_failed_is_a_helper_that_did(told: Story, dns: str | None, http: str) -> None:
    found = written(told)
    assert (dns, http, -1, -1) == (
        found["dns"]["failure"],
        found["http_request"]["failure"],
        found["http_request"]["status_code"],
        found["http_request"]["body_length"],
    )


def test_a_control_that_asked_for_nothing_got_nothing_and_did_not_fail() -> None:
    found = written(works_light())["http_request"]
    assert (None, -1) == (found["failure"], found["status_code"])


def test_of_an_endpoint_the_best_try_counts() -> None:
    told = story().names(NEAR).fails_tcp(NEAR, RESET).again().connects(NEAR).handshakes(NEAR).answers(NEAR)
    assert {f"{NEAR}:443": {"status": True, "failure": None}} == written(told)["tcp_connect"]


def test_an_isolated_handshake_says_nothing_of_the_name() -> None:
    found = written(tls_trouble(RESET, passes=1))["tls_handshake"]
    assert {f"{NEAR}:443": {"server_name": "x.com", "status": False, "failure": RESET}} == found


def test_a_page_that_was_cut_is_as_long_as_it_said() -> None:
    for facts, expected in (({"declared_bytes": 900}, 900), ({"declared_bytes": None}, -1)):
        told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, body_bytes=100, truncated=True, **facts)
        assert expected == written(told)["http_request"]["body_length"]


def test_the_last_response_is_that_of_the_last_hop_and_try() -> None:
    told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, status=302).follows("y.com").names(FAR).connects(FAR)
    last = last_response(told.answers(FAR, status=200).measurement())
    assert last is not None
    assert 200 == last.status
    assert last_response(dead().measurement()) is None
