"""Laws that hold of every measurement, sensible or not."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import classify, classify_alone
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import HttpRoundTrip, Measurement, NetworkContext
from rabta_proto.vocabulary import Depth, Failure, Judgement, Mechanism, ResolverKind, Step
from support.factories import (
    BOGON,
    CHAT,
    EOF,
    FORGED,
    NAME,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    cut_short_and_unanswered,
    dead,
    dns_lie,
    dns_trouble,
    gone,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_over_quic,
)
from support.mixtures import backgrounds, mixtures
from support.strategies import measurements
from support.varied import sent

CONTROLS = (works().measurement(at=NOON - 5), works().measurement(at=NOON + 5))


@pytest.mark.parametrize("controls", [(), CONTROLS], ids=["no control", "controls"])
@pytest.mark.parametrize("failure", [SILENCE, RESET, EOF, Failure.CONNECTION_REFUSED, Failure.DNS_SERVER_MISBEHAVING])
def test_a_resolver_without_tcp_is_no_block(failure: str, controls: Sequence[Measurement]) -> None:
    told = cut_short_and_unanswered(failure).measurement()
    assert Judgement.INCONCLUSIVE is classify(told, controls).judgement


def test_an_answer_that_came_over_tcp_is_an_answer() -> None:
    told = story().cuts_short(over_tcp=NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR).measurement()
    assert Judgement.OK is classify(told, CONTROLS).judgement


@settings(max_examples=40)
@given(measurements(), st.lists(measurements(), max_size=2), st.lists(measurements(), max_size=1), backgrounds)
def test_every_measurement_has_a_finding(
    measurement: Measurement, controls: list[Measurement], references: list[Measurement], background: Background
) -> None:
    found = classify(measurement, controls, references, background=background)
    assert found == classify(measurement, controls, references, background=background)
    assert (found.weight > 0) == (found.judgement is not Judgement.INCONCLUSIVE)
    assert RULES_BY_ID[found.rule].judgement is found.judgement
    assert (found.mechanism is not None) == (found.judgement is Judgement.BLOCKED)
    assert found.reasons
    assert all(found.reasons)


@given(mixtures(), st.lists(mixtures(), max_size=2), st.randoms(use_true_random=False))
def test_the_order_of_observations_is_of_no_account(
    measurement: Measurement, controls: list[Measurement], rng: Random
) -> None:
    shuffled = list(measurement.observations)
    rng.shuffle(shuffled)
    assert classify(measurement, controls) == classify(replace(measurement, observations=tuple(shuffled)), controls)


GOOD = [
    works(),
    works(PLAIN),
    works_over_quic(),
    story(CHAT).names(NEAR).connects(NEAR),
    story(CHAT).names(FORGED, later=(NEAR,)).connects(FORGED),
    story(NAME).names(NEAR).names(NEAR, by=ResolverKind.DOH),
]


@settings(max_examples=300)
@given(mixtures(GOOD), st.lists(mixtures(), max_size=3), mixtures(), backgrounds)
def test_more_controls_never_turn_ok_into_blocked(
    measurement: Measurement, controls: list[Measurement], another: Measurement, background: Background
) -> None:
    if classify(measurement, controls, background=background).judgement is Judgement.OK:
        judgement = classify(measurement, [*controls, another], background=background).judgement
        assert judgement is not Judgement.BLOCKED


@given(mixtures(), st.lists(mixtures(), max_size=3), st.none() | st.just(False))
def test_quic_is_never_called_blocked_where_nothing_was_reached_over_it(
    measurement: Measurement, controls: list[Measurement], quic_works: bool | None
) -> None:
    found = classify(measurement, controls, background=Background(quic_works=quic_works))
    if found.judgement is Judgement.BLOCKED and found.step is Step.QUIC:
        answered = [o for o in measurement.observations if o.step is Step.QUIC and o.detail.server_answered]  # type: ignore[union-attr]
        assert answered


def of_the_future(measurement: Measurement) -> Measurement:
    """The same from an agent of whose words this version knows none, read from the wire."""
    message = to_message(measurement)
    for observation in message.observations:
        if observation.HasField("failure"):
            observation.failure = "failure_of_the_future"
    _renumber(message)
    return from_message(message)


def _renumber(message: Message) -> None:
    """Puts a number that no version gives a meaning in place of every enum's, at any depth."""
    for field, value in message.ListFields():
        if field.enum_type is not None:
            setattr(message, field.name, 9_999)
        elif field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                _renumber(part)


