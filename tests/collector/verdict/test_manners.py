"""How steps fail."""

import pytest

from rabta_collector.verdict.manners import NOBODY_ANSWERED, Manner, cut_short, manner_of, manner_seen
from rabta_proto.model import Observation
from rabta_proto.vocabulary import Failure
from support.factories import RESET, SILENCE, cut_short_and_unanswered, story


def test_every_failure_has_a_manner() -> None:
    unsaid = {failure for failure in Failure if manner_of(failure) is Manner.OTHER}
    assert {Failure.HTTP_INVALID_REDIRECT, Failure.HTTP_TOO_MANY_REDIRECTS} == unsaid


@pytest.mark.parametrize("failure", [None, "", "unknown_failure: odd", "a word of the future"])
def test_what_is_not_known_is_no_manner_of_a_block(failure: str | None) -> None:
    assert Manner.OTHER is manner_of(failure)


@pytest.mark.parametrize("sent", [Manner.NXDOMAIN, Manner.CERTIFICATE, Manner.RESET, Manner.CLOSE, Manner.REFUSAL])
def test_what_somebody_must_have_sent_comes_before_silence(sent: Manner) -> None:
    assert sent not in NOBODY_ANSWERED
    assert min(Manner.SILENCE, Manner.LOCAL, Manner.OTHER, sent) is sent


def seen(failure: str) -> Observation:
    return cut_short_and_unanswered(failure).observations[1]


@pytest.mark.parametrize("failure", [RESET, SILENCE])
def test_a_question_over_tcp_that_nobody_takes_has_no_manner(failure: str) -> None:
    assert cut_short(seen(failure))
    assert Manner.OTHER is manner_seen(seen(failure))


def test_a_denial_over_tcp_is_one() -> None:
    denied = story().cuts_short(failure=Failure.DNS_NXDOMAIN).observations[1]
    assert not cut_short(denied)
    assert Manner.NXDOMAIN is manner_seen(denied)
