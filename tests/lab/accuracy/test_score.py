import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.accuracy.score import NOTHING, Run, confusion, mechanisms, missed_bars, scores, states, throttling, to_json
from lab.scenario import load_scenarios
from rabta_proto.vocabulary import Mechanism, State

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}


def run(id_: str, state: str, mechanism: str | None = None, *, lab: str = "loopback", repeat: int = 1) -> Run:
    return Run(lab=lab, repeat=repeat, scenario=SCENARIOS[id_], state=state, mechanism=mechanism)


RIGHT = run("sni-reset", "blocked", "tls.reset.sni")
OTHER_MECHANISM = run("sni-reset", "blocked", "tls.reset.other")
OTHER_STEP = run("sni-reset", "blocked", "tcp.timeout")
NOT_FOUND = run("sni-reset", "inconclusive")
OPEN = run("plain-https", "reachable")


@pytest.mark.parametrize(
    ("one", "right", "right_step", "harmful"),
    [
        (RIGHT, True, True, False),
        (OTHER_MECHANISM, False, True, False),
        (OTHER_STEP, False, False, False),
        (NOT_FOUND, False, False, False),
        (OPEN, True, False, False),
        (run("throttle-sni-128k", "throttled", "throttle.sni"), True, True, False),
        (run("throttle-sni-128k", "throttled", "throttle.ip"), False, True, False),
        (run("throttle-sni-128k", "reachable"), False, False, False),
        (run("plain-https", "inconclusive"), False, False, False),
        (run("plain-https", "blocked", "tcp.timeout"), False, False, True),
        (run("plain-https", "throttled", "throttle.sni"), False, False, True),
        (run("redirect-loop-https", "down"), True, False, False),  # not wrong either
        (run("sni-reset-residual", "blocked", "tls.reset.sni"), True, True, False),  # likewise
        (run("half-blocked", "disrupted"), True, False, False),
    ],
)
def test_a_run_is_right_or_harmful(one: Run, right: bool, right_step: bool, harmful: bool) -> None:
    assert (right, right_step, harmful) == (one.right, one.right_step, one.harmful)


def test_what_is_not_wrong_either_counts_as_expected() -> None:
    table = confusion(
        [run("redirect-loop-https", "down"), run("sni-reset-residual", "blocked", "tls.reset.sni")], states
    )
    assert {("down", "down"): 1, ("blocked", "blocked"): 1} == table
    runs = [run("sni-reset-residual", "blocked", "tls.reset.sni"), run("sni-reset-residual", "blocked", "tcp.reset")]
    assert {("tls.reset.sni", "tls.reset.sni"): 1, ("tls.reset.other", "tcp.reset"): 1} == confusion(runs, mechanisms)


def test_precision_and_recall_are_of_runs() -> None:
    runs = [RIGHT, RIGHT, OTHER_MECHANISM, NOT_FOUND, OPEN, run("plain-https", "blocked", "tls.reset.sni")]
    by_name = {score.mechanism: score for score in scores(confusion(runs, mechanisms))}
    reset = by_name["tls.reset.sni"]
    assert (4, 3, 2 / 3, 0.5) == (reset.runs, reset.seen, reset.precision, reset.recall)
    other = by_name["tls.reset.other"]
    assert (0, 1, 0.0, None) == (other.runs, other.seen, other.precision, other.recall)
    assert NOTHING not in by_name


def test_nothing_is_missed_where_all_is_right() -> None:
    assert [] == missed_bars([RIGHT, OPEN] * 20)


def test_one_innocent_run_called_blocked_is_one_too_many() -> None:
    runs = [OPEN] * 400 + [run("plain-https", "blocked", "tcp.timeout", repeat=7)]
    assert ["loopback: plain-https: innocent, and called blocked (tcp.timeout) in repeat 7"] == missed_bars(runs)


def test_the_right_step_is_wanted_in_every_run() -> None:
    assert ["loopback: sni-reset: blocked at the right step in 19 of 20 runs, not in all"] == missed_bars(
        [RIGHT] * 19 + [OTHER_STEP]
    )


