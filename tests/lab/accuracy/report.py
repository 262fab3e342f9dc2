"""The score as tables in the terminal."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.accuracy.score import (
    NOTHING,
    Confusion,
    Run,
    Throttling,
    confusion,
    mechanisms,
    missed_bars,
    scores,
    states,
    throttling,
)


def write_report(console: Console, runs: Sequence[Run]) -> None:
    """Everything, lab by lab, and what is missed."""
    for lab in dict.fromkeys(run.lab for run in runs):
        write_lab(console, lab, [run for run in runs if run.lab == lab])
    wrong = [run for run in runs if not run.right]
    if wrong:
        console.print(wrong_runs(wrong))
    missed = missed_bars(runs)
    for line in missed:
        console.print(Text(f"missed: {line}", style="bold red"))
    if not missed:
        console.print(Text("No bar is missed.", style="green"))


def write_lab(console: Console, lab: str, runs: Sequence[Run]) -> None:
    right = sum(run.right for run in runs)
    scenarios = len({run.scenario.id for run in runs})
    console.print(f"\n{lab}: {len(runs)} runs of {scenarios} scenarios, {right} right")
    console.print(matrix(f"States, {lab}", confusion(runs, states)))
    by_mechanism = confusion(runs, mechanisms)
    console.print(matrix(f"Mechanisms, {lab} ({NOTHING}: none)", by_mechanism))
    console.print(score_table(f"Precision and recall, {lab}", by_mechanism))
    if any(run.scenario.object for run in runs):
        console.print(throttling_line(lab, throttling(runs)))


def throttling_line(lab: str, one: Throttling) -> str:
    """How throttling fared as a whole, and in which band it is not found."""
    shares = f"precision {one.precision:.3f}, recall {one.recall:.3f}"
    return f"Throttling, {lab}: {one.hit} of {one.expected} runs found, {one.seen} called so; {shares}; " + (
        f"failing band: {', '.join(one.bands)}" if one.bands else "no failing band"
    )


def matrix(title: str, table: Confusion) -> Table:
    """Expected by seen, with what is right in green. What was expected and never seen otherwise has one number."""
    seen = sorted({name for _, name in table})
    wrong = sorted({name for expected, name in table if expected != name})
    shown = Table(title=title, title_justify="left", title_style="bold")
    shown.add_column("expected")
    shown.add_column("runs", justify="right")
    shown.add_column("right", justify="right")
    for name in wrong:
        shown.add_column(f"as {name}", justify="right")
    for expected in sorted({name for name, _ in table} | set(seen)):
        total = sum(count for (name, _), count in table.items() if name == expected)
        right = table.get((expected, expected), 0)
        cells = [_cell(table.get((expected, name), 0) if name != expected else 0) for name in wrong]
        shown.add_row(expected, str(total), Text(str(right), style="green" if right == total else "red"), *cells)
    return shown


def _cell(count: int) -> Text:
    return Text(str(count), style="bold red") if count else Text("")


def score_table(title: str, table: Confusion) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold")
    shown.add_column("mechanism")
    for name in ("runs", "seen", "precision", "recall"):
        shown.add_column(name, justify="right")
    for score in scores(table):
        shares = (_share(score.precision), _share(score.recall))
        shown.add_row(score.mechanism, str(score.runs), str(score.seen), *shares)
    return shown


def _share(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:.3f}", style="green" if value == 1 else "red")


def wrong_runs(runs: Sequence[Run]) -> Table:
    """Every run that was not right."""
    shown = Table(title="Not right", title_justify="left", title_style="bold")
    for name in ("lab", "repeat", "scenario", "expected", "seen", "rule", "note"):
        shown.add_column(name, overflow="fold")
    order: Callable[[Run], tuple[str, str, int]] = lambda run: (run.scenario.id, run.lab, run.repeat)  # noqa: E731
    for run in sorted(runs, key=order):
        expected = " ".join([run.scenario.states[0], *run.scenario.mechanisms[:1]])
        seen = " ".join(filter(None, [run.state, run.mechanism]))
        shown.add_row(run.lab, str(run.repeat), run.scenario.id, expected, seen, run.rule, run.note)
    return shown
