"""A leg tells the machine's own way from others, and where that way ends."""

import pytest

from rabta_collector.verdict.legs import Manner, Scheme, read_legs, scheme_of, something_answered
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import Failure, ResolverKind, Step
from support.factories import (
    BOGON,
    CHAT,
    CONTROL,
    DOH,
    FAR,
    NAME,
    NEAR,
    PLAIN,
    QUIC,
    RESET,
    SILENCE,
    SIX,
    Story,
    bad_certificate,
    cut_short_and_unanswered,
    dns_lie,
    dns_trouble,
    http_trouble,
    offline,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_over_quic,
)


@pytest.mark.parametrize(
    ("told", "step", "manner"),
    [
        (works(), None, Manner.OTHER),
        (dns_trouble(Failure.DNS_NXDOMAIN), Step.DNS, Manner.NXDOMAIN),
        (dns_trouble(SILENCE), Step.DNS, Manner.SILENCE),
        (dns_lie(BOGON), Step.DNS, Manner.SPECIAL),
        (tcp_trouble(Failure.CONNECTION_REFUSED), Step.TCP, Manner.REFUSAL),
        (tls_trouble(RESET), Step.TLS, Manner.RESET),
        (bad_certificate(), Step.TLS, Manner.CERTIFICATE),
        (http_trouble(RESET), Step.HTTP, Manner.RESET),
        (http_trouble(SILENCE, target="https://x.com/"), Step.HTTP, Manner.SILENCE),
        (story(), Step.DNS, Manner.OTHER),
    ],
)
def test_the_way_ends_at_a_step_in_a_manner(told: Story, step: Step | None, manner: Manner) -> None:
    legs = read_legs(told.measurement()) or read_legs(story().names().measurement())
    assert (step, manner) == (legs[0].step, legs[0].manner)


def test_an_address_of_a_public_resolver_alone_is_not_the_machine_s_own_way() -> None:
    (leg,) = read_legs(dns_trouble(Failure.DNS_NXDOMAIN).measurement())
    assert (set(), {NEAR}, {NEAR}) == (leg.own, leg.secured, leg.elsewhere)
    assert frozenset({NEAR}) == leg.named_by(ResolverKind.DOH)


def test_a_certificate_that_was_only_looked_at_secures_nothing() -> None:
    (leg,) = read_legs(bad_certificate().measurement())
    assert set() == leg.secured


def test_isolation_is_no_success() -> None:
    (leg,) = read_legs(tls_trouble(RESET).measurement())
    assert set() == leg.secured
    assert 1 == len(leg.isolation)


def test_what_somebody_must_have_sent_comes_before_silence() -> None:
    told = tls_trouble(SILENCE).connects(NEAR).fails_tls(NEAR, RESET)
    assert Manner.RESET is read_legs(told.measurement())[0].manner


def test_an_address_that_only_others_named_does_not_fail_the_way() -> None:
    told = works().fails_tcp(FAR, SILENCE, DOH)
    assert read_legs(told.measurement())[0].step is None


def test_each_redirect_is_a_leg_of_its_own() -> None:
    told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 301, location="https://x.org/")
    told.follows("x.org").names(FAR).fails_tcp(FAR, RESET)
    first, second = read_legs(told.measurement())
    assert ("x.com", "x.org") == (first.name, second.name)
    assert (None, Step.TCP) == (first.step, second.step)
    assert (False, False) == (first.terminal, second.terminal)


@pytest.mark.parametrize(
    ("told", "repeated"),
    [
        (tcp_trouble(SILENCE), True),
        (tcp_trouble(SILENCE, passes=1), False),
        (story().says(SILENCE).again().names(NEAR).fails_tcp(NEAR, SILENCE).again().fails_tcp(NEAR, SILENCE), False),
    ],
    ids=["three", "one", "lost in between"],
)
def test_a_step_is_repeated_when_every_pass_ended_there(told: Story, repeated: bool) -> None:
    assert repeated is read_legs(told.measurement())[0].repeated


@pytest.mark.parametrize(
    ("told", "step", "manner"),
    [
        (story().cuts_short(over_tcp=NEAR).connects(NEAR).handshakes(NEAR), None, Manner.OTHER),
        (story().cuts_short(NEAR, failure=SILENCE).connects(NEAR).handshakes(NEAR), None, Manner.OTHER),
        (story().cuts_short(failure=Failure.DNS_NXDOMAIN), Step.DNS, Manner.NXDOMAIN),
        (cut_short_and_unanswered(SILENCE), Step.DNS, Manner.OTHER),
        (cut_short_and_unanswered(RESET), Step.DNS, Manner.OTHER),
        (story().says(SILENCE).again().cuts_short(failure=RESET), Step.DNS, Manner.SILENCE),
    ],
    ids=["whole", "part", "no", "silent", "reset", "silent before"],
)
def test_a_resolver_that_cannot_answer_over_tcp_has_said_nothing(
    told: Story, step: Step | None, manner: Manner
) -> None:
    (leg,) = read_legs(told.measurement())
    assert (step, manner) == (leg.step, leg.manner)


def test_an_answer_that_was_cut_short_is_an_answer_of_somebody() -> None:
    assert something_answered(cut_short_and_unanswered(SILENCE).measurement().observations)


