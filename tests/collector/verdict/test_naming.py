"""What resolvers said, held against each other."""

import pytest

from rabta_collector.verdict.background import Background
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.naming import Naming
from rabta_proto.vocabulary import Failure, ResolverKind
from support.factories import (
    CONTROL,
    DOH,
    FAR,
    FORGED,
    LITERAL,
    NEAR,
    NOON,
    RESET,
    SILENCE,
    SIX,
    Story,
    bad_certificate,
    dns_trouble,
    story,
    works,
)

BY_UDP, BY_DOH = ResolverKind.UDP, ResolverKind.DOH
NETWORKS = {NEAR: 13414, FAR: 13414, FORGED: 4134}
NXDOMAIN = Failure.DNS_NXDOMAIN


def naming(told: Story, *controls: Story, networks: dict[str, int] | None = None) -> Naming:
    return Facts(
        measurement=told.measurement(),
        controls=[control.measurement(at=NOON + 1) for control in controls],
        background=Background(asn_of=networks.get if networks else None),
    ).naming


def lied(*later: str) -> Story:
    return story().names(FORGED, later=later).names(NEAR, by=BY_DOH)


@pytest.mark.parametrize(
    ("told", "foreign"),
    [
        (bad_certificate(FORGED, honest=NEAR), True),
        (bad_certificate(NEAR, honest=NEAR), False),
        (bad_certificate(FORGED, honest=None), False),
        (story().names(NEAR, FORGED).names(NEAR, by=BY_DOH), False),
        (story().names(NEAR).names(NEAR, by=BY_UDP).names(FAR, by=BY_DOH), False),
        (story().names(FORGED, later=(NEAR,)).names(FORGED, by=BY_UDP).names(NEAR, by=BY_DOH), True),
        (story().names(FORGED).names(SIX, family="AAAA").names(NEAR, SIX, by=BY_DOH), True),
        (story().names(SIX, family="AAAA").names(NEAR, SIX, by=BY_DOH), False),
    ],
    ids=["other", "same", "alone", "in part", "by place", "raced", "IPv4 alone", "IPv6 alone"],
)
def test_foreign_addresses_are_those_that_nobody_else_names(told: Story, foreign: bool) -> None:
    assert foreign is naming(told).foreign


def test_controls_name_addresses_too() -> None:
    assert naming(bad_certificate(FORGED, honest=None), works()).foreign


def test_addresses_of_one_network_agree_where_networks_are_known() -> None:
    by_place = story().names(FAR).names(NEAR, by=BY_DOH)
    assert [True, False, False] == [
        naming(by_place).foreign,
        naming(by_place, networks=NETWORKS).foreign,
        naming(by_place, networks=NETWORKS).unvouched,
    ]
    assert naming(lied(), networks=NETWORKS).foreign
    assert naming(lied(), networks={"192.0.2.1": 1}).foreign


@pytest.mark.parametrize(
    ("told", "raced"),
    [
        (lied(NEAR), True),
        (lied(), False),
        (lied(FAR), False),
        (story().names(NEAR, later=(FORGED,)).names(NEAR, by=BY_DOH), False),
        (story().says(NXDOMAIN, later=(NEAR,)).names(NEAR, by=BY_DOH), True),
        (story().says(NXDOMAIN, later=(NEAR,)), False),
        (story().names(NEAR).names(FORGED, by=BY_UDP, later=(NEAR,)).names(NEAR, by=BY_DOH), False),
        (lied().names(FORGED, by=BY_UDP, later=(NEAR,)), True),
    ],
    ids=[
        "truth after a lie",
        "no second",
        "second lie",
        "lie after the truth",
        "denial",
        "nobody to ask",
        "not its own",
        "another's, where its own lies too",
    ],
)
def test_a_race_is_lost_where_the_truth_comes_second(told: Story, raced: bool) -> None:
    assert raced is bool(naming(told).raced)


def test_a_second_answer_that_contradicts_the_first_is_noted_whoever_is_right() -> None:
    assert naming(story().names(NEAR, later=(FORGED,))).contradicted
    assert not naming(story().names(NEAR, later=(NEAR, FAR))).contradicted
    assert not naming(story().names(NEAR)).contradicted


@pytest.mark.parametrize(
    ("told", "echoed"),
    [
        (story().names(FORGED).names(FORGED, by=BY_UDP).names(NEAR, by=BY_DOH), True),
        (story().names(FORGED).names(NEAR, by=BY_UDP).names(NEAR, by=BY_DOH), False),
        (story().names(NEAR).names(NEAR, by=BY_UDP).names(NEAR, by=BY_DOH), False),
        (story().names(FORGED).names(FORGED, by=BY_UDP), False),
        (story().says(NXDOMAIN).says(NXDOMAIN, BY_UDP).names(NEAR, by=BY_DOH), True),
        (story().says(NXDOMAIN).says(Failure.DNS_REFUSED, BY_UDP).names(NEAR, by=BY_DOH), False),
        (story().says(RESET).says(RESET, BY_UDP).names(NEAR, by=BY_DOH), False),
    ],
    ids=["lie twice", "lie once", "truth", "nobody vouches", "denied twice", "denied and refused", "failed twice"],
)
def test_a_lie_that_a_public_resolver_repeats_is_told_on_the_way(told: Story, echoed: bool) -> None:
    assert echoed is naming(told).echoed


