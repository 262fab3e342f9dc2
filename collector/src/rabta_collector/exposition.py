"""What a scrape of `/metrics` is answered with: series in Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/. No sample bears a timestamp, which would break staleness.
Written here and not by prometheus_client, which takes four times as long (measured): at 30 ISPs x 50 platforms it would
be 0.3 s of every scrape, in which whatever else this process does gets only every other turn.
"""

import asyncio
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import accumulate
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector

from rabta_collector.catalogue import Catalogue
from rabta_collector.folding import Labels
from rabta_collector.metrics import Kind, Metric
from rabta_collector.series import Kept, Series, Telling, of_collector, of_country
from rabta_collector.state import Histogram, IngestStats, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


PIECE = 2000
"""Lines that are filled in at once: each piece takes about half a millisecond, in which no other thread gets a turn."""


class _Escaped(dict[str, str]):
    """Values of labels as they stand in the text, each escaped once: the same few hundred words make every label."""

    def __missing__(self, value: str) -> str:
        text = self[value] = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return text


@dataclass(slots=True)
class _Piece:
    """Some lines, with gaps for their numbers, and as they were filled in last."""

    gaps: str
    numbers: tuple[float, ...] = ()
    text: str = ""

    def fill(self, numbers: tuple[float, ...]) -> str:
        if numbers != self.numbers or not self.text:
            plain = numbers if set(map(type, numbers)) == {int} else tuple(map(_plain, numbers))
            self.numbers, self.text = numbers, self.gaps % plain
        return self.text


@dataclass(slots=True)
class _Column:
    """Lines of a metric. `labels` are those that they were made of."""

    labels: tuple[Labels, ...] = ()
    pieces: list[_Piece] = field(default_factory=list)

    def keep_up(self, series: Series, escaped: _Escaped) -> None:
        """Makes what is new. Whatever joins a metric comes last, most often: the pieces before it stay as they are."""
        labels = series.labels
        if labels is self.labels:
            return
        if labels[: len(self.labels)] != self.labels:
            self.labels, self.pieces = (), []
        if len(labels) > len(self.labels):
            self.pieces = self.pieces[: len(self.labels) // PIECE]
            line = _line(series.metric.name, series.metric.labels)
            for begin in range(PIECE * len(self.pieces), len(labels), PIECE):
                lines = [_gap(line, values, escaped) for values in labels[begin : begin + PIECE]]
                self.pieces.append(_Piece(gaps="".join(lines)))
        self.labels = labels

    def fill(self, values: Sequence[float]) -> Iterator[str]:
        """The lines with these numbers."""
        for number, piece in enumerate(self.pieces):
            yield piece.fill(tuple(values[number * PIECE : (number + 1) * PIECE]))


Columns = dict[str, _Column]
"""By metric."""


def write(series: Iterable[Series], columns: Columns | None = None) -> str:
    """The text of a scrape. `columns` are kept from one to the next by who writes again and again."""
    escaped = _Escaped()
    kept: Columns = {} if columns is None else columns
    return "".join([part for one in series for part in _parts(one, escaped, kept)])


def _parts(series: Series, escaped: _Escaped, columns: Columns) -> Iterator[str]:
    metric = series.metric
    yield f"# HELP {metric.name} {_escape_help(metric.help)}\n# TYPE {metric.name} {metric.kind}\n"
    if metric.kind is Kind.HISTOGRAM:
        for labels, value in series.samples:
            assert isinstance(value, Histogram)
            yield from _histogram(metric, [escaped[label] for label in labels], value)
        return
    column = columns.setdefault(metric.name, _Column())
    column.keep_up(series, escaped)
    yield from column.fill(cast(Sequence[float], series.values))  # a histogram is none of these


def _histogram(metric: Metric, labels: Sequence[str], histogram: Histogram) -> Iterator[str]:
    """Buckets are cumulative in the text, and the last one holds everything."""
    bucket = _line(f"{metric.name}_bucket", (*metric.labels, "le"))
    running = tuple(accumulate(histogram.counts))
    for bound, count in zip((*map(_plain, metric.buckets), "+Inf"), running, strict=True):
        yield bucket % (*labels, bound, count)
    yield _line(f"{metric.name}_sum", metric.labels) % (*labels, _plain(histogram.sum_s))
    yield _line(f"{metric.name}_count", metric.labels) % (*labels, running[-1])


def _line(name: str, labels: Sequence[str]) -> str:
    """A template of one line, to be filled with escaped values of the labels and a number."""
    named = ",".join(f'{label}="%s"' for label in labels)
    return f"{name}{{{named}}} %s\n" if named else f"{name} %s\n"


def _gap(line: str, values: Labels, escaped: _Escaped) -> str:
    """A line that still wants its number."""
    return line % (*[escaped[value].replace("%", "%%") for value in values], "%s")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _plain(value: float) -> float:
    """A whole number without its fraction."""
    return int(value) if value == value // 1 else value


class Exposition:
    """Answers scrapes. Text about the country is made once per snapshot, in a thread; that about the collector anew."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._made_for: tuple[float, Catalogue] | None = None
        self._country = ""
        self._columns: Columns = {}
        self._kept = Kept()
        self._versions = (version("rabta-collector"), platform.python_version())
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    async def scrape(
        self,
        snapshot: Snapshot | None,
        catalogue: Catalogue,
        stats: IngestStats,
        telling: Telling | None = None,
        *,
        ready: bool,
    ) -> str:
        """The text of a scrape. While not ready, of the collector alone: a replay's verdicts are not of now.

        Without a snapshot too: another process tells of the country.
        """
        decided = snapshot.at if snapshot is not None and snapshot.at > 0 else None
        collector = tuple(of_collector(stats, telling, decided=decided, ready=ready, versions=self._versions))
        async with self._turn:
            of_now = snapshot if ready else None
            nationwide = telling is None or telling.share.number == 1
            return await asyncio.to_thread(self._write, of_now, catalogue, collector, nationwide)

    def _write(
        self, snapshot: Snapshot | None, catalogue: Catalogue, collector: tuple[Series, ...], nationwide: bool
    ) -> str:
        country = "" if snapshot is None else self._about(snapshot, catalogue, nationwide)
        return country + write(collector) + generate_latest(self._process).decode()

    def _about(self, snapshot: Snapshot, catalogue: Catalogue, nationwide: bool) -> str:
        made_for = self._made_for
        if made_for is None or made_for[0] != snapshot.at or made_for[1] is not catalogue:
            told = of_country(snapshot, catalogue, self._kept, nationwide=nationwide)
            self._country = write(told, self._columns)
            self._made_for = (snapshot.at, catalogue)
        return self._country
