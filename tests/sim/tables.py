"""The figures as text for a terminal, and as plain values for build/sim.json. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sim.figures import Bar, Reliability, Row, Year


def events_table(rows: Iterable[Row]) -> str:
    """Each affair and fleet. `over`: how long a block is still said after its end.

    `wrong` counts blocked or throttled, disrupted, and ISPs down.
    """
    lines = [
        f"{'event':<22}{'agents':>7}{'found':>10}{'median':>9}{'95 %':>8}{'over':>9}{'95 %':>8}"
        f"{'windows':>9}{'wrong':>12}{'asked':>8}",
    ]
    for row in rows:
        found = f"{row.found}/{row.blocks}" if row.blocks else "-"
        windows = f"{row.windows_found}/{row.windows}" if row.windows else "-"
        wrong = f"{row.accused}+{row.disrupted}+{row.down}"
        lines.append(
            f"{row.affair:<22}{row.fleet:>7}{found:>10}{_seconds(row.median_s):>9}{_seconds(row.p95_s):>8}"
            f"{_seconds(row.over_median_s):>9}{_seconds(row.over_p95_s):>8}"
            f"{windows:>9}{wrong:>12}{row.asked:>8.1%}"
        )
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"


def bytes_table(plans: Mapping[int, float]) -> str:
    """What the real plan costs an agent a day, by size of fleet."""
    return "\n".join(
        ["bytes of a plan, per agent and day:", *(f"{n:>7} agents {b / 1e6:>8.2f} MB" for n, b in plans.items())]
    )


def reliability_table(table: Iterable[Reliability]) -> str:
    lines = [f"{'confidence':<14}{'verdicts':>10}{'right':>9}"]
    for one in table:
        share = f"{one.right / one.verdicts:.3f}" if one.verdicts else "-"
        lines.append(f"{f'{one.low:.2f} to {one.high:.2f}':<14}{one.verdicts:>10}{share:>9}")
    return "\n".join(lines)


def year_table(year: Year) -> str:
    """A quiet year, and of how much of it the figures come."""
    return "\n".join(
        [
            f"a year of noise, 30 ISPs x 50 platforms (from {year.days:g} days; {year.failures} measurements failed,",
            f"{year.stretches} stretches of {year.hours:.0f} hours and {year.measurements} measurements were played):",
            f"  wrongly blocked or throttled  {year.accused:7.1f}   with 1 or 2 agents {year.accused_few:7.1f}",
            f"  wrongly disrupted             {year.disrupted:7.1f}   with 1 or 2 agents {year.disrupted_few:7.1f}",
            f"  ISPs wrongly down             {year.down:7.1f}",
        ]
    )


def bars_table(bars: Iterable[Bar]) -> str:
    lines = [f"{'bar':<54}{'bound':>9}{'value':>10}{'':>4}"]
    for bar in bars:
        value = "-" if bar.value is None else f"{bar.value:.3g}"
        bound = f"{'>=' if bar.least else '<'} {bar.bound:g}"
        missed = "met" if bar.met else "not played" if bar.missed_by is None else f"missed by {bar.missed_by:.3g}"
        lines.append(f"{bar.name:<54}{bound:>9}{value:>10}  {missed}")
    return "\n".join(lines)


def as_json(
    *,
    seed: int,
    rows: Sequence[Row],
    bars: Sequence[Bar],
    table: Sequence[Reliability],
    plans: Mapping[int, float],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """What build/sim.json holds."""
    return {
        "seed": seed,
        "events": [asdict(row) for row in rows],
        "bars": [{**asdict(bar), "met": bar.met} for bar in bars],
        "reliability": [asdict(one) for one in table],
        "plan_bytes_per_agent_and_day": dict(plans),
        **more,
    }
