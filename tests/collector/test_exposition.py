"""A scrape: the text format as Prometheus' own tools read it, made once per snapshot."""

import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from rabta_collector import exposition
from rabta_collector.catalogue import Catalogue, Platform
from rabta_collector.exposition import Exposition, write
from rabta_collector.metrics import CATALOGUE, Kind, Metric
from rabta_collector.series import Series, count_series, of_country
from rabta_collector.state import Histogram, IngestStats, Snapshot, Tallies
from support.country import NOW, make_catalogue, make_snapshot, make_verdict
from support.programs import require

GAUGE = Metric(name="rabta_a", kind=Kind.GAUGE, labels=("isp", "name"), help="Of a.")


async def scrape(*, ready: bool = True, stats: IngestStats | None = None) -> str:
    return await Exposition().scrape(make_snapshot(), make_catalogue(), stats or IngestStats(), ready=ready)


def names(text: str) -> set[str]:
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_gauge_is_written_with_its_help_and_type() -> None:
    text = write([Series(metric=GAUGE, samples=((("ptcl", 'a "b"\\\nc'), 0.25), (("zong", ""), 1e9)))])
    assert (
        "# HELP rabta_a Of a.\n# TYPE rabta_a gauge\n"
        'rabta_a{isp="ptcl",name="a \\"b\\"\\\\\\nc"} 0.25\nrabta_a{isp="zong",name=""} 1000000000\n'
    ) == text


def test_a_metric_without_labels_has_no_braces() -> None:
    metric = Metric(name="rabta_a_total", kind=Kind.COUNTER, help="A\\b\nc.")
    expected = "# HELP rabta_a_total A\\\\b\\nc.\n# TYPE rabta_a_total counter\nrabta_a_total 3\n"
    assert expected == write([Series(metric=metric, samples=(((), 3.0),))])


def test_buckets_of_a_histogram_are_cumulative_and_end_with_everything() -> None:
    metric = Metric(name="rabta_s", kind=Kind.HISTOGRAM, labels=("isp",), help="S.", buckets=(0.01, 1.0))
    text = write([Series(metric=metric, samples=((("ptcl",), Histogram(counts=(3, 2, 1), sum_s=4.5)),))])
    assert [
        'rabta_s_bucket{isp="ptcl",le="0.01"} 3',
        'rabta_s_bucket{isp="ptcl",le="1"} 5',
        'rabta_s_bucket{isp="ptcl",le="+Inf"} 6',
        'rabta_s_sum{isp="ptcl"} 4.5',
        'rabta_s_count{isp="ptcl"} 6',
    ] == text.splitlines()[2:]


@given(st.text(), st.floats(allow_nan=False))
def test_any_text_and_number_are_read_again_as_they_were_written(text: str, value: float) -> None:
    written = write([Series(metric=GAUGE, samples=((("ptcl", text), value),))])
    assert {("rabta_a", frozenset({("isp", "ptcl"), ("name", text)})): value} == values(written)


async def test_a_scrape_has_every_metric_of_the_catalogue_and_those_of_the_process() -> None:
    found = names(await scrape())
    assert {metric.name for metric in CATALOGUE} <= found
    assert {"process_resident_memory_bytes", "process_open_fds"} <= found
    assert not any(name.startswith("rabta_") for name in found - {metric.name for metric in CATALOGUE})


async def test_promtool_finds_nothing_to_mend() -> None:
    promtool = require("promtool", "prometheus")
    text = await scrape()
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)  # noqa: ASYNC221
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


async def test_no_sample_bears_a_timestamp() -> None:
    families = text_string_to_metric_families(await scrape())
    assert all(sample.timestamp is None for family in families for sample in family.samples)


async def test_while_the_journal_is_replayed_a_scrape_tells_of_the_collector_alone() -> None:
    """A replay passes through the verdicts of the past, and nobody may be paged for those."""
    found = names(await scrape(ready=False))
    assert "rabta_collector_ready" in found
    assert not any(name.startswith("rabta_") and not name.startswith("rabta_collector_") for name in found)