@settings(max_examples=300)
@given(mixtures(), st.lists(mixtures(), max_size=2), backgrounds)
def test_words_of_a_newer_agent_are_never_taken_for_a_block(
    measurement: Measurement, controls: list[Measurement], background: Background
) -> None:
    """Pages are told by what they hold, and not by a word; a page that came is believed."""
    found = classify(of_the_future(measurement), controls, background=background)
    if found.judgement is Judgement.BLOCKED:
        assert found.step is Step.HTTP or "page" in found.rule, found
        assert any(isinstance(o.detail, HttpRoundTrip) and o.detail.status for o in measurement.observations)


@given(measurements(), st.lists(measurements(), max_size=2))
def test_words_of_a_newer_agent_break_nothing(measurement: Measurement, controls: list[Measurement]) -> None:
    future = [of_the_future(one) for one in (measurement, *controls)]
    assert classify(future[0], future[1:]).reasons
    assert all(o.failure in (None, "failure_of_the_future") for o in future[0].observations)


def test_a_target_of_a_kind_that_is_not_known_yet_is_not_judged_by_its_connection() -> None:
    told = replace(story().names(NEAR).connects(NEAR).measurement(), target="wireguard://x.com:51820")
    assert Judgement.INCONCLUSIVE is classify(told, CONTROLS).judgement


@pytest.mark.parametrize("failure", [None, RESET])
def test_a_name_in_two_segments_makes_no_site_reachable(failure: str | None) -> None:
    told = tls_trouble(RESET).splits(NEAR, failure)
    found = classify(told.measurement(), CONTROLS)
    assert "tls.reset.sni.isolated" == found.rule
    through = "got through" if failure is None else "did not get through either"
    assert f"a ClientHello in two segments {through}" in found.reasons[0]


def test_a_control_that_never_came_to_a_step_says_nothing_of_it() -> None:
    reset = tls_trouble(RESET, isolated=None).measurement()
    short = story().names(NEAR).connects(NEAR).measurement(at=NOON + 10)
    assert ["control.none", "tls.reset.control_valid"] == [
        classify(reset, controls).rule for controls in ([short], [short, works().measurement(at=NOON + 10)])
    ]


@given(mixtures(), st.lists(mixtures(), max_size=3), st.lists(mixtures(), max_size=2))
def test_failed_references_never_make_a_block(
    measurement: Measurement, controls: list[Measurement], references: list[Measurement]
) -> None:
    if classify(measurement, controls).judgement is not Judgement.BLOCKED:
        assert classify(measurement, controls, references).judgement is not Judgement.BLOCKED


@given(mixtures(), st.lists(mixtures(), max_size=3))
def test_nothing_counts_through_a_vpn(measurement: Measurement, controls: list[Measurement]) -> None:
    measurement = replace(measurement, network=NetworkContext(vpn=True))
    assert classify(measurement, controls).judgement is Judgement.INCONCLUSIVE


@given(st.lists(st.sampled_from([SILENCE, RESET, Failure.CONNECTION_REFUSED]), min_size=1, max_size=2))
def test_success_after_repeats_is_ok(failures: list[str]) -> None:
    told = story()
    for failure in failures:
        told.names(NEAR).connects(NEAR).fails_tls(NEAR, failure).isolates(NEAR).again()
    told.names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)
    assert Judgement.OK is classify(told.measurement(), CONTROLS).judgement


def lossy(rng: Random, rate: float) -> Story:
    """What an agent sees of a good site when each of its steps is lost at this rate."""
    told = story()
    for _ in range(3):
        if _lossy_pass(told, rng, rate):
            return told
        told.again()
    return told


