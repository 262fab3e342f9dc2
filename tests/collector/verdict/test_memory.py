"""What was judged before by the same evidence is not judged again, and by other evidence it is."""

from dataclasses import replace

import pytest

from rabta_collector.verdict import memory
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.memory import judge_once
from rabta_proto.vocabulary import Judgement
from support.factories import NOON, SILENCE, tcp_trouble, works

SILENT = tcp_trouble(SILENCE)
BACKGROUND = Background(controls_sound=True)


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    memory._judged.cache_clear()


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
