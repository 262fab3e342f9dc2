import io

from rich.console import Console

from lab.accuracy.report import write_report
from lab.accuracy.score import Run
from lab.scenario import load_scenarios

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}


def told(*runs: Run) -> str:
    console = Console(file=io.StringIO(), width=160)
    write_report(console, runs)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(id_: str, state: str, mechanism: str | None = None, rule: str = "") -> Run:
    return Run(lab="loopback", repeat=1, scenario=SCENARIOS[id_], state=state, mechanism=mechanism, rule=rule)


def test_a_good_play_says_so() -> None:
    text = told(run("sni-reset", "blocked", "tls.reset.sni"), run("plain-https", "reachable"))
    assert "2 runs of 2 scenarios, 2 right" in text
    assert "No bar is missed." in text
    assert "Not right" not in text


def test_what_went_wrong_is_named_with_its_rule_and_the_bar_that_it_misses() -> None:
    text = told(run("sni-reset", "inconclusive", rule="control.none"), run("plain-https", "reachable"))
    assert "as inconclusive" in text
    assert "control.none" in text
    assert "missed: loopback: sni-reset: blocked at the right step in 0 of 1 runs, not in all" in text
    assert "No bar is missed." not in text


def test_throttling_is_told_with_its_failing_band() -> None:
    text = told(run("throttle-sni-128k", "throttled", "throttle.sni"), run("object-free", "reachable"))
    assert (
        "Throttling, loopback: 1 of 1 runs found, 1 called so; precision 1.000, recall 1.000; no failing band" in text
    )
    text = told(run("throttle-sni-128k", "reachable"))
    assert "recall 0.000; failing band: throttle-sni-128k (0 of 1)" in text