def test_the_exact_mechanism_may_be_missed_once_in_twenty() -> None:
    assert [] == missed_bars([RIGHT] * 19 + [OTHER_MECHANISM])
    assert ["loopback: sni-reset: the exact mechanism in 18 of 20 runs, fewer than 19 of 20"] == missed_bars(
        [RIGHT] * 18 + [OTHER_MECHANISM] * 2
    )


def test_labs_are_held_to_the_bars_one_by_one() -> None:
    runs = [RIGHT] * 40 + [run("sni-reset", "blocked", "tls.reset.other", lab="netns")]
    assert ["netns: sni-reset: the exact mechanism in 0 of 1 runs, fewer than 19 of 20"] == missed_bars(runs)


def test_a_detector_that_knows_nothing_misses_a_bar() -> None:
    unknown = run("plain-https", "inconclusive")
    assert [] == missed_bars([OPEN] * 19 + [unknown])
    assert ["loopback: the right state in 18 of 20 innocent runs, fewer than 19 of 20"] == missed_bars(
        [OPEN] * 18 + [unknown] * 2
    )


def test_the_json_holds_runs_scores_and_what_is_missed() -> None:
    read = json.loads(json.dumps(to_json([RIGHT, NOT_FOUND])))
    assert ["sni-reset", "sni-reset"] == [one["scenario"] for one in read["runs"]]
    lab = read["labs"]["loopback"]
    assert (2, 1) == (lab["runs"], lab["right"])
    assert [
        {"expected": "blocked", "seen": "blocked", "runs": 1},
        {"expected": "blocked", "seen": "inconclusive", "runs": 1},
    ] == lab["states"]
    assert 0.5 == lab["scores"][0]["recall"]
    assert 2 == len(read["missed"])


RUNS = st.lists(
    st.builds(
        Run,
        lab=st.sampled_from(["loopback", "netns"]),
        repeat=st.integers(1, 3),
        scenario=st.sampled_from(list(SCENARIOS.values())),
        state=st.sampled_from(list(State)),
        mechanism=st.none() | st.sampled_from(list(Mechanism)),
    )
)


SLOWED = run("throttle-sni-64k", "throttled", "throttle.sni", lab="netns")
MISSED = run("throttle-sni-64k", "reachable", lab="netns")
FREE = run("object-loss-5", "reachable", lab="netns")


def test_throttling_has_bars_of_its_own() -> None:
    one = throttling([SLOWED, SLOWED, FREE])
    assert (2, 2, 2, 1.0, 1.0, ()) == (one.expected, one.seen, one.hit, one.recall, one.precision, one.bands)
    assert [] == missed_bars([SLOWED] * 19 + [MISSED] + [FREE] * 20)


def test_a_band_that_is_not_found_is_named() -> None:
    one = throttling([SLOWED, MISSED])
    assert (0.5, 1.0, ("throttle-sni-64k (1 of 2)",)) == (one.recall, one.precision, one.bands)
    (line,) = missed_bars([SLOWED, MISSED])
    assert line == "netns: throttling: recall 0.500, below 0.95; throttle-sni-64k (1 of 2)"


def test_what_is_called_throttled_and_is_not_costs_precision() -> None:
    lied = run("object-loss-5", "throttled", "throttle.sni", lab="netns")
    assert 0.5 == throttling([SLOWED, lied]).precision
    assert any("precision 0.500" in line for line in missed_bars([SLOWED, lied]))


@given(RUNS)
def test_no_run_is_lost_in_a_table_and_shares_are_shares(runs: list[Run]) -> None:
    table = confusion(runs, mechanisms)
    assert len(runs) == sum(table.values()) == sum(confusion(runs, states).values())
    for score in scores(table):
        assert score.hit <= min(score.runs, score.seen)
        assert all(share is None or 0 <= share <= 1 for share in (score.precision, score.recall))


@given(RUNS)
def test_a_bar_is_missed_where_harm_was_done(runs: list[Run]) -> None:
    assert sum(one.harmful for one in runs) == sum("innocent, and called" in line for line in missed_bars(runs))
