"""Who finds otherwise than all others, once it is settled what is so, is known for it for a while."""

import pytest

from rabta_collector.outliers import HALF_S, LEAST, ROOM, Outliers
from rabta_proto.vocabulary import State
from support.factories import NOON, RESET, Story, tls_trouble, works
from support.feeds import CATALOGUE, Feed, make_engine, play

FEED = Feed(agents={"ptcl": 5, "nayatel": 3, "jazz": 3})


def hear(outliers: Outliers, agent: str, told: str, start: float = 0.0) -> None:
    """A finding a second; `x` is against the verdict."""
    for second, letter in enumerate(told):
        outliers.hear(agent, against=letter == "x", now=start + second)


def test_a_score_is_the_share_of_findings_against_the_verdict() -> None:
    outliers = Outliers()
    hear(outliers, "a", "x....." * 10)
    hear(outliers, "b", "x" * (int(LEAST) - 1))  # too few
    assert {"a": pytest.approx(1 / 6, rel=1e-3)} == outliers.scores()


def test_what_is_long_past_counts_for_less() -> None:
    outliers = Outliers()
    hear(outliers, "a", "x" * 40)
    hear(outliers, "a", "." * 40, start=2 * HALF_S)
    assert {"a": pytest.approx(0.2, rel=1e-3)} == outliers.scores()


def test_those_of_whom_little_is_left_are_forgotten() -> None:
    outliers = Outliers()
    for number in range(ROOM):
        outliers.hear(str(number), against=False, now=0.0)
    outliers.hear("late", against=False, now=10 * HALF_S)
    assert 1 == len(outliers._records)


def test_a_liar_is_known_and_those_who_see_a_block_first_are_not() -> None:
    """One of five tells of a block for an hour; then there is one, and it tells of none."""
    engine = make_engine()
    blocked = tls_trouble(RESET)

    def told(since: float) -> object:
        def see(isp: str, agent: str) -> Story | None:
            lies = agent == "ptcl-0"
            real = isp == "ptcl" and since > NOON
            return works() if isp != "ptcl" or lies == real else blocked

        return see

    calm = FEED.tell(NOON, NOON + 3600, told(NOON))  # type: ignore[arg-type]
    block = FEED.tell(NOON + 3600, NOON + 7200, told(NOON + 3600))  # type: ignore[arg-type]
    play(engine, [*FEED.presence(NOON, True), *calm, *block], until=NOON + 7200)
    assert State.BLOCKED is engine.briefing.state_of(("ptcl", "x", CATALOGUE.platforms[0].targets[0].url))
    scores = engine.briefing.outlier_scores()
    assert scores.pop("ptcl-0") > 0.9
    assert {0.0} == {score for agent, score in scores.items() if agent.startswith("ptcl")}
