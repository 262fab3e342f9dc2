"""How cost and memory grow with agents, platforms and ISPs: tables and curves (build/scaling-*.svg).

Nothing is to grow faster than n log n: what a curve's last stretch grows by, against what that would allow.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.curve import BUILD, draw
from bench.growth import bars
from bench.one_scale import Point
from bench.process import children_cpu_s, python
from bench.report import Part, Row, Table

AGENTS, PLATFORMS, ISPS = 1000, 40, 10
SWEEPS = {
    "agents": (100, 300, 1000, 3000, 10_000, 20_000),
    "platforms": (10, 40, 100, 250, 500),
    "ISPs": (1, 3, 10, 25, 50),
}
QUICK = {"agents": (100, 300), "platforms": (10, 40), "ISPs": (1, 10)}
QUICK_AGENTS = 300
MEASURED, QUICK_MEASURED = 60_000, 4_000
LEAST = {"memory": 1.0, "a scrape": 1.0, "sharing out": 1.0}


def run(*, quick: bool) -> Part:
    """All sweeps, each with the others at their usual."""
    sweeps = QUICK if quick else SWEEPS
    found = {name: [_point(name, size, quick=quick) for size in sizes] for name, sizes in sweeps.items()}
    BUILD.mkdir(exist_ok=True)
    for name, points in found.items():
        for what, unit, series in _series(name, points):
            (BUILD / f"scaling-{name.lower()}-{what}.svg").write_text(
                draw(f"{unit} against {name}", name, unit, series), encoding="utf-8"
            )
    return Part(
        found={name: [asdict(point) for point in points] for name, points in found.items()},
        tables=[_table(name, points) for name, points in found.items()],
        bars=[
            bar
            for name, points in found.items()
            for bar in bars(name, [(size_of(name, point), _growing(name, point)) for point in points], LEAST)
        ],
        notes=[f"curves: {BUILD}/scaling-*.svg"],
    )


def _point(name: str, size: int, *, quick: bool) -> Point:
    usual = {"agents": QUICK_AGENTS if quick else AGENTS, "platforms": PLATFORMS, "ISPs": ISPS} | {name: size}
    words = [usual["agents"], usual["platforms"], usual["ISPs"], QUICK_MEASURED if quick else MEASURED]
    _, told = children_cpu_s(python("bench.one_scale", *map(str, words)))
    return Point(**json.loads(told))


def size_of(name: str, point: Point) -> int:
    return {"agents": point.agents, "platforms": point.platforms, "ISPs": point.isps}[name]


def _series(name: str, points: Sequence[Point]) -> list[tuple[str, str, dict[str, list[tuple[float, float]]]]]:
    def line(field: str) -> list[tuple[float, float]]:
        return [(size_of(name, point), max(getattr(point, field), 0.01)) for point in points]

    cpu = {"admit": line("admit_us"), "apply": line("apply_us"), "decide": line("decide_us")}
    return [
        ("cpu", "CPU of a measurement, us", cpu),
        ("memory", "memory, MB", {"all that is known": line("memory")}),
    ]


def _table(name: str, points: Sequence[Point]) -> Table:
    head = (name, "admit us", "apply us", "decide us", "all us", "memory MB", "scrape ms", "sharing out ms")
    rows: list[Row] = [
        (
            f"{size_of(name, point):,}",
            *(f"{us:.0f}" for us in (point.admit_us, point.apply_us, point.decide_us, point.each_us)),
            f"{point.memory:.1f}",
            f"{point.snapshot_ms:.1f}",
            f"{point.share_ms:.0f}",
        )
        for point in points
    ]
    return (f"CPU of a measurement, and memory, against {name}", head, rows)


def _growing(name: str, point: Point) -> Mapping[str, float]:
    """The work of a second, which grows with the agents; that of a measurement's where the agents stay the same."""
    rate = point.agents if name == "agents" else 1
    return {
        "work of a second": rate * point.each_us,
        "memory": point.memory,
        "a scrape": point.snapshot_ms,
        "sharing out": point.share_ms,
    }
