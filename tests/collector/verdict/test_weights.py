"""How sure rows may be."""

import pytest

from rabta_collector.verdict import weights
from rabta_collector.verdict.weights import LEAST, Weights
from rabta_proto.vocabulary import Judgement

NAMED = {name: value for name, value in vars(weights).items() if isinstance(value, Weights)}


@pytest.mark.parametrize(
    ("told", "judgement", "weight"),
    [
        (Weights(blocked=0.9, down=0.05, ok=0.05), Judgement.BLOCKED, 0.9),
        (Weights(down=LEAST), Judgement.DOWN, LEAST),
        (Weights(ok=0.7, blocked=0.3), Judgement.OK, 0.7),
        (Weights(blocked=0.5, ok=0.5), Judgement.INCONCLUSIVE, 0),
        (Weights(blocked=LEAST - 0.01), Judgement.INCONCLUSIVE, 0),
        (Weights(), Judgement.INCONCLUSIVE, 0),
    ],
)
def test_the_heaviest_judges_from_the_least_weight_on(told: Weights, judgement: Judgement, weight: float) -> None:
    assert (judgement, weight) == (told.judgement, told.of_judgement)


def test_only_one_judgement_can_have_the_least_weight() -> None:
    assert LEAST > 0.5


@pytest.mark.parametrize("name", sorted(NAMED))
def test_weights_are_shares(name: str) -> None:
    told = NAMED[name]
    assert all(0 <= share <= 1 for share in (told.blocked, told.down, told.ok))
    assert told.blocked + told.down + told.ok <= 1 + 1e-9


def test_proof_outweighs_what_controls_say_and_that_outweighs_a_comparison() -> None:
    assert weights.PROVED.blocked > weights.BY_CONTROL.blocked > weights.COMPARED.blocked >= LEAST
