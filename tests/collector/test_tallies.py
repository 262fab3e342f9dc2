"""Counters of steps, failures and durations."""

from dataclasses import replace

from rabta_collector.state import DURATION_BUCKETS_S
from rabta_collector.tallies import Counting
from rabta_proto.vocabulary import Failure
from support.factories import NOON, RESET, bad_certificate, story, tcp_trouble, tls_trouble, works


def counted(*told: object) -> Counting:
    counting = Counting()
    for n, each in enumerate(told):
        counting.count(each.measurement(at=NOON + n), "ptcl", NOON + n)  # type: ignore[attr-defined]
    return counting


def test_every_attempt_of_a_step_counts() -> None:
    tallies = counted(works(), works()).snapshot()
    assert {"dns": 4, "tcp": 2, "tls": 2, "http": 2} == {step: n for (_, _, step), n in tallies.attempts.items()}
    assert {} == tallies.failures


def test_repeats_count_and_closer_looks_do_not() -> None:
    tallies = counted(tls_trouble(RESET), bad_certificate()).snapshot()
    assert {("x", "ptcl", "tls", "connection_reset"): 3, ("x", "ptcl", "tls", "ssl_unknown_authority"): 3} == (
        tallies.failures
    )
    assert 6 == tallies.attempts["x", "ptcl", "tls"]


def test_what_an_agent_makes_up_and_what_is_rare_is_one_word() -> None:
    told = ("unknown_failure: 127.0.0.1", 'evil"} 1', Failure.TIMED_OUT)
    tallies = counted(*(tcp_trouble(failure, passes=1) for failure in told)).snapshot()
    assert {("x", "ptcl", "tcp", "other"): 3} == tallies.failures


def test_failures_are_plain_words() -> None:
    tallies = counted(tcp_trouble(Failure.CONNECTION_REFUSED, passes=1)).snapshot()
    assert {("x", "ptcl", "tcp", "connection_refused")} == set(tallies.failures)
    assert [str] == [type(failure) for *_, failure in tallies.failures]
    assert {str} == {type(step) for *_, step in tallies.attempts}


def test_references_count_for_durations_alone() -> None:
    counting = Counting()
    counting.count(works().measurement(platform=""), "ptcl", NOON)
    tallies = counting.snapshot()
    assert ({}, {}) == (tallies.attempts, tallies.last_measurement)
    assert 1 == sum(tallies.durations["ptcl", "tcp"].counts)


def test_durations_fall_into_their_buckets_bounds_included() -> None:
    told = story()
    for bound in (*DURATION_BUCKETS_S, 11):
        told.sees(works().observations[2].detail, ms=bound * 1000)
    histogram = counted(told).snapshot().durations["ptcl", "tcp"]
    assert (1,) * (len(DURATION_BUCKETS_S) + 1) == histogram.counts
    assert abs(sum((*DURATION_BUCKETS_S, 11)) - histogram.sum_s) < 1e-6


def test_the_last_measurement_is_the_newest_and_not_the_latest_to_come() -> None:
    counting = counted(works(), works())
    counting.count(replace(works().measurement(), platform="x"), "ptcl", NOON - 50)
    assert {("x", "ptcl"): NOON + 1} == counting.snapshot().last_measurement


def test_a_snapshot_does_not_change_any_more() -> None:
    counting = counted(works())
    before = counting.snapshot()
    counting.count(works().measurement(), "ptcl", NOON)
    assert 1 == before.attempts["x", "ptcl", "tcp"]
    assert 1 == sum(before.durations["ptcl", "tcp"].counts)


def test_counts_are_the_same_whenever_they_are_looked_at() -> None:
    told = [story for _ in range(400) for story in (works(), tls_trouble(RESET), bad_certificate())]
    looked_at, not_looked_at = Counting(), Counting()
    for n, each in enumerate(told):
        for counting in (looked_at, not_looked_at):
            counting.count(each.measurement(at=NOON + n), "ptcl", NOON + n)
        if n % 7 == 0:
            looked_at.snapshot()
    assert looked_at.snapshot() == not_looked_at.snapshot()


def test_durations_fall_into_the_bucket_whose_bound_they_do_not_exceed() -> None:
    bounds_us = [round(bound * 1_000_000) for bound in DURATION_BUCKETS_S]
    counting, told = Counting(), works().measurement(at=NOON)
    for duration_us in (0, *bounds_us, *(bound + 1 for bound in bounds_us)):
        observations = (replace(told.observations[0], duration_us=duration_us),)
        counting.count(replace(told, observations=observations), "ptcl", NOON)
    histogram = counting.snapshot().durations["ptcl", "dns"]
    assert (2, *[2] * (len(bounds_us) - 1), 1) == histogram.counts
    assert 2 * sum(bounds_us) + len(bounds_us) == round(histogram.sum_s * 1_000_000)