@pytest.mark.parametrize(
    ("told", "network_s_word"),
    [
        (story().names(FORGED).names(NEAR, by=BY_DOH), True),
        (story().names(FORGED, chosen="9.9.9.9").names(NEAR, by=BY_DOH), False),
        (story().names(FORGED, chosen="9.9.9.9").names(FORGED, by=BY_UDP).names(NEAR, by=BY_DOH), True),
        (story().names(FORGED, chosen="9.9.9.9", later=(NEAR,)).names(NEAR, by=BY_DOH), True),
        (story().names(FORGED, chosen="9.9.9.9").names(FORGED).names(NEAR, by=BY_DOH), True),
        (story(), True),
    ],
    ids=["network's", "chosen", "chosen, echoed", "chosen, raced", "chosen and network's", "nobody asked"],
)
def test_a_resolver_of_the_volunteer_s_choice_speaks_for_itself(told: Story, network_s_word: bool) -> None:
    assert network_s_word is naming(told).network_s_word


def test_who_gave_the_address_that_works_is_told_apart() -> None:
    by_doh = naming(dns_trouble(NXDOMAIN))
    by_control = naming(story().says(NXDOMAIN).connects(NEAR, CONTROL).handshakes(NEAR, CONTROL))
    assert [(True, False), (False, True)] == [(n.elsewhere, n.elsewhere_by_control) for n in (by_doh, by_control)]


def test_a_name_that_public_resolvers_deny_is_its_own_resolver_s_alone() -> None:
    denied = story().names(FORGED).says(NXDOMAIN, BY_DOH)
    assert naming(denied).denied_by_others
    assert naming(denied.names(FORGED, by=BY_UDP)).denied_by_others
    assert not naming(denied.names(NEAR, by=BY_UDP)).denied_by_others
    assert not naming(story().names(FORGED)).denied_by_others
    assert not naming(story().names(FORGED).says(SILENCE, BY_DOH)).denied_by_others
    assert not naming(story().names(FORGED).names(FORGED, by=BY_UDP)).denied_by_others


def test_a_resolver_that_finds_no_ipv6_address_alone_denies_nothing() -> None:
    told = story().names(NEAR).names(NEAR, by=BY_UDP).says(Failure.DNS_NO_ANSWER, BY_UDP, family="AAAA")
    assert not naming(told).denied_by_others


def test_nobody_denies_what_controls_give() -> None:
    told = story().names(NEAR).says(NXDOMAIN, BY_UDP)
    assert naming(told).denied_by_others
    assert not naming(told, works()).denied_by_others


def test_an_address_that_no_site_can_have_is_no_account_of_one() -> None:
    bogon = story().names("127.0.0.1").fails_tcp("127.0.0.1", Failure.SPECIAL_ADDRESS).names("127.0.0.1", by=BY_UDP)
    assert naming(bogon, works()).foreign
    assert not naming(bogon).foreign


def test_failures_of_others_addresses_count_over_ipv4() -> None:
    told = lied().fails_tcp(SIX, RESET, DOH)
    assert not naming(told).others_fail
    assert naming(told.fails_tcp(NEAR, RESET, DOH)).others_fail
    assert not naming(lied().fails_tcp(FORGED, RESET)).others_fail


@pytest.mark.parametrize(
    ("told", "lacks"),
    [
        (story().says(Failure.DNS_NO_ANSWER), True),
        (story().says(NXDOMAIN), False),
        (story().says(Failure.DNS_NO_ANSWER).says(Failure.DNS_NO_ANSWER, family="AAAA"), False),
    ],
    ids=["not asked", "denied", "asked"],
)
def test_a_site_of_ipv6_alone_has_no_address_for_who_asks_for_ipv4(told: Story, lacks: bool) -> None:
    assert lacks is naming(told, works(address=SIX)).lacks_ipv6
    assert not naming(told, works(address=NEAR)).lacks_ipv6


def test_what_controls_saw_at_the_machine_s_own_addresses_is_a_visit() -> None:
    visit = story().says(NXDOMAIN, ResolverKind.UNKNOWN).connects(FORGED, LITERAL)
    assert [{FORGED}] == [leg.own for leg in naming(lied(), visit).visited]
    assert [] == naming(lied(), works()).visited
    assert [] == naming(story().names(NEAR).names(NEAR, by=BY_DOH), visit).visited
