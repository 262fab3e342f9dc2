"""Sentences for people."""

import pytest

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_proto.vocabulary import Failure, ResolverKind
from support.factories import (
    BOGON,
    CHAT,
    CONTROL,
    DOH,
    FAR,
    FORGED,
    NAME,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    SIX,
    Story,
    bad_certificate,
    cut_short_and_unanswered,
    dead,
    dns_lie,
    dns_trouble,
    http_trouble,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_light,
)

BY_UDP, BY_DOH = ResolverKind.UDP, ResolverKind.DOH


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
            "Asked for x.com, the machine's resolver gave the answer that there is no such name (dns_nxdomain_error) "
            "after 12 ms, 3 times",
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
            "TCP to 104.244.42.1:443 got no answer (generic_timeout_error) in 12 ms, once",
        ),
        (
            evidence.certificate(facts(bad_certificate())),
            "TCP to 104.244.42.1:443 worked; ClientHello with x.com got a certificate that no public root vouches for "
            "(ssl_unknown_authority) after 12 ms, 3 times in a row; the certificate came from Somebody else",
        ),
        (
            evidence.requesting(facts(http_trouble(RESET))),
            "The request to http://x.com/ got RST (connection_reset) after 12 ms, 3 times in a row",
        ),
        (
            evidence.answer(facts(cut_short_and_unanswered(SILENCE))),
            "The machine's resolver cut its answer for x.com short, and over TCP there was "
            "no answer (generic_timeout_error) in 12 ms",
        ),
        (evidence.controls(facts(dead())), "No control measured it at about that time"),
        (
            evidence.controls(facts(dead(), dead())),
            "The one control measurement failed at that step or before, too",
        ),
        (
            evidence.controls(facts(dead(), dead(), works(), works())),
            "2 of 3 control measurements connected at about that time",
        ),
        (
            evidence.handshaking(facts(quic_trouble(SILENCE))),
            "A QUIC handshake with x.com at 104.244.42.1:443 got no answer (generic_timeout_error) in 12 ms, "
            "3 times in a row; example.com got no answer (generic_timeout_error) in 12 ms there",
        ),
        (
            evidence.answer(facts(story().names(FORGED, chosen="8.8.8.8"))),
            "The public resolver 8.8.8.8, which this machine uses, said 39.156.1.2 for x.com",
        ),
        (
            evidence.others_said(facts(story().names(FORGED).names(FORGED, by=BY_UDP).names(NEAR, by=BY_DOH), works())),
            "The machine's resolver said 39.156.1.2 for x.com; DNS over HTTPS said 104.244.42.1; "
            "controls said 104.244.42.1; a public resolver, asked in plain text, said the same",
        ),
        (
            evidence.others_said(facts(story().names(NEAR))),
            "The machine's resolver said 104.244.42.1 for x.com; nobody else named an address",
        ),
        (
            evidence.elsewhere(
                facts(story().says(Failure.DNS_NXDOMAIN).connects(NEAR, CONTROL).handshakes(NEAR, CONTROL))
            ),
            "Asked for x.com, the machine's resolver gave the answer that there is no such name (dns_nxdomain_error) "
            "after 12 ms; 104.244.42.1, named by the controls, showed a certificate valid for x.com",
        ),
        (
            evidence.reached(facts(works().fails_tcp(SIX, SILENCE))),
            "104.244.42.1 showed a certificate valid for x.com and answered HTTP 200; "
            "over IPv6 2606:4700::1 got no answer (generic_timeout_error) in 12 ms",
        ),
        (
            evidence.reached(facts(works().names(FAR).connects(FAR).fails_tls(FAR, RESET))),
            "104.244.42.1 showed a certificate valid for x.com and answered HTTP 200; "
            "104.244.42.193 got RST (connection_reset) after 12 ms",
        ),
        (
            evidence.reached(facts(works(address=SIX).names(NEAR).fails_tcp(NEAR, SILENCE))),
            "2606:4700::1 showed a certificate valid for x.com and answered HTTP 200; "
            "104.244.42.1 got no answer (generic_timeout_error) in 12 ms",
        ),
        (
            evidence.handshaking(facts(tls_trouble(RESET, passes=1, isolated=None).fails_tcp(NEAR, SILENCE))),
            "TCP to 104.244.42.1:443 worked; ClientHello with x.com got RST (connection_reset) after 12 ms, once; "
            "after that TCP to the same address got no answer (generic_timeout_error) in 12 ms",
        ),
        (
            evidence.elsewhere(facts(bad_certificate(FORGED).connects(NEAR, DOH).handshakes(NEAR, DOH))),
            "The machine's resolver said 39.156.1.2 for x.com; TCP to 39.156.1.2:443 worked; ClientHello with x.com "
            "got a certificate that no public root vouches for (ssl_unknown_authority) after 12 ms, 3 times in a row; "
            "the certificate came from Somebody else; 104.244.42.1, named by DNS over HTTPS, showed a certificate "
            "valid for x.com",
        ),
        (
            evidence.refused(facts(story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 403), works())),
            'https://x.com/ answered HTTP 403, 5000 bytes, title "Welcome to the site"; controls were given HTTP 200',
        ),
        (
            evidence.raced(facts(story(NAME).names(FORGED, later=(NEAR,)).names(NEAR, by=BY_DOH))),
            "The machine's resolver said 39.156.1.2 for x.com; a second answer, 104.244.42.1, came 16 ms later; "
            "DNS over HTTPS said 104.244.42.1",
        ),
        (
            evidence.raced(facts(story().names(FORGED, later=(NEAR,)).names(NEAR, by=BY_DOH).fails_tcp(FORGED, RESET))),
            "The machine's resolver said 39.156.1.2 for x.com; a second answer, 104.244.42.1, came 16 ms later; "
            "DNS over HTTPS said 104.244.42.1; TCP to 39.156.1.2:443 got RST (connection_reset) after 12 ms, once",
        ),
        (
            evidence.address_fails(facts(story(PLAIN).names(FORGED).fails_tcp(FORGED, RESET).connects(NEAR, DOH))),
            "The machine's resolver said 39.156.1.2 for x.com; nobody else named an address; "
            "TCP to 39.156.1.2:80 got RST (connection_reset) after 12 ms, once; 104.244.42.1 answered for x.com",
        ),
        (
            evidence.elsewhere(
                facts(dns_trouble(Failure.DNS_REFUSED, passes=1).names(NEAR, by=BY_UDP).says(SILENCE, BY_UDP))
            ),
            "Asked for x.com, the machine's resolver gave a refusal (dns_refused_error) after 12 ms; 104.244.42.1, "
            "named by DNS over HTTPS and a public resolver, showed a certificate valid for x.com",
        ),
        (
            evidence.nothing_over_quic(facts(quic_trouble(SILENCE, passes=1))),
            "A QUIC handshake with x.com at 104.244.42.1:443 got no answer (generic_timeout_error) in 12 ms, once; "
            "example.com got no answer (generic_timeout_error) in 12 ms there; nothing else was reached over QUIC from "
            "here at about that time",
        ),
        (evidence.connected(facts(story(CHAT).names(NEAR).connects(NEAR))), "TCP to 104.244.42.1:5222 worked"),
    ],
)
def test_a_sentence_says_what_was_seen(sentence: str, said: str) -> None:
    assert said == sentence


def test_a_race_of_replies_is_told() -> None:
    told = story().names(FORGED, later=(NEAR,)).names(NEAR, by=BY_DOH)
    assert evidence.answer(facts(told)).endswith("; a second answer, 104.244.42.1, came 16 ms later")


def test_who_named_the_good_address_is_told() -> None:
    told = story().says(Failure.DNS_NXDOMAIN).names(NEAR, by=ResolverKind.UDP).connects(NEAR).handshakes(NEAR)
    for observation in told.observations[2:]:
        object.__setattr__(observation.detail, "source", "udp")
    assert "named by a public resolver" in evidence.elsewhere(facts(told))
