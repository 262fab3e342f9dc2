"""Laws that hold of every measurement, sensible or not."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth, Failure, Judgement, Mechanism
from support.factories import (
    BOGON,
    EOF,
    FORGED,
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
    gone,
    http_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
)
from support.strategies import measurements

CONTROLS = (works().measurement(at=NOON - 5), works().measurement(at=NOON + 5))


def distinct(measurement: Measurement) -> Measurement:
    """The same with offsets of its own for each observation, as a real one has."""
    seen = measurement.observations
    return replace(measurement, observations=tuple(replace(o, offset_us=n * 1000) for n, o in enumerate(seen)))


@pytest.mark.parametrize("controls", [(), CONTROLS], ids=["no control", "controls"])
@pytest.mark.parametrize("failure", [SILENCE, RESET, EOF, Failure.CONNECTION_REFUSED, Failure.DNS_SERVER_MISBEHAVING])
def test_a_resolver_without_tcp_is_no_block(failure: str, controls: Sequence[Measurement]) -> None:
    told = cut_short_and_unanswered(failure).measurement()
    assert Judgement.INCONCLUSIVE is classify(told, controls).judgement


def test_an_answer_that_came_over_tcp_is_an_answer() -> None:
    told = story().cuts_short(over_tcp=NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR).measurement()
    assert Judgement.OK is classify(told, CONTROLS).judgement


STORIES = [
    works(),
    works(PLAIN),
    dead(),
    gone(),
    *(tls_trouble(failure, isolated=isolated) for failure in (RESET, SILENCE, EOF) for isolated in (True, False)),
    bad_certificate(),
    bad_certificate(FORGED),
    tcp_trouble(SILENCE),
    tcp_trouble(RESET, target=PLAIN),
    dns_trouble(Failure.DNS_NXDOMAIN),
    dns_trouble(SILENCE, elsewhere=False),
    dns_lie(BOGON),
    http_trouble(RESET),
    story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, body_bytes=300, title="Surf Safely", header_names=()),
    story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 302, location="https://warning.example/"),
    story(PLAIN).follows("warning.example").names(FORGED).connects(FORGED).handshakes(FORGED).answers(FORGED),
]
SIGHTS = [observation for told in STORIES for observation in told.observations]


@st.composite
def mixtures(draw: st.DrawFn, stories: Sequence[Story] = STORIES) -> Measurement:
    """A story's beginning, and then whatever was seen in others: far more often judged than what is arbitrary."""
    told = draw(st.sampled_from(stories))
    kept = told.observations[: draw(st.integers(len(told.observations) // 2, len(told.observations)))]
    others = draw(st.lists(st.sampled_from(SIGHTS), max_size=5))
    measurement = told.measurement(at=NOON + draw(st.integers(-600, 600)), depth=draw(st.sampled_from(Depth)))
    return distinct(replace(measurement, observations=(*kept, *others)))


@settings(max_examples=40)
@given(measurements(), st.lists(measurements(), max_size=2), st.lists(measurements(), max_size=1))
def test_every_measurement_has_a_finding(
    measurement: Measurement, controls: list[Measurement], references: list[Measurement]
) -> None:
    found = classify(measurement, controls, references)
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


@given(mixtures([works(), works(PLAIN)]), st.lists(mixtures(), max_size=3), mixtures())
def test_more_controls_never_turn_ok_into_blocked(
    measurement: Measurement, controls: list[Measurement], another: Measurement
) -> None:
    if classify(measurement, controls).judgement is Judgement.OK:
        assert classify(measurement, [*controls, another]).judgement is not Judgement.BLOCKED


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
    told = "TCP to 104.244.42.1:443 worked; ClientHello with x.com got connection_reset after 12 ms, 3 times in a row; "
    (reason,) = classify(tls_trouble(RESET).measurement()).reasons
    assert told + "the same address answered for example.com" == reason


def test_reasons_tell_of_controls_where_they_decide() -> None:
    assert "2 of 2 control measurements got past that step at about that time" in (
        classify(tcp_trouble(SILENCE).measurement(), CONTROLS).reasons
    )


def test_a_ghost_says_so() -> None:
    controls = (dead().measurement(at=NOON + 1), dead().measurement(at=NOON + 2))
    reasons = classify(tls_trouble(RESET).measurement(), controls).reasons
    assert "a block that outlived its site" in reasons[-1]
