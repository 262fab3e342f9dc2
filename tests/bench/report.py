"""What a part of the benchmarks found: tables, which are printed as Markdown, and bars, which are met or missed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass

Row = Sequence[object]
Table = tuple[str, Row, Sequence[Row]]
"""Title, head, rows."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What something may be at the most."""

    what: str
    measured: float
    bar: float

    @property
    def met(self) -> bool:
        return self.measured <= self.bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`found`: everything, for `build/bench.json`; `notes`: lines that are printed first."""

    found: Mapping[str, object]
    tables: Sequence[Table] = ()
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = field(default=())

    def text(self) -> str:
        """All of it as Markdown, so that a README can hold it as it is."""
        tables = list(self.tables)
        if self.bars:
            met = [
                (one.what, f"{one.measured:.3g}", f"{one.bar:g}", "met" if one.met else "MISSED") for one in self.bars
            ]
            tables.append(("Bars", ("what", "measured", "at most", ""), met))
        return "\n".join([*self.notes, *(_markdown(*table) for table in tables)])

    def as_json(self) -> dict[str, object]:
        """For `build/bench.json`."""
        bars = [asdict(bar) | {"met": bar.met} for bar in self.bars]
        return {key: plain(value) for key, value in self.found.items()} | ({"bars": bars} if bars else {})


def plain(value: object) -> object:
    """A value that JSON can say."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def _markdown(title: str, head: Row, rows: Sequence[Row]) -> str:
    widths = [max(len(str(row[column])) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(["", title, "", *lines, ""])
