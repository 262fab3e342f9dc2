"""What a person sees in the terminal: platforms by ISPs, what happened, and how long each verdict took."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.atlas import Atlas
from lab.ledger import Ledger
from lab.referee import Result, Seen
from lab.story import Cell

# Told apart by symbol and word as well as by colour.
_LOOK = {
    "reachable": ("●", "green"),
    "up": ("●", "green"),
    "blocked": ("✕", "bold red"),
    "throttled": ("◔", "yellow"),
    "disrupted": ("◐", "yellow"),
    "degraded": ("◐", "yellow"),
    "down": ("▼", "magenta"),
    "inconclusive": ("?", "bright_black"),
    "unknown": ("?", "bright_black"),
}


def matrix(atlas: Atlas, cells: Mapping[Cell, Seen], headline: str) -> Table:
    """Platforms by ISPs as the collector sees them now."""
    table = Table(title=headline, title_justify="left", title_style="bold")
    table.add_column("")
    for network in atlas.isps:
        table.add_column(f"{network.name}\n{network.kind}")
    for platform in atlas.platforms:
        name = atlas.site(platform).name
        table.add_row(name, *(_cell(cells.get(Cell(isp=n.id, platform=platform))) for n in atlas.isps))
    table.add_section()
    table.add_row("the ISP itself", *(_cell(cells.get(Cell(isp=n.id, platform=None))) for n in atlas.isps))
    return table


def _cell(seen: Seen | None) -> Text:
    if seen is None:
        return Text("-", style="bright_black")
    symbol, style = _LOOK.get(seen.state, ("?", ""))
    return Text(f"{symbol} {seen.state}" + (f"\n  {seen.mechanism}" if seen.mechanism else ""), style=style)


def outcome(results: Iterable[Result]) -> Table:
    """Every expectation that the story wrote down, and what became of it; those that went alike share a row."""
    table = Table(title="From switch to verdict", title_justify="left", title_style="bold")
    for heading in ("at", "ISP", "platform", "expected", "seen", "took", "allowed", ""):
        table.add_column(heading, justify="right" if heading in ("at", "took", "allowed") else "left")
    for alike in _grouped(results):
        expected = alike[0].expected
        table.add_row(
            f"{expected.at:.0f} s",
            _once_each(result.expected.cell.isp for result in alike),
            _once_each(result.expected.cell.platform or "(itself)" for result in alike),
            _words(expected.states, expected.mechanisms),
            _told(alike[0]),
            _range([result.took for result in alike if result.met_at is not None]),
            f"{expected.within:.0f} s",
            Text("as scripted", style="green") if alike[0].good else Text(_fault(alike[0]), style="bold red"),
        )
    return table


def _grouped(results: Iterable[Result]) -> list[list[Result]]:
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        expected = result.expected
        what = (expected.at, expected.cell.platform is None, expected.states, expected.mechanisms)
        groups.setdefault((*what, _told(result), result.good or _fault(result)), []).append(result)
    return list(groups.values())


def _once_each(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _range(times: Sequence[float]) -> str:
    if not times:
        return "-"
    return f"{max(times):.1f} s" if min(times) == max(times) else f"{min(times):.1f}-{max(times):.1f} s"


def _words(states: frozenset[str], mechanisms: frozenset[str]) -> str:
    return " or ".join(sorted(states)) + (f" ({' or '.join(sorted(mechanisms))})" if mechanisms else "")


def _told(result: Result) -> str:
    seen = result.broken_by or result.last
    return "nothing" if seen is None else seen.state + (f" ({seen.mechanism})" if seen.mechanism else "")


def _fault(result: Result) -> str:
    if result.met_at is None:
        return "never came"
    if result.broken_at is not None:
        return f"lost at {result.broken_at:.0f} s"
    return "too late" if result.in_metrics else "not in the metrics"


def write_outcome(console: Console, results: Sequence[Result], ledger: Ledger) -> None:
    """The end of the story: what was scripted, what was calm and was not, and the count at both ends."""
    scripted = [result for result in results if result.expected.at > 0]
    calm = [result for result in results if result.expected.at == 0]
    alarms = [result for result in calm if not result.good]
    console.print(outcome([*scripted, *alarms]))
    console.print(f"Cells at rest: {len(calm)} watched, {len(alarms)} false alarms.")
    console.print(f"Count: {ledger}.", style="green" if ledger.balanced else "bold red")
