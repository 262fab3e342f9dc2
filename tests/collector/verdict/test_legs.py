"""A leg tells the machine's own way from others, and where that way ends."""

import pytest

from rabta_collector.verdict.legs import Manner, manner_of, read_legs, something_answered
from rabta_proto.vocabulary import Failure, ResolverKind, Step
from support.factories import (
    BOGON,
    DOH,
    FAR,
    NEAR,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    bad_certificate,
    cut_short_and_unanswered,
    dns_lie,
    dns_trouble,
    http_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
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


def test_ipv4_speaks_where_there_is_any() -> None:
    told = story().names(NEAR).fails_tcp(NEAR, SILENCE).fails_tcp("2606:4700::1", RESET)
    assert Manner.SILENCE is read_legs(told.measurement())[0].manner


def test_every_failure_has_a_manner() -> None:
    unsaid = {f for f in Failure if manner_of(f) is Manner.OTHER}
    assert {Failure.HTTP_INVALID_REDIRECT, Failure.HTTP_TOO_MANY_REDIRECTS} == unsaid
    assert Manner.OTHER is manner_of("unknown_failure: odd")


def test_silence_of_all_is_told_from_an_answer_of_any() -> None:
    assert not something_answered(offline().measurement().observations)
    assert something_answered(dns_trouble(Failure.DNS_NXDOMAIN, elsewhere=False).measurement().observations)