async def test_text_about_the_country_is_made_once_for_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    def note(snapshot: Snapshot, _: object) -> tuple[Series, ...]:
        made.append(snapshot.at)
        return ()

    monkeypatch.setattr(exposition, "of_country", note)
    views, catalogue, stats = Exposition(), make_catalogue(), IngestStats()
    for at in (NOW, NOW, NOW + 0.5, NOW + 0.5):
        await views.scrape(replace(make_snapshot(), at=at), catalogue, stats, ready=True)
    assert [NOW, NOW + 0.5] == made


async def test_the_text_is_made_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def note(*_: object) -> tuple[Series, ...]:
        threads.add(threading.get_ident())
        return ()

    monkeypatch.setattr(exposition, "of_country", note)
    await scrape()
    assert threads
    assert threading.get_ident() not in threads


async def test_another_catalogue_is_told_at_once() -> None:
    views, catalogue = Exposition(), make_catalogue()
    await views.scrape(make_snapshot(), catalogue, IngestStats(), ready=True)
    other = replace(catalogue, platforms=catalogue.platforms[:1])
    assert 'platform="whatsapp",name=' not in await views.scrape(make_snapshot(), other, IngestStats(), ready=True)


async def test_what_the_collector_tells_of_itself_is_new_at_every_scrape() -> None:
    """Were the decisions to stand still, this would be how anybody sees it."""
    views, catalogue, stats = Exposition(), make_catalogue(), IngestStats()
    await views.scrape(make_snapshot(), catalogue, stats, ready=True)
    stats.sessions = 5
    assert "\nrabta_collector_sessions 5\n" in await views.scrape(make_snapshot(), catalogue, stats, ready=True)


def test_a_series_that_ended_is_gone_from_the_text() -> None:
    calm = replace(make_snapshot(), verdicts=())
    assert "rabta_verdict{" not in write(of_country(calm, make_catalogue()))


def test_what_ended_is_not_remembered_for_ever() -> None:
    beginnings: dict[str, dict[tuple[str, ...], str]] = {}
    for name in "abcdefgh":
        write([Series(metric=GAUGE, samples=((("ptcl", name), 1.0),))], beginnings)
    assert len(beginnings["rabta_a"]) <= 3


def big_country(isps: int, platforms: int) -> tuple[Snapshot, Catalogue]:
    """Everything blocked, so that every cell has a mechanism and a failure."""
    cells = [(f"p{number}", f"i{other}") for number in range(platforms) for other in range(isps)]
    steps = ("dns", "tcp", "tls", "http")
    filled = Histogram(counts=(1,) * 8, sum_s=1.5)
    verdict, isp = replace(make_verdict("x", "ptcl"), reached=0.5), make_snapshot().isps[0]
    snapshot = Snapshot(
        at=NOW,
        verdicts=tuple(replace(verdict, platform=platform, isp=isp) for platform, isp in cells),
        isps=tuple(replace(isp, isp=f"i{number}") for number in range(isps)),
        tallies=Tallies(
            attempts={(*cell, step): 9 for cell in cells for step in steps},
            failures={(*cell, "tls", "connection_reset"): 3 for cell in cells},
            durations={(f"i{number}", step): filled for number in range(isps) for step in steps},
            last_measurement=dict.fromkeys(cells, NOW),
        ),
    )
    named = (Platform(id=f"p{number}", name=f"P {number}", category="NEWS", targets=()) for number in range(platforms))
    return snapshot, Catalogue(platforms=tuple(named))


def test_a_scrape_of_thirty_isps_and_fifty_platforms_costs_less_than_fifty_milliseconds_of_cpu() -> None:
    """The best of some: a busy machine makes each slower, and none faster. Compression is part of it."""
    snapshot, catalogue = big_country(30, 50)
    beginnings: dict[str, dict[tuple[str, ...], str]] = {}
    spent, count = [], 0
    for _ in range(60):
        begin = time.thread_time()
        series = tuple(of_country(snapshot, catalogue))
        zlib.compress(write(series, beginnings).encode(), 1)
        spent.append(time.thread_time() - begin)
        count = count_series(series)
        if len(spent) >= 8 and min(spent) < 0.050:
            break
    sys.stdout.write(f"{count} series of 30 ISPs x 50 platforms: {1000 * min(spent):.0f} ms of CPU for a scrape\n")
    assert 20_000 < count < 60_000
    assert min(spent) < 0.050
