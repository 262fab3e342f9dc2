"""A scrape: the text format as Prometheus' own tools read it, made once per snapshot."""

import asyncio
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from rabta_collector import exposition
from rabta_collector.answers import Body, make_body
from rabta_collector.exposition import CONTENT_TYPE, Columns, Exposition, write
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.metrics import CATALOGUE, Kind, Metric
from rabta_collector.series import Kept, Series, Telling, count_series, gather, of_country
from rabta_collector.state import Histogram, IngestStats, Snapshot
from rabta_proto.model import Observation
from support.country import NOW, make_catalogue, make_snapshot
from support.crowded import Crowd, a_name_is_reset, everything_fails
from support.programs import require

LIMIT_S = 0.050
PAUSE_S = 0.020
GAUGE = Metric(name="rabta_a", kind=Kind.GAUGE, labels=("isp", "name"), help="Of a.")


async def scrape(*, ready: bool = True, stats: IngestStats | None = None, share: IspShare = WHOLE) -> str:
    telling = Telling(share=share, tells=ready)
    return await Exposition().scrape(make_snapshot(), make_catalogue(), stats or IngestStats(), telling, ready=ready)


def names(text: str) -> set[str]:
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_gauge_is_written_with_its_help_and_type() -> None:
    text = write([gather(GAUGE, ((("ptcl", 'a "b"\\\nc'), 0.25), (("zong", ""), 1e9)))])
    assert (
        "# HELP rabta_a Of a.\n# TYPE rabta_a gauge\n"
        'rabta_a{isp="ptcl",name="a \\"b\\"\\\\\\nc"} 0.25\nrabta_a{isp="zong",name=""} 1000000000\n'
    ) == text


def test_a_metric_without_labels_has_no_braces() -> None:
    metric = Metric(name="rabta_a_total", kind=Kind.COUNTER, help="A\\b\nc.")
    expected = "# HELP rabta_a_total A\\\\b\\nc.\n# TYPE rabta_a_total counter\nrabta_a_total 3\n"
    assert expected == write([gather(metric, (((), 3.0),))])


def test_buckets_of_a_histogram_are_cumulative_and_end_with_everything() -> None:
    metric = Metric(name="rabta_s", kind=Kind.HISTOGRAM, labels=("isp",), help="S.", buckets=(0.01, 1.0))
    text = write([gather(metric, ((("ptcl",), Histogram(counts=(3, 2, 1), sum_s=4.5)),))])
    assert [
        'rabta_s_bucket{isp="ptcl",le="0.01"} 3',
        'rabta_s_bucket{isp="ptcl",le="1"} 5',
        'rabta_s_bucket{isp="ptcl",le="+Inf"} 6',
        'rabta_s_sum{isp="ptcl"} 4.5',
        'rabta_s_count{isp="ptcl"} 6',
    ] == text.splitlines()[2:]


@given(st.text(), st.floats(allow_nan=False))
def test_any_text_and_number_are_read_again_as_they_were_written(text: str, value: float) -> None:
    written = write([gather(GAUGE, ((("ptcl", text), value),))])
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

    def note(snapshot: Snapshot, *_: object, **__: object) -> tuple[Series, ...]:
        made.append(snapshot.at)
        return ()

    monkeypatch.setattr(exposition, "of_country", note)
    views, catalogue, stats = Exposition(), make_catalogue(), IngestStats()
    for at in (NOW, NOW, NOW + 0.5, NOW + 0.5):
        await views.scrape(replace(make_snapshot(), at=at), catalogue, stats, ready=True)
    assert [NOW, NOW + 0.5] == made


async def test_the_text_is_made_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def note(*_: object, **__: object) -> tuple[Series, ...]:
        threads.add(threading.get_ident())
        return ()

    monkeypatch.setattr(exposition, "of_country", note)
    await scrape()
    assert threads
    assert threading.get_ident() not in threads


async def test_what_is_the_same_everywhere_is_told_with_the_first_share_alone() -> None:
    first, second = names(await scrape(share=IspShare(1, 2))), names(await scrape(share=IspShare(2, 2)))
    assert names(await scrape()) == first
    assert {"rabta_platform_info", "rabta_controls_connected", "rabta_controls_out_of_step"} == first - second
    told = values(await scrape(share=IspShare(2, 2)))
    assert 1.0 == told["rabta_collector_share_told", frozenset({("share", "2")})]
    assert 2.0 == told["rabta_collector_shares", frozenset()]


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


def test_what_ended_is_not_remembered() -> None:
    columns = Columns()
    for name in "abcdefgh":
        write([gather(GAUGE, ((("ptcl", name), 1.0),))], columns)
    assert len(columns["rabta_a"].labels) == 1


@given(st.lists(st.lists(st.integers(0, 12), unique=True, max_size=9), min_size=2, max_size=5))
def test_what_is_remembered_of_a_scrape_changes_nothing_at_the_next(scrapes: list[list[int]]) -> None:
    columns = Columns()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exposition, "PIECE", 3)
        for number, scrape in enumerate(scrapes):
            series = gather(GAUGE, ((("100 %s", f"n{name}"), number + name / 2) for name in scrape))
            assert write([series]) == write([series], columns)


@pytest.mark.parametrize("told", [a_name_is_reset(), everything_fails()], ids=["one failure", "every failure"])
def test_a_scrape_of_thirty_isps_and_fifty_platforms_costs_less_than_fifty_milliseconds_of_cpu(
    told: list[Observation],
) -> None:
    """Every number is another one at each. The best of twelve or more: a busy machine makes none faster."""
    crowd, columns, kept = Crowd(told), Columns(), Kept()
    spent, count = [], 0
    for _ in range(40):
        crowd.go_on()
        verdicts = crowd.snapshot()  # those of every reader, and not made for a scrape
        begin = time.thread_time()
        snapshot = replace(verdicts, tallies=crowd.count())
        series = tuple(of_country(snapshot, crowd.catalogue, kept))
        make_body(CONTENT_TYPE, write(series, columns), level=1, tagged=False)
        spent.append(time.thread_time() - begin)
        count = count_series(series)
        if len(spent) >= 12 and min(spent) < LIMIT_S:
            break
    sys.stdout.write(f"{count} series of 30 ISPs x 50 platforms: {1000 * min(spent):.0f} ms of CPU for a scrape\n")
    assert 20_000 < count < 60_000
    assert min(spent) < LIMIT_S


async def test_the_event_loop_has_its_turn_while_the_largest_scrape_is_made() -> None:
    """Told in CPU time of this process, which a busy machine does not add to: what was worked between two turns."""
    crowd, views = Crowd(everything_fails()), Exposition()
    pauses: list[float] = []
    for _ in range(40):
        crowd.go_on()
        scrape = asyncio.ensure_future(scrape_of(views, crowd))
        pauses.append(await longest_pause(scrape))
        if len(pauses) >= 4 and min(pauses) < PAUSE_S:
            break
    sys.stdout.write(f"the longest pause of the event loop in a scrape: {1000 * min(pauses):.1f} ms of CPU\n")
    assert min(pauses) < PAUSE_S


async def longest_pause(task: "asyncio.Future[Body]") -> float:
    longest, last = 0.0, time.process_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    await task
    return longest


async def scrape_of(views: Exposition, crowd: Crowd) -> Body:
    text = await views.scrape(crowd.snapshot(), crowd.catalogue, IngestStats(), ready=True)
    return await asyncio.to_thread(make_body, CONTENT_TYPE, text, level=1, tagged=False)
