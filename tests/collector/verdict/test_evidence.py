"""Sentences for people."""

import pytest

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_proto.model import DnsReply
from rabta_proto.vocabulary import Failure, ResolverKind
from support.factories import (
    BOGON,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    bad_certificate,
    cut_short_and_unanswered,
    dead,
    dns_lie,
    dns_trouble,
    http_trouble,
    story,
    tcp_trouble,
    works,
    works_light,
)


def facts(told: Story, *controls: Story) -> Facts:
    return Facts(measurement=told.measurement(), controls=[control.measurement(at=NOON + 1) for control in controls])


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (evidence.reached(facts(works_light())), "104.244.42.1 showed a certificate valid for x.com"),
        (
            evidence.page(facts(works(PLAIN))),
            'http://x.com/ answered HTTP 200, 5000 bytes, title "Welcome to the site"',
        ),
        (
            evidence.answer(facts(dns_trouble(Failure.DNS_NXDOMAIN))),
            "The machine's resolver answered dns_nxdomain_error for x.com after 12 ms, 3 times",
        ),
        (evidence.answer(facts(dns_lie(BOGON))), "The machine's resolver said 127.0.0.1 for x.com"),
        (evidence.answer(facts(story())), "The machine's resolver said nothing for x.com"),
        (
            evidence.elsewhere(facts(dns_lie(BOGON))),
            "The machine's resolver said 127.0.0.1 for x.com; 104.244.42.1, named by DNS over HTTPS, "
            "showed a certificate valid for x.com",
        ),
        (
            evidence.connecting(facts(tcp_trouble(SILENCE, passes=1))),
            "TCP to 104.244.42.1:443 got generic_timeout_error after 12 ms, once",
        ),
        (
            evidence.certificate(facts(bad_certificate())),
            "TCP to 104.244.42.1:443 worked; ClientHello with x.com got ssl_unknown_authority after 12 ms, "
            "3 times in a row; the certificate came from Somebody else",
        ),
        (
            evidence.requesting(facts(http_trouble(RESET))),
            "The request to http://x.com/ got connection_reset after 12 ms, 3 times in a row",
        ),
        (
            evidence.answer(facts(cut_short_and_unanswered(SILENCE))),
            "The machine's resolver cut its answer for x.com short, and over TCP there was generic_timeout_error",
        ),
        (evidence.controls(facts(dead())), "No control measured it at about that time"),
        (evidence.controls(facts(dead(), dead())), "It failed for 1 of 1 control measurement too"),
    ],
)
def test_a_sentence_says_what_was_seen(sentence: str, said: str) -> None:
    assert said == sentence


def test_a_race_of_replies_is_told() -> None:
    told = dns_lie(BOGON)
    first = told.observations[0]
    late = DnsReply(offset_us=40_000, rcode=0)
    object.__setattr__(first.detail, "later_replies", (late,))
    assert evidence.answer(facts(told)).endswith("; another, different reply came later")


def test_who_named_the_good_address_is_told() -> None:
    told = story().says(Failure.DNS_NXDOMAIN).names(NEAR, by=ResolverKind.UDP).connects(NEAR).handshakes(NEAR)
    for observation in told.observations[2:]:
        object.__setattr__(observation.detail, "source", "udp")
    assert "named by a public resolver" in evidence.elsewhere(facts(told))
