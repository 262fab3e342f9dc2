"""What a scrape of `/metrics` is answered with: series in Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/. No sample bears a timestamp, which would break staleness.
Written here and not by prometheus_client, which takes four times as long (measured): at 30 ISPs x 50 platforms it would
be 0.3 s of every scrape, in which whatever else this process does gets only every other turn.
"""

import asyncio
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector

from rabta_collector.catalogue import Catalogue
from rabta_collector.metrics import Kind, Metric
from rabta_collector.series import Labels, Series, of_collector, of_country
from rabta_collector.state import Histogram, IngestStats, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Escaped(dict[str, str]):
    """Values of labels as they stand in the text, each escaped once: the same few hundred words make every label."""

    def __missing__(self, value: str) -> str:
        text = self[value] = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return text


Beginnings = dict[str, dict[Labels, str]]
"""Lines up to their number, by metric and labels: most are the same from scrape to scrape."""


def write(series: Iterable[Series], beginnings: Beginnings | None = None) -> str:
    """The text of a scrape. `beginnings` is kept from one to the next by who writes again and again."""
    escaped = _Escaped()
    kept: Beginnings = {} if beginnings is None else beginnings
    return "".join([part for one in series for part in _parts(one, escaped, kept)])


def _parts(series: Series, escaped: _Escaped, beginnings: Beginnings) -> Iterator[str]:
    metric = series.metric
    yield f"# HELP {metric.name} {_escape_help(metric.help)}\n# TYPE {metric.name} {metric.kind}\n"
    if metric.kind is Kind.HISTOGRAM:
        for labels, value in series.samples:
            assert isinstance(value, Histogram)
            yield from _histogram(metric, [escaped[label] for label in labels], value)
        return
    line = _line(metric.name, metric.labels).removesuffix("%s\n")
    kept = beginnings.setdefault(metric.name, {})
    if len(kept) > 2 * len(series.samples):
        kept.clear()  # of what ended long ago
    for labels, value in series.samples:
        assert not isinstance(value, Histogram)
        if (begin := kept.get(labels)) is None:
            begin = kept[labels] = line % tuple([escaped[label] for label in labels])
        yield f"{begin}{int(value) if value == value // 1 else repr(value)}\n"


def _histogram(metric: Metric, labels: Sequence[str], histogram: Histogram) -> Iterator[str]:
    """Buckets are cumulative in the text, and the last one holds everything."""
    bucket = _line(f"{metric.name}_bucket", (*metric.labels, "le"))
    running = tuple(accumulate(histogram.counts))
    for bound, count in zip((*map(_number, metric.buckets), "+Inf"), running, strict=True):
        yield bucket % (*labels, bound, count)
    yield _line(f"{metric.name}_sum", metric.labels) % (*labels, _number(histogram.sum_s))
    yield _line(f"{metric.name}_count", metric.labels) % (*labels, running[-1])


def _line(name: str, labels: Sequence[str]) -> str:
    """A template of one line, to be filled with escaped values of the labels and a number."""
    named = ",".join(f'{label}="%s"' for label in labels)
    return f"{name}{{{named}}} %s\n" if named else f"{name} %s\n"


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == value // 1 else repr(value)


class Exposition:
    """Answers scrapes. Text about the country is made once per snapshot, in a thread; that about the collector anew."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._made_for: tuple[float, Catalogue] | None = None
        self._country = ""
        self._beginnings: Beginnings = {}
        self._versions = (version("rabta-collector"), platform.python_version())
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    async def scrape(self, snapshot: Snapshot, catalogue: Catalogue, stats: IngestStats, *, ready: bool) -> str:
        """The text of a scrape. While not ready, of the collector alone: a replay's verdicts are not of now."""
        decided = snapshot.at if snapshot.at > 0 else None
        collector = tuple(of_collector(stats, decided=decided, ready=ready, versions=self._versions))
        async with self._turn:
            return await asyncio.to_thread(self._write, snapshot, catalogue, collector, ready)

    def _write(self, snapshot: Snapshot, catalogue: Catalogue, collector: tuple[Series, ...], ready: bool) -> str:
        country = self._about(snapshot, catalogue) if ready else ""
        return country + write(collector) + generate_latest(self._process).decode()

    def _about(self, snapshot: Snapshot, catalogue: Catalogue) -> str:
        made_for = self._made_for
        if made_for is None or made_for[0] != snapshot.at or made_for[1] is not catalogue:
            self._country = write(of_country(snapshot, catalogue), self._beginnings)
            self._made_for = (snapshot.at, catalogue)
        return self._country
