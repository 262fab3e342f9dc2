"""Which samples a snapshot has: known series from 0 on, ended ones gone, and no label from an agent's mouth."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.admit import Reason
from rabta_collector.catalogue import Catalogue
from rabta_collector.eventtime import Doubt
from rabta_collector.isp_share import WHOLE
from rabta_collector.metrics import CATALOGUE
from rabta_collector.series import Kept, Sample, Series, Telling, count_series, of_collector, of_country
from rabta_collector.state import Histogram, IngestStats, Snapshot, Tallies
from rabta_collector.tallies import OTHER
from rabta_proto.vocabulary import Failure, IspState, Mechanism, State
from support.country import ISPS, NOW, PLATFORMS, make_catalogue, make_snapshot, make_verdict
from support.crowded import Crowd, everything_fails

LIMIT = 60_000
README = Path(__file__).parents[2] / "collector" / "README.md"
TELLING = Telling(share=WHOLE, tells=True)
FILLED = Histogram(counts=(1,) * 8, sum_s=1.0)


def country(snapshot: Snapshot, catalogue: Catalogue | None = None) -> dict[str, dict[tuple[str, ...], object]]:
    return named(list(of_country(snapshot, catalogue or make_catalogue())))


def collector(stats: IngestStats, *, ready: bool = True) -> dict[str, dict[tuple[str, ...], object]]:
    return named(list(of_collector(stats, TELLING, decided=NOW, ready=ready, versions=("1", "3"))))


def named(series: list[Series]) -> dict[str, dict[tuple[str, ...], object]]:
    return {one.metric.name: dict(one.samples) for one in series}


def test_country_and_collector_together_have_every_metric_of_the_catalogue_in_its_order() -> None:
    of_both = [
        *of_country(make_snapshot(), make_catalogue()),
        *of_collector(IngestStats(), TELLING, decided=NOW, ready=True, versions=("1", "3")),
    ]
    assert [metric.name for metric in CATALOGUE] == [one.metric.name for one in of_both]


def test_no_two_samples_of_a_metric_have_the_same_labels() -> None:
    for one in of_country(make_snapshot(), make_catalogue()):
        assert len({labels for labels, _ in one.samples}) == len(one.samples), one.metric.name


def test_a_sample_has_a_value_for_each_label_of_its_metric() -> None:
    def fits(one: Series, sample: Sample) -> bool:
        return len(sample[0]) == len(one.metric.labels)

    for one in of_country(make_snapshot(), make_catalogue()):
        assert all(fits(one, sample) for sample in one.samples), one.metric.name


def test_a_verdict_has_all_six_states_and_one_of_them_is_true() -> None:
    samples = country(make_snapshot())["rabta_verdict"]
    assert 6 * len(ISPS) * len(PLATFORMS) == len(samples)
    expected = {state: float(state is State.BLOCKED) for state in State}
    assert expected == {state: samples["x", "ptcl", state] for state in State}


def test_an_isp_has_all_four_states_and_one_of_them_is_true() -> None:
    samples = country(make_snapshot())["rabta_isp_state"]
    expected = {state: float(state is IspState.DOWN) for state in IspState}
    assert expected == {state: samples["telenor", state] for state in IspState}


@pytest.mark.parametrize("state", [State.BLOCKED, State.THROTTLED])
def test_a_mechanism_stands_while_a_platform_is_blocked_or_throttled(state: State) -> None:
    verdict = replace(make_verdict("x", "ptcl"), state=state, mechanism=Mechanism.TLS_MITM)
    samples = country(Snapshot(at=NOW, verdicts=(verdict,)))["rabta_verdict_mechanism"]
    assert {("x", "ptcl", "tls.mitm"): 1.0} == samples


@pytest.mark.parametrize("state", sorted(set(State) - {State.BLOCKED, State.THROTTLED}))
def test_a_mechanism_ends_with_the_block(state: State) -> None:
    verdict = replace(make_verdict("x", "ptcl"), state=state, mechanism=Mechanism.TLS_MITM)
    assert {} == country(Snapshot(at=NOW, verdicts=(verdict,)))["rabta_verdict_mechanism"]


def test_the_series_of_a_cell_end_with_its_verdict() -> None:
    verdicts = tuple(verdict for verdict in make_snapshot().verdicts if verdict.platform != "x")
    catalogue = replace(make_catalogue(), platforms=make_catalogue().platforms[1:])
    for name, samples in country(replace(make_snapshot(), verdicts=verdicts), catalogue).items():
        assert not any("x" in labels for labels in samples), name


def test_there_is_no_share_of_agents_where_none_was_conclusive() -> None:
    verdict = replace(make_verdict("x", "ptcl"), reached=None)
    assert {} == country(Snapshot(at=NOW, verdicts=(verdict,)))["rabta_reachable_agents_ratio"]


def test_attempts_and_durations_of_a_cell_begin_at_zero() -> None:
    """The first attempt is a change then, and not a birth that `rate` cannot see."""
    samples = country(Snapshot(at=NOW, verdicts=(make_verdict("x", "ptcl"),)))
    assert {("x", "ptcl", step): 0.0 for step in ("dns", "tcp", "tls", "http")} == samples["rabta_measurements_total"]
    nothing = Histogram(counts=(0,) * 8, sum_s=0.0)
    assert {("ptcl", step): nothing for step in ("dns", "tcp", "tls", "http")} == samples["rabta_step_duration_seconds"]


def test_counts_are_those_of_the_tallies() -> None:
    samples = country(make_snapshot())
    assert 100.0 == samples["rabta_measurements_total"]["x", "ptcl", "tls"]
    assert 41.0 == samples["rabta_measurement_failures_total"]["x", "ptcl", "tls", "connection_reset"]
    assert NOW - 2.25 == samples["rabta_last_measurement_timestamp_seconds"]["x", "ptcl"]


def test_rare_and_unknown_failures_of_a_step_are_counted_together() -> None:
    """An agent may send any text as a failure, an address among them."""
    counts = {"unknown_failure: from 192.0.2.1": 2, Failure.PERMISSION_DENIED: 3, Failure.EOF: 4}
    failures = {("x", "ptcl", "tls", failure): count for failure, count in counts.items()}
    snapshot = replace(make_snapshot(), tallies=Tallies(failures=failures))
    samples = country(snapshot)["rabta_measurement_failures_total"]
    assert {("x", "ptcl", "tls", "eof_error"): 4.0, ("x", "ptcl", "tls", OTHER): 5.0} == samples


@pytest.mark.parametrize("cell", [("", "ptcl"), ("192.0.2.1", "ptcl"), ("x", "made-up")])
def test_what_an_agent_calls_platform_or_isp_is_no_label_unless_it_is_known(cell: tuple[str, str]) -> None:
    tallies = Tallies(
        attempts={(*cell, "dns"): 1, ("x", "ptcl", "made-up"): 1},
        failures={(*cell, "dns", "eof_error"): 1, ("x", "ptcl", "made-up", "eof_error"): 1},
        durations={("made-up", "dns"): FILLED, ("ptcl", "made-up"): FILLED},
        last_measurement={cell: NOW},
    )
    snapshot = replace(make_snapshot(), verdicts=(), tallies=tallies)
    samples = country(snapshot)
    assert {} == samples["rabta_measurements_total"]
    assert {} == samples["rabta_measurement_failures_total"]
    assert {} == samples["rabta_step_duration_seconds"]
    assert {} == samples["rabta_last_measurement_timestamp_seconds"]


def test_goodput_has_no_samples_where_nothing_was_timed() -> None:
    samples = country(make_snapshot())
    assert {} == samples["rabta_goodput_bytes_per_second"]
    assert {} == samples["rabta_goodput_control_bytes_per_second"]


def test_names_are_given_by_info_series() -> None:
    samples = country(make_snapshot())
    assert 1.0 == samples["rabta_platform_info"]["x", "X (Twitter)", "SOCIAL"]
    assert 1.0 == samples["rabta_isp_info"]["zong", "Zong", "mobile"]


def test_agents_and_controls_are_counted() -> None:
    samples = country(make_snapshot())
    assert 0.0 == samples["rabta_agents_connected"][("telenor",)]
    assert 9.0 == samples["rabta_agents_reporting"][("ptcl",)]
    assert {(): 2.0} == samples["rabta_controls_connected"]


def test_the_collector_counts_every_result_and_reason_from_zero() -> None:
    samples = collector(IngestStats())
    assert {(result,): 0.0 for result in ("accepted", "duplicate", "rejected")} == samples[
        "rabta_collector_ingest_measurements_total"
    ]
    assert {(str(reason),): 0.0 for reason in Reason} == samples["rabta_collector_rejected_total"]
    assert {(str(doubt),): 0.0 for doubt in Doubt} == samples["rabta_collector_doubted_times_total"]


def test_the_collector_tells_of_itself() -> None:
    stats = IngestStats(
        rejected={"no_target": 3}, doubted={"jumped": 2}, lag_s=1.5, journal_bytes=4096, inflight_bytes=12, sessions=7
    )
    samples = collector(stats, ready=False)
    assert 3.0 == samples["rabta_collector_rejected_total"][("no_target",)]
    assert 2.0 == samples["rabta_collector_doubted_times_total"][("jumped",)]
    assert {(): 1.5} == samples["rabta_collector_ingest_lag_seconds"]
    assert {(): 4096.0} == samples["rabta_collector_journal_bytes"]
    assert {(): 12.0} == samples["rabta_collector_inflight_bytes"]
    assert {(): 7.0} == samples["rabta_collector_sessions"]
    assert {(): 0.0} == samples["rabta_collector_ready"]
    assert {(): NOW} == samples["rabta_collector_decided_timestamp_seconds"]
    assert {("1", "3"): 1.0} == samples["rabta_collector_build_info"]


def test_nothing_is_decided_before_the_first_point() -> None:
    (decided, *_) = of_collector(IngestStats(), decided=None, ready=False, versions=("1", "3"))
    assert () == decided.samples


def test_a_country_of_thirty_isps_and_fifty_platforms_stays_below_the_limit_whatever_agents_send() -> None:
    crowd = Crowd(everything_fails())
    crowd.go_on()
    count = count_series(of_country(crowd.snapshot(), crowd.catalogue))
    count += count_series(of_collector(IngestStats(), TELLING, decided=NOW, ready=True, versions=("1", "3")))
    stated = re.search(r"at most ([0-9,]+) series", README.read_text(encoding="utf-8"))
    assert stated
    assert 0.99 * LIMIT > int(stated[1].replace(",", "")) >= count > 0.95 * LIMIT


@pytest.mark.parametrize("catalogue", [make_catalogue(), replace(make_catalogue(), platforms=())])
def test_what_is_remembered_of_a_scrape_changes_nothing_at_the_next(catalogue: Catalogue) -> None:
    kept, quiet = Kept(), replace(make_snapshot(), tallies=Tallies())
    for snapshot in (make_snapshot(), quiet, make_snapshot(), replace(quiet, verdicts=()), make_snapshot()):
        again, anew = of_country(snapshot, catalogue, kept), of_country(snapshot, catalogue)
        assert named(list(anew)) == named(list(again))


def test_buckets_sum_and_count_of_a_histogram_are_series_each() -> None:
    (one,) = (one for one in of_country(make_snapshot(), make_catalogue()) if one.metric.buckets)
    assert len(ISPS) * 4 * 10 == count_series([one])
