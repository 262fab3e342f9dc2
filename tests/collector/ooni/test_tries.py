"""How often a step counts as tried."""

from dataclasses import replace
from typing import Any

import pytest

from rabta_collector.ooni.tries import notes_of_tries, number_tries
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import ResolverKind
from support.factories import NEAR, RESET, SILENCE, Story, dns_trouble, story

UDP = ResolverKind.UDP
WHOAMI = {"x_dns_whoami": {"system_v4": None, "udp_v4": {"8.8.8.8:53": [{"address": "172.253.0.1"}]}}}
NOBODY = {"x_dns_whoami": {"system_v4": None, "udp_v4": {"8.8.8.8:53": None}}}


def counted(told: Story, *, up: bool = True, **keys: Any) -> int:
    """The highest number of a try."""
    return max(o.attempt for o in number_tries(told.measurement(), keys, up=up))


def silent() -> Story:
    return story().says(SILENCE)


def also(told: Story, failure: str = SILENCE) -> Story:
    return told.says(failure, UDP)


@pytest.mark.parametrize("keys", [{}, WHOAMI, {"x_dns_whoami": None}, {"x_dns_whoami": {"udp_v4": 7}}])
def test_two_silent_resolvers_are_two_tries(keys: dict[str, Any]) -> None:
    assert 2 == counted(also(silent()), **keys)


def test_a_public_resolver_that_answers_nobody_is_no_witness() -> None:
    assert 1 == counted(also(silent()), **NOBODY)


def test_one_silence_is_one_try_where_the_network_may_be_down_or_another_was_answered() -> None:
    assert 1 == counted(also(silent()), up=False)
    assert 1 == counted(silent())
    assert 1 == counted(also(silent(), RESET))
    assert 1 == counted(silent().names(NEAR, by=UDP))


def test_why_one_silence_counts_twice_is_told() -> None:
    told = also(silent()).measurement()
    (note,) = notes_of_tries(_numbered(told))
    assert "One silence counts as two tries: a public resolver was silent for that name, too" == note
    told = story().names(NEAR).fails_tcp(NEAR, SILENCE).measurement()
    long = replace(told, observations=tuple(replace(o, duration_us=10_000_000) for o in told.observations))
    (note,) = notes_of_tries(_numbered(long))
    assert "A silence that long is one try of the probe's and counts as two: its kernel sent again" == note
    assert () == notes_of_tries(_numbered(dns_trouble(RESET, passes=1).measurement()))


def _numbered(measurement: Measurement) -> Measurement:
    return replace(measurement, observations=tuple(number_tries(measurement, {}, up=True)))