def _lossy_pass(told: Story, rng: Random, rate: float) -> bool:
    def lost() -> bool:
        return rng.random() < rate

    if lost():
        told.says(SILENCE)
        return False
    told.names(NEAR)
    if lost():
        told.fails_tcp(NEAR, SILENCE)
        return False
    told.connects(NEAR)
    if lost():
        told.fails_tls(NEAR, SILENCE).isolates(NEAR, answered=not lost(), failure=None)
        return False
    told.handshakes(NEAR)
    if lost():
        told.fails_http(NEAR, SILENCE)
        return False
    told.answers(NEAR)
    return True


def test_five_per_cent_loss_is_not_taken_for_a_block() -> None:
    rng = Random(5)
    findings = [classify(lossy(rng, 0.05).measurement(), CONTROLS).judgement for _ in range(3000)]
    assert findings.count(Judgement.OK) > 0.98 * len(findings)
    # Three passes in a row lost at one step: one measurement of one agent in a thousand at most, and never a quorum.
    assert findings.count(Judgement.BLOCKED) <= 3


@pytest.mark.parametrize(
    ("told", "mechanism"),
    [
        (tls_trouble(RESET), Mechanism.TLS_RESET_SNI),
        (tls_trouble(SILENCE), Mechanism.TLS_TIMEOUT_SNI),
        (dns_trouble(Failure.DNS_NXDOMAIN), Mechanism.DNS_NXDOMAIN),
        (tcp_trouble(SILENCE), Mechanism.TCP_TIMEOUT),
    ],
    ids=str,
)
def test_the_mechanisms_of_the_demo(told: Story, mechanism: Mechanism) -> None:
    assert mechanism is classify(told.measurement(), CONTROLS).mechanism


def test_reasons_tell_what_was_seen() -> None:
    said = "TCP to 104.244.42.1:443 worked; ClientHello with x.com got RST (connection_reset) after 12 ms, "
    seen = "3 times in a row; the same address answered for example.com"
    (reason,) = classify(tls_trouble(RESET).measurement()).reasons
    assert said + seen == reason


@pytest.mark.parametrize("told", [tls_trouble(RESET), tls_trouble(RESET, isolated=False)], ids=["proved", "told"])
def test_reasons_tell_of_controls_wherever_they_spoke(told: Story) -> None:
    reasons = classify(told.measurement(), CONTROLS).reasons
    assert "Both control measurements completed the handshake at about that time" == reasons[-1]


def test_reasons_tell_of_networks_nowhere_unless_somebody_asks() -> None:
    """A look into a database for each measurement would cost more than the rest of the judgement."""
    looked: list[str] = []
    classify(works().measurement(), CONTROLS, background=Background(asn_of=lambda address: looked.append(address)))
    assert [] == looked


def test_a_ghost_says_so() -> None:
    controls = (dead().measurement(at=NOON + 1), dead().measurement(at=NOON + 2))
    reasons = classify(tls_trouble(RESET).measurement(), controls).reasons
    assert "a block that outlived its site" in reasons[-1]


@given(mixtures() | mixtures(GOOD), st.lists(mixtures(), max_size=2), st.lists(mixtures(), max_size=1), backgrounds)
def test_what_is_found_without_asking_others_is_found_whatever_they_say(
    measurement: Measurement, controls: list[Measurement], references: list[Measurement], background: Background
) -> None:
    measurement = replace(measurement, depth=Depth.FULL)
    if (alone := classify_alone(sent(measurement))) is not None:
        assert alone == classify(measurement, controls, references, background=background)


def test_nobody_else_is_asked_where_a_site_works() -> None:
    first, second = (sent(works().measurement(at=NOON + at)) for at in (0, 7))
    assert classify(first) == classify_alone(first)
    assert classify_alone(first) is classify_alone(second)


@pytest.mark.parametrize("told", [tls_trouble(RESET, isolated=True), dns_lie(BOGON), works(PLAIN), gone()])
def test_others_are_asked_where_something_fails(told: Story) -> None:
    assert classify_alone(sent(told.measurement())) is None
