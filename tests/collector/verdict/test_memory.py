"""What was judged before by the same evidence is not judged again, and by other evidence it is."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.verdict import memory
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.memory import Reasons, judge_once
from rabta_collector.verdict.reads import without_reads
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement
from support.factories import NEAR, NOON, PLAIN, RESET, SILENCE, Story, moment, story, tcp_trouble, tls_trouble, works
from support.mixtures import backgrounds, mixtures
from support.varied import sent, varied

SILENT = tcp_trouble(SILENCE)
BACKGROUND = Background(controls_sound=True)


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    memory._judged.cache_clear()
    memory._kind.cache_clear()


def test_the_same_evidence_says_the_same_from_memory() -> None:
    one, control = SILENT.measurement(at=NOON), works().measurement(at=NOON)
    found = judge_once(one, (control,), (), BACKGROUND)
    assert found is judge_once(one, (control,), (), replace(BACKGROUND))
    assert classify(one, (control,), (), background=BACKGROUND) == found


def test_other_evidence_is_weighed() -> None:
    one, works_there, fails_there = (story.measurement(at=NOON) for story in (SILENT, works(), SILENT))
    judged = [
        judge_once(one, (), (), BACKGROUND),
        judge_once(one, (works_there,), (), BACKGROUND),
        judge_once(one, (fails_there,), (), BACKGROUND),
        judge_once(one, (works_there,), (SILENT.measurement(at=NOON),), BACKGROUND),
    ]
    assert 4 == memory._judged.cache_info().misses
    assert Judgement.BLOCKED is judged[1].judgement
    assert 3 <= len({finding.rule for finding in judged})


def test_measurements_that_look_alike_are_two() -> None:
    for _ in range(2):
        judge_once(SILENT.measurement(at=NOON), (), (), BACKGROUND)
    assert 2 == memory._judged.cache_info().misses


def drawn(measurement: Measurement, rng: Random, *, at: float, epoch: int = 1) -> Measurement:
    """As a collector has it, begun then, with any numbers in all other fields that vary."""

    def other(value: Any) -> Any:
        if isinstance(value, bytes):
            return rng.choice([b"", b"a" * 32, b"b" * 32])
        if value is None or isinstance(value, int):
            return rng.choice([value, 0, rng.randrange(1_000), rng.randrange(10_000_000)])
        return value

    return sent(replace(varied(measurement, other), started_at=moment(at), epoch=epoch))


@st.composite
def looks(draw: st.DrawFn) -> list[tuple[Measurement, int]]:
    """Of up to two controls, each with its epoch."""
    return draw(st.lists(st.tuples(mixtures(), st.sampled_from([7, 8])), max_size=4))


@given(mixtures(), looks(), st.lists(mixtures(), max_size=1), backgrounds, st.integers(0, 2**32))
def test_what_is_found_of_a_kind_is_what_is_found_of_each_by_itself(
    measurement: Measurement,
    looks: list[tuple[Measurement, int]],
    references: list[Measurement],
    background: Background,
    seed: int,
) -> None:
    rng = Random(seed)
    for _ in range(4):
        one = drawn(measurement, rng, at=NOON)
        controls = [drawn(look, rng, at=NOON + rng.randint(-2, 2), epoch=epoch) for look, epoch in looks]
        failed = [drawn(reference, rng, at=NOON - rng.randint(0, 2)) for reference in references]
        found = judge_once(one, controls, failed, background)
        alone = classify(without_reads(one), controls, failed, background=background)
        assert (alone, tuple(alone.reasons)) == (found, tuple(found.reasons))


def judged(told: Story, at: float, *controls: Measurement, late_us: int = 0) -> Finding:
    """Of a measurement that begins at a moment and takes so much longer."""
    measurement = told.measurement(at=NOON + at)
    seen = tuple(replace(one, duration_us=one.duration_us + late_us) for one in measurement.observations)
    return judge_once(sent(replace(measurement, observations=seen)), controls, (), BACKGROUND)


def around(*delays_s: float) -> list[Measurement]:
    return [sent(works().measurement(at=NOON + delay_s, epoch=7 + n // 2)) for n, delay_s in enumerate(delays_s)]


def test_rules_are_asked_once_for_each_kind_of_failure_and_of_what_controls_saw() -> None:
    found = [judged(tls_trouble(RESET), at, *around(-9, 20, -5, 30)) for at in (0, 3, 17)]
    assert (1, 2) == (memory._kind.cache_info().misses, memory._kind.cache_info().hits)
    assert 1 == len({finding.rule for finding in found})
    judged(tls_trouble(RESET), 25, *around(-9, 20, -5, 30))  # one control has not looked since
    judged(tls_trouble(SILENCE), 0, *around(-9, 20, -5, 30))
    assert 3 == memory._kind.cache_info().misses
    assert 0 == memory._judged.cache_info().misses


def test_each_is_told_of_with_numbers_of_its_own() -> None:
    quick, slow = (judged(tls_trouble(RESET), 0, *around(5), late_us=late_us) for late_us in (0, 40_000))
    assert (1, 1) == (memory._kind.cache_info().misses, memory._kind.cache_info().hits)
    assert ["after 12 ms" in quick.reasons[0], "after 52 ms" in slow.reasons[0]] == [True, True]
    assert 2 == len(slow.reasons) == len(slow.reasons[:])


def test_reasons_outlive_a_checkpoint() -> None:
    found = judged(tls_trouble(RESET), 0, *around(-5, 5))
    assert isinstance(found.reasons, Reasons)
    assert found == pickle.loads(pickle.dumps(found))  # noqa: S301 - our own


@pytest.mark.parametrize("sizes", [(900, 900), (900, 90_000)])
def test_where_rules_ask_for_a_number_nothing_is_shared(sizes: Sequence[int]) -> None:
    page = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 403, body_bytes=sizes[0])
    control = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 403, body_bytes=sizes[1])
    one, look = sent(page.measurement()), sent(control.measurement(at=NOON + 1))
    assert classify(one, (look,), background=BACKGROUND) == judge_once(one, (look,), (), BACKGROUND)
    assert 1 == memory._judged.cache_info().misses
