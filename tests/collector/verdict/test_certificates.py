"""Whose a certificate is, and what it says of the machine that does not believe it."""

import pytest

from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.certificates import Certificates
from rabta_collector.verdict.facts import Facts
from rabta_proto.vocabulary import Failure, ResolverKind
from support.factories import NEAR, SILENCE, bad_certificate, story, works
from support.telling import Story

DOH = ResolverKind.DOH


def certificates(told: Story, *controls: Story, background: Background = NOTHING) -> Certificates:
    others = tuple(control.measurement() for control in controls)
    return Facts(measurement=told.measurement(), controls=others, background=background).certificates


def invalid(**dates: int) -> Story:
    return story().names(NEAR).connects(NEAR).refuses_certificate(NEAR, Failure.SSL_INVALID_CERTIFICATE, **dates)


def test_the_same_key_is_the_same_certificate() -> None:
    assert certificates(bad_certificate(key=1), works()).as_controls
    assert not certificates(bad_certificate(key=2), works()).as_controls


def test_a_certificate_that_has_not_expired_and_is_out_of_date_shows_a_wrong_clock() -> None:
    assert certificates(invalid(days=60)).clock_is_wrong
    assert not certificates(invalid(days=-1)).clock_is_wrong
    assert not certificates(bad_certificate()).clock_is_wrong


def test_a_certificate_is_out_of_date_alone_where_there_is_none_to_compare_it_with() -> None:
    assert certificates(invalid(), story().names(NEAR)).out_of_date
    assert not certificates(invalid(), works()).out_of_date


@pytest.mark.parametrize(
    ("doh", "others_work", "opened"),
    [
        (Failure.SSL_UNKNOWN_AUTHORITY, None, True),
        (Failure.SSL_UNKNOWN_AUTHORITY, False, True),
        (Failure.SSL_UNKNOWN_AUTHORITY, True, False),  # a censor cuts DNS over HTTPS, too
        (SILENCE, None, False),
        (SILENCE, False, True),
        (None, None, False),
        (None, False, False),
        (Failure.DNS_NXDOMAIN, False, False),  # a word of the resolver's own
    ],
)
def test_tls_is_opened_for_all_where_others_show_another_s_certificate_and_none_its_own(
    doh: str | None, others_work: bool | None, opened: bool
) -> None:
    told = story().names(NEAR).connects(NEAR).refuses_certificate(NEAR)
    told = told.names(NEAR, by=DOH) if doh is None else told.says(doh, DOH)
    assert opened is certificates(told, background=Background(tls_works=others_work)).opened_for_all
