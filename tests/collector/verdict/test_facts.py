"""What rules may ask."""

import pytest

from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.facts import Facts
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import Failure, ResolverKind, Step
from support.factories import (
    DOH,
    FAR,
    FORGED,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    bad_certificate,
    dns_trouble,
    offline,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_light,
)

NOWHERE = NetworkContext()


def facts(
    told: Story, *controls: Story, references: tuple[Story, ...] = (), network: NetworkContext = NOWHERE
) -> Facts:
    return Facts(
        measurement=told.measurement(network=network),
        controls=[control.measurement(at=NOON + 1) for control in controls],
        references=[reference.measurement() for reference in references],
    )


def test_a_site_is_reached_by_certificate_and_answer() -> None:
    assert (True, True, None) == (facts(works()).reached, facts(works()).requested, facts(works()).step)


def test_a_light_look_reaches_it_without_a_request() -> None:
    assert (True, False) == (facts(works_light()).reached, facts(works_light()).requested)


def test_a_plain_answer_is_no_proof_of_the_site() -> None:
    assert (False, True) == (facts(works(PLAIN)).reached, facts(works(PLAIN)).requested)


def test_a_chain_that_ends_early_at_a_later_pass_has_ended() -> None:
    told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 301, location="https://x.com/")
    told.follows("x.com").names(NEAR).fails_tcp(NEAR, SILENCE)
    told.hop, told.attempt = 0, 2
    told.connects(NEAR).answers(NEAR, 200)
    assert facts(told).step is None


def test_redirects_without_an_end_are_judged_where_they_end() -> None:
    told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 301).follows("x.com").names(NEAR)
    assert Step.TCP is facts(told.fails_tcp(NEAR, RESET)).step


@pytest.mark.parametrize(
    ("told", "network", "is_offline"),
    [
        (offline(), NOWHERE, True),
        (works(), NOWHERE, False),
        (works(), NetworkContext(ipv4=False), True),
        (works(), NetworkContext(ipv4=False, ipv6=True), False),
        (dns_trouble(SILENCE), NOWHERE, False),
    ],
)
def test_offline_is_when_nobody_answers(told: Story, network: NetworkContext, is_offline: bool) -> None:
    assert is_offline is facts(told, network=network).offline


def test_references_fail_when_all_end_at_the_same_step_or_before() -> None:
    anomaly = tcp_trouble(SILENCE)
    assert facts(anomaly, references=(tcp_trouble(SILENCE), dns_trouble(SILENCE))).references_fail
    assert not facts(anomaly, references=(tcp_trouble(SILENCE), works())).references_fail
    assert not facts(anomaly, references=(tls_trouble(RESET),)).references_fail
    assert not facts(anomaly).references_fail
    assert not facts(works(), references=(dns_trouble(SILENCE),)).references_fail


def test_isolation_counts_on_an_address_where_the_name_failed() -> None:
    assert facts(tls_trouble(RESET)).isolated
    assert not facts(tls_trouble(RESET, isolated=False)).isolated
    assert not facts(tls_trouble(RESET, isolated=None).isolates(FORGED)).isolated


@pytest.mark.parametrize(
    ("host", "diverted"),
    [("www.x.co.uk", False), ("m.x.com", False), ("warning.example", True), ("xx.com", True)],
)
def test_a_site_of_another_name_is_a_diversion(host: str, diverted: bool) -> None:
    told = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 302, location=f"http://{host}/").follows(host)
    assert diverted is facts(told.names(FORGED).connects(FORGED).answers(FORGED)).diverted


def test_the_name_is_the_target_s_where_no_step_tells() -> None:
    assert "x.com" == facts(story()).name


def test_a_denied_name_ends_the_way_although_it_is_there_by_doh() -> None:
    told = facts(dns_trouble(Failure.DNS_NXDOMAIN))
    assert (Step.DNS, True) == (told.step, told.naming.elsewhere)


@pytest.mark.parametrize(
    ("background", "told", "works"),
    [
        (NOTHING, quic_trouble(SILENCE), False),
        (Background(quic_works=False), quic_trouble(SILENCE), False),
        (Background(quic_works=True), quic_trouble(SILENCE), True),
        (NOTHING, quic_trouble(SILENCE, isolated=True), True),
    ],
)
def test_quic_works_where_somebody_was_reached_over_it(background: Background, told: Story, works: bool) -> None:
    assert works is Facts(measurement=told.measurement(), background=background).quic_works


def test_a_reference_that_was_sent_astray_went_wrong() -> None:
    astray = story("http://reference.example/", "reference.example").names(NEAR).connects(NEAR)
    astray.answers(NEAR, 302, location="http://portal.example/").follows("portal.example")
    astray.names(NEAR).connects(NEAR).answers(NEAR)
    assert facts(bad_certificate(), references=(astray,)).references_fail
    assert not facts(works(), references=(astray,)).references_fail


def test_a_reference_that_redirects_its_readers_by_itself_went_well() -> None:
    secure = story("https://reference.example/", "reference.example").names(NEAR).connects(NEAR).handshakes(NEAR)
    secure.answers(NEAR, 302, location="https://other.example/").follows("other.example")
    secure.names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)
    at_home = story("http://reference.example/", "reference.example").names(NEAR).connects(NEAR).answers(NEAR)
    for reference in (secure, at_home):
        assert not facts(bad_certificate(), references=(reference,)).references_fail


def test_a_portal_s_page_may_have_a_certificate() -> None:
    astray = story("http://reference.example/", "reference.example").names(NEAR).connects(NEAR)
    astray.answers(NEAR, 302, location="https://portal.example/").follows("portal.example")
    astray.names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)
    assert facts(bad_certificate(), references=(astray,)).references_fail


def test_a_page_at_the_machine_s_own_address_is_an_answer_whatever_others_gave() -> None:
    assert facts(works(PLAIN).connects(FAR, DOH).answers(FAR)).requested


def test_own_addresses_fail_where_only_they_do() -> None:
    fails = story().names(FORGED).names(NEAR, by=ResolverKind.DOH).fails_tcp(FORGED, SILENCE)
    assert not facts(fails).own_address_fails
    assert facts(fails.connects(NEAR, DOH).handshakes(NEAR, DOH)).own_address_fails
    assert not facts(fails.fails_tcp(FAR, SILENCE, DOH)).own_address_fails
