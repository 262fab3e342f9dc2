"""Our findings in OONI's words."""

from typing import Any

import pytest

from rabta_collector.ooni.conclusions import write_conclusions
from rabta_collector.ooni.helperkeys import write_control
from rabta_collector.verdict.classify import Finding, classify
from rabta_proto.vocabulary import Judgement, Mechanism
from support.factories import FORGED, NEAR, NOON, PLAIN, RESET, Story, dns_trouble, gone, story, tcp_trouble, works

CONTROL = write_control(works().measurement())
OK, BLOCKED, THROTTLED = Judgement.OK, Judgement.BLOCKED, Judgement.THROTTLED


def finding(judgement: Judgement, mechanism: Mechanism | None = None) -> Finding:
    return Finding(judgement=judgement, rule="r", step=None, mechanism=mechanism, server_side=False, reasons=())


def concluded(told: Story, found: Finding | None = None, control: dict[str, Any] = CONTROL) -> dict[str, Any]:
    measurement = told.measurement()
    return write_conclusions(measurement, found or classify(measurement, [works().measurement(at=NOON + 1)]), control)


@pytest.mark.parametrize("mechanism", Mechanism)
def test_every_mechanism_of_a_block_has_a_word(mechanism: Mechanism) -> None:
    expected = {"dns": "dns", "tcp": "tcp_ip", "ip": "tcp_ip"}.get(mechanism.partition(".")[0], "http-failure")
    if mechanism in (Mechanism.HTTP_BLOCKPAGE, Mechanism.HTTP_REDIRECT):
        expected = "http-diff"
    found = concluded(works(), finding(BLOCKED, mechanism))
    assert (expected, False) == (found["blocking"], found["accessible"])


@pytest.mark.parametrize(
    ("judgement", "accessible", "blocking"),
    [(OK, True, False), (Judgement.DOWN, False, False), (Judgement.INCONCLUSIVE, None, None), (THROTTLED, True, None)],
)
def test_every_judgement_has_its_words(judgement: Judgement, accessible: bool | None, blocking: bool | None) -> None:
    found = concluded(works(), finding(judgement, Mechanism.THROTTLE_SNI if judgement is THROTTLED else None))
    assert (accessible, blocking) == (found["accessible"], found["blocking"])


def test_a_block_without_a_mechanism_has_none() -> None:
    assert concluded(works(), finding(BLOCKED))["blocking"] is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (works(), "consistent"),
        (tcp_trouble(RESET), "consistent"),
        (tcp_trouble(RESET, address=FORGED), None),
        (dns_trouble("dns_nxdomain_error"), "inconsistent"),
    ],
)
def test_names_are_consistent_where_an_address_is_shared_or_vouched_for(told: Story, expected: str | None) -> None:
    assert expected == concluded(told)["dns_consistency"]


def test_names_are_consistent_where_both_fail() -> None:
    control = write_control(gone().measurement())
    assert "consistent" == concluded(gone(), finding(Judgement.DOWN), control)["dns_consistency"]


def test_failures_are_those_of_the_name_and_of_the_page() -> None:
    assert (None, None) == _failures(works())
    assert ("dns_servfail_error", None) == _failures(dns_trouble("dns_server_failure", elsewhere=False))
    assert (None, RESET) == _failures(tcp_trouble(RESET))


def _failures(told: Story) -> tuple[str | None, str | None]:
    found = concluded(told)
    return found["dns_experiment_failure"], found["http_experiment_failure"]


def test_pages_are_compared_where_there_are_two() -> None:
    names = ("body_proportion", "body_length_match", "headers_match", "status_code_match", "title_match")
    alike = concluded(works())
    assert [1.0, True, True, True, True] == [alike[name] for name in names]
    other = story(PLAIN).names(NEAR).connects(NEAR)
    other.answers(NEAR, status=403, body_bytes=1000, title="No", header_names=("date",))
    assert [0.2, False, False, False, None] == [concluded(other)[name] for name in names]
    assert [0, None, None, None, None] == [concluded(tcp_trouble(RESET))[name] for name in names]
    assert [0, None, None, None, None] == [concluded(works(), control={})[name] for name in names]


def test_a_length_that_nobody_knows_is_not_compared() -> None:
    cut = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, truncated=True)
    found = concluded(cut)
    assert (0, None, True) == (found["body_proportion"], found["body_length_match"], found["status_code_match"])