@pytest.mark.parametrize(
    ("told", "manner"),
    [
        (story().names(NEAR).fails_tcp(NEAR, SILENCE).fails_tcp(FAR, RESET, DOH), Manner.SILENCE),
        (story(QUIC).names(NEAR).fails_quic(NEAR, SILENCE).fails_quic(FAR, RESET, DOH), Manner.SILENCE),
        (http_trouble(SILENCE).connects(FAR, DOH).fails_http(FAR, RESET), Manner.SILENCE),
        (story().says(SILENCE).says(Failure.DNS_NXDOMAIN, ResolverKind.UDP), Manner.SILENCE),
        (story().says(SILENCE).says(Failure.DNS_NXDOMAIN, family="AAAA"), Manner.SILENCE),
        (story().says(SILENCE, family="AAAA"), Manner.SILENCE),
    ],
    ids=["tcp", "quic", "http", "another resolver", "IPv6 beside IPv4", "IPv6 alone"],
)
def test_what_fails_on_other_ways_does_not_say_how_its_own_failed(told: Story, manner: Manner) -> None:
    assert manner is read_legs(told.measurement())[0].manner


def test_ipv4_speaks_where_there_is_any() -> None:
    told = story().names(NEAR).fails_tcp(NEAR, SILENCE).fails_tcp("2606:4700::1", RESET)
    assert Manner.SILENCE is read_legs(told.measurement())[0].manner


@pytest.mark.parametrize(
    ("told", "step", "manner"),
    [
        (works_over_quic(), None, Manner.OTHER),
        (quic_trouble(SILENCE), Step.QUIC, Manner.SILENCE),
        (quic_trouble(Failure.CONNECTION_REFUSED), Step.QUIC, Manner.REFUSAL),
        (story(QUIC).says(Failure.DNS_NXDOMAIN), Step.DNS, Manner.NXDOMAIN),
        (story(QUIC).names(BOGON).fails_quic(BOGON, Failure.SPECIAL_ADDRESS), Step.DNS, Manner.SPECIAL),
        (story(QUIC).names(NEAR).connects(NEAR).handshakes(NEAR), Step.QUIC, Manner.OTHER),
        (story(QUIC).names(NEAR).fails_quic(NEAR, SILENCE).fails_quic(SIX, RESET), Step.QUIC, Manner.SILENCE),
        (story(CHAT).names(NEAR).connects(NEAR), None, Manner.OTHER),
        (story(CHAT).names(NEAR).fails_tcp(NEAR, RESET), Step.TCP, Manner.RESET),
        (story(NAME).names(NEAR), None, Manner.OTHER),
        (story(NAME).names(BOGON), Step.DNS, Manner.SPECIAL),
        (story(NAME).says(SILENCE), Step.DNS, Manner.SILENCE),
        (story().names(NEAR).connects(NEAR).handshakes(NEAR).fails_quic(NEAR, SILENCE), None, Manner.OTHER),
    ],
    ids=[
        *("quic", "quic silent", "quic refused", "quic denied", "quic bogon", "TLS is not QUIC", "IPv4 before IPv6"),
        *("tcp", "tcp reset", "name", "name bogon", "name silent", "QUIC is not TLS"),
    ],
)
def test_a_target_s_kind_says_where_its_way_ends(told: Story, step: Step | None, manner: Manner) -> None:
    (leg,) = read_legs(told.measurement())
    assert (step, manner) == (leg.step, leg.manner)


def test_in_a_lab_a_mere_name_may_be_on_loopback() -> None:
    (leg,) = read_legs(story(NAME).names(BOGON).measurement(network=NetworkContext(lab=True)))
    assert leg.step is None


def test_a_bogon_is_the_end_although_ipv6_that_may_be_broken_was_tried() -> None:
    told = story().names(BOGON).names(SIX, family="AAAA").fails_tcp(BOGON, Failure.SPECIAL_ADDRESS)
    (leg,) = read_legs(told.fails_tcp(SIX, SILENCE).measurement())
    assert (Step.DNS, Manner.SPECIAL) == (leg.step, leg.manner)
    (leg,) = read_legs(told.connects(SIX).handshakes(SIX).measurement())
    assert leg.step is None


def test_an_address_that_a_site_can_have_is_tried_beside_a_bogon() -> None:
    told = story().names(BOGON, NEAR).names(SIX, family="AAAA").fails_tcp(BOGON, Failure.SPECIAL_ADDRESS)
    (leg,) = read_legs(told.fails_tcp(NEAR, SILENCE).fails_tcp(SIX, SILENCE).measurement())
    assert Step.TCP is leg.step


def test_a_name_in_two_segments_is_nobody_s_way() -> None:
    (leg,) = read_legs(tls_trouble(RESET).splits(NEAR).measurement())
    assert (set(), 1, Step.TLS) == (leg.secured, len(leg.split), leg.step)


def test_addresses_that_controls_alone_named_are_told_apart() -> None:
    told = dns_trouble(Failure.DNS_NXDOMAIN).connects(FAR, CONTROL).handshakes(FAR, CONTROL)
    (leg,) = read_legs(told.measurement())
    assert ({NEAR, FAR}, {FAR}) == (leg.elsewhere, leg.by_control)


@pytest.mark.parametrize(
    ("target", "scheme"),
    [
        ("https://x.com/", Scheme.HTTPS),
        ("QUIC://x.com/", Scheme.QUIC),
        ("tcp://x.com:5222", Scheme.TCP),
        ("dns:x.com", Scheme.DNS),
        ("wireguard://x.com:51820", Scheme.VPN),
        ("tls://x.com:853", Scheme.HTTPS),
        ("sctp://x.com:51820", Scheme.HTTP),
        ("", Scheme.HTTP),
    ],
)
def test_a_target_says_what_it_is_to_show(target: str, scheme: Scheme) -> None:
    assert scheme is scheme_of(target)


def test_silence_of_all_is_told_from_an_answer_of_any() -> None:
    assert not something_answered(offline().measurement().observations)
    assert something_answered(dns_trouble(Failure.DNS_NXDOMAIN, elsewhere=False).measurement().observations)
