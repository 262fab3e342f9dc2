"""Which of OONI's measurements have a place in the history, and what is kept of them."""

import json
from typing import Any

import pytest

from rabta_collector.history.keeper import place
from rabta_collector.history.places import Reason, make_places
from rabta_collector.isps import default_isps
from rabta_collector.ooni.intake import Ticket, admit, asn_of, take_in
from rabta_collector.ooni.judge import judge
from rabta_collector.ooni.prints import Prints
from rabta_collector.targets import default_catalogue
from support.ooni_builder import BLOCK_BODY, NEAR, PLAIN, RESET, built, fetch, measurement

PLACES = make_places(default_catalogue(), default_isps())
NOW = 1_800_000_000.0
BLOCKED = built(tls={NEAR: RESET}, requests=[fetch(failure=RESET)])


def admitted(document: dict[str, Any]) -> Ticket:
    ticket = admit(document, PLACES, NOW)
    assert isinstance(ticket, Ticket), ticket
    return ticket


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"test_name": "telegram"}, Reason.OTHER_TEST),
        ({"test_name": None}, Reason.OTHER_TEST),
        ({"input": "https://nobody.example/"}, Reason.OTHER_HOST),
        ({"input": None}, Reason.NO_URL),
        ({"input": 17}, Reason.NO_URL),
        ({"input": "http://x.com/somebody"}, Reason.ONE_PAGE),
        ({"probe_asn": "AS1"}, Reason.OTHER_NETWORK),
        ({"probe_asn": None}, Reason.OTHER_NETWORK),
        ({"measurement_start_time": None}, Reason.NO_TIME),
        ({"measurement_start_time": "yesterday"}, Reason.NO_TIME),
        ({"measurement_start_time": "2090-01-01 00:00:00"}, Reason.FUTURE),
    ],
)
def test_what_has_no_place_is_told_why(changes: dict[str, Any], expected: Reason) -> None:
    assert expected == admit(BLOCKED | changes, PLACES, NOW)


def test_a_ticket_says_where_and_when() -> None:
    ticket = admitted(BLOCKED)
    assert ("ptcl", "x", 17557, 1_708_268_461.0) == (ticket.isp, ticket.platform, ticket.asn, ticket.began.timestamp())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("AS17557", 17557),
        ("as17557", 17557),
        ("17557", 17557),
        (17557, 17557),
        ("AS", 0),
        ("ASx", 0),
        ([], 0),
        (-1, 0),
    ],
)
def test_a_network_s_number_is_read_however_it_is_written(value: object, expected: int) -> None:
    assert expected == asn_of({"probe_asn": value})


def test_one_measurement_is_one_by_its_identifier_or_by_what_is_in_it() -> None:
    """A file from before the upload has no identifier; nor has one its report's."""
    raw, archived = admitted(BLOCKED), admitted({**BLOCKED, "measurement_uid": "2024_a", "report_id": "r"})
    assert raw.content == archived.content
    assert raw.uid is None
    again = admitted({**BLOCKED, "measurement_uid": "2024_a", "test_keys": {}})
    assert archived.uid == again.uid
    assert archived.content != again.content
    others = [admitted(BLOCKED | {"measurement_start_time": "2024-02-18 15:01:02"}), admitted(built())]
    assert raw.content not in {other.content for other in others}


@pytest.mark.parametrize(
    "document",
    [
        built(),
        BLOCKED,
        built(version="0.5.28", tcp={NEAR: "generic_timeout_error"}, tls={}, requests=[]),
        built(url=PLAIN, requests=[fetch(PLAIN, body=BLOCK_BODY)], helper=None),
        built(helper=None),
        measurement(None),
    ],
)
def test_the_finding_is_that_of_classify_and_stays_it(document: dict[str, Any]) -> None:
    published, placed = take_in(document, admitted(document), Prints())
    found = judge(document)
    assert (found["state"], found["mechanism"], found["rule"]) == (
        placed.found.judgement,
        placed.found.mechanism,
        placed.found.rule,
    )
    assert placed == place(published, PLACES)


def test_nothing_of_the_probe_is_kept_but_its_network() -> None:
    told = {**BLOCKED, "probe_ip": "203.0.113.77", "probe_city": "Lahore", "resolver_ip": "203.0.113.78"}
    published, _ = take_in(told, admitted(told), Prints())
    assert 17557 == published.asn
    everything = json.dumps(str(published)) + str(place(published, PLACES))
    assert not any(secret in everything for secret in ("203.0.113", "Lahore"))
    assert len(published.payload) < 2000
