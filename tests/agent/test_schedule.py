"""When which target is due: phases, jitter, and the two limits on time."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.ceilings import Ceilings
from rabta_agent.errands import Errand, Errands
from rabta_agent.plan import Assignment
from rabta_agent.rest import Rest
from rabta_agent.schedule import JITTER_MOST_S, Draw, Schedule, Turn, all_at_once
from rabta_agent.task import TransferTask
from rabta_agent.urls import parse_url
from rabta_proto.vocabulary import Depth

T0 = 1_800_000_000.0  # a multiple of every interval here
NO_LIMITS = Ceilings(between_s=0, same_target_s=0, same_host_s=0)
X = Assignment(target="https://x.com/", platform="x", interval_ms=60_000, phase_ms=10_000)
Y = Assignment(target="https://y.com/", platform="y", interval_ms=60_000, phase_ms=10_000, priority=2)


def never() -> float:
    return 0.0


def make(
    *assignments: Assignment,
    now: float = T0,
    rest: Rest | None = None,
    errands: Errands | None = None,
    draw: Draw = never,
) -> Schedule:
    return Schedule(assignments, now=now, rest=rest or Rest(NO_LIMITS), errands=errands or Errands(), draw=draw)


def play(schedule: Schedule, *, begin: float, end: float, rest: Rest | None = None) -> list[tuple[float, Turn]]:
    """Turns in the order they are taken by an agent that waits as it is told."""
    taken, now = [], begin
    while now < end:
        if (turn := schedule.pop(now)) is not None:
            if rest is not None:
                rest.begins(turn.assignment.target, now)
            taken.append((now, turn))
        wait_s = schedule.wait_s(now)
        assert wait_s is not None
        now += max(wait_s, 1e-3)
    return taken


def test_without_assignments_nothing_is_ever_due() -> None:
    schedule = make()
    assert (None, None) == (schedule.wait_s(T0), schedule.pop(T0))


def test_a_turn_is_a_phase_after_each_multiple_of_the_interval() -> None:
    schedule = make(X)
    assert 10.0 == schedule.wait_s(T0)
    assert schedule.pop(T0 + 9.9) is None
    assert Turn(assignment=X, depth=Depth.FULL, at=T0 + 10) == schedule.pop(T0 + 10)
    assert 60.0 == schedule.wait_s(T0 + 10)


def test_a_turn_is_taken_once() -> None:
    schedule = make(X)
    assert schedule.pop(T0 + 10) is not None
    assert schedule.pop(T0 + 10) is None


def test_turns_that_were_slept_through_are_not_caught_up_with() -> None:
    schedule = make(X)
    assert schedule.pop(T0 + 10_000) is not None
    assert schedule.pop(T0 + 10_000) is None
    assert 30.0 == schedule.wait_s(T0 + 10_000)  # the next multiple: T0 + 10,020 + 10


def test_jitter_is_a_small_share_of_the_interval_and_bounded() -> None:
    late = make(X, draw=lambda: 0.999)
    assert 12.9 < (late.wait_s(T0) or 0) < 13.0
    slow = make(replace(X, interval_ms=3_600_000, phase_ms=0), now=T0 + 1, draw=lambda: 0.999)
    assert 3599 + JITTER_MOST_S - 0.1 < (slow.wait_s(T0 + 1) or 0) < 3599 + JITTER_MOST_S


def test_two_measurements_are_a_second_apart() -> None:
    rest = Rest(Ceilings())
    taken = play(make(X, Y, rest=rest), begin=T0, end=T0 + 50, rest=rest)
    assert [("x", 10), ("y", 11)] == [(turn.assignment.platform, round(at - T0, 2)) for at, turn in taken]


def test_what_is_more_urgent_goes_first_when_both_are_due() -> None:
    assert X == (make(Y, X).pop(T0 + 10) or Turn(assignment=Y, depth=Depth.FULL, at=0)).assignment


def test_one_target_under_two_platforms_still_rests_for_a_minute() -> None:
    again = replace(X, platform="again", phase_ms=30_000)
    rest = Rest(Ceilings())
    taken = play(make(X, again, rest=rest), begin=T0, end=T0 + 300, rest=rest)
    moments = [at for at, _ in taken]
    assert all(second - first >= 60 - 1e-6 for first, second in pairwise(moments))
    assert len(moments) >= 4


def test_a_new_plan_does_not_end_the_rest_of_a_target() -> None:
    rest = Rest(Ceilings())
    rest.begins(X.target, T0 + 10)
    new = make(replace(X, phase_ms=20_000), now=T0 + 11, rest=rest)
    assert new.pop(T0 + 20) is None
    assert new.pop(T0 + 70) is not None


def test_one_in_so_many_is_full() -> None:
    taken = play(make(replace(X, full_every=3)), begin=T0, end=T0 + 600)
    depths = [turn.depth for _, turn in taken]
    assert {3} == {depths[n : n + 3].count(Depth.FULL) + 2 for n in range(len(depths) - 3)}


def test_agents_draw_which_of_their_turns_are_full() -> None:
    def full_turns(draw: float) -> list[int]:
        taken = play(make(replace(X, full_every=3), draw=lambda: draw), begin=T0, end=T0 + 600)
        return [index for index, (_, turn) in enumerate(taken) if turn.depth is Depth.FULL]

    assert full_turns(0.0) != full_turns(0.5)


def test_a_clock_that_was_set_back_does_not_silence_the_agent() -> None:
    rest = Rest(Ceilings())
    schedule = make(X, rest=rest)
    rest.begins(X.target, T0 + 10)
    year = 365 * 86_400
    wait_s = schedule.wait_s(T0 - year)
    assert wait_s is not None
    assert wait_s <= 60


@given(
    intervals=st.lists(st.integers(100, 5_000), min_size=1, max_size=6),
    phases=st.lists(st.integers(0, 10_000), min_size=6, max_size=6),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_in_the_long_run_each_target_has_its_share_and_no_more(
    intervals: list[int], phases: list[int], draw: float
) -> None:
    entries = [
        Assignment(target=f"https://{n}.com/", interval_ms=interval, phase_ms=phases[n] % interval)
        for n, interval in enumerate(intervals)
    ]
    taken = play(make(*entries, draw=lambda: draw), begin=T0, end=T0 + 10)
    for entry in entries:
        count = sum(turn.assignment == entry for _, turn in taken)
        assert abs(count - 10_000 / entry.interval_ms) <= 2


def test_all_at_once_is_every_target_in_full_most_urgent_first() -> None:
    light = replace(X, full_every=5)
    assert [X.target, Y.target] == [turn.assignment.target for turn in all_at_once([Y, light], T0)]
    assert {Depth.FULL} == {turn.depth for turn in all_at_once([Y, light], T0)}


def test_all_at_once_takes_a_target_once_under_however_many_platforms_and_spellings() -> None:
    again = replace(X, platform="again", target="HTTPS://X.com:443")
    assert [X] == [turn.assignment for turn in all_at_once([X, again, replace(X, platform="third")], T0)]


def asked(assignment: Assignment = X, *, until: float = T0 + 60) -> Errand:
    return Errand(request=7, platform=assignment.platform, target=assignment.target, depth=Depth.LIGHT, until=until)


def test_what_the_collector_asks_for_comes_at_once_and_says_so() -> None:
    schedule = make(X, Y)
    assert schedule.ask(asked())
    assert 0.0 == schedule.wait_s(T0)
    assert Turn(assignment=X, depth=Depth.LIGHT, at=T0, request=7) == schedule.pop(T0)
    assert schedule.pop(T0) is None


def test_only_targets_of_the_plan_may_be_asked_for() -> None:
    schedule = make(X)
    assert not schedule.ask(asked(Y))
    assert not schedule.ask(asked(replace(X, platform="")))


def test_what_is_asked_for_keeps_its_own_distance_from_the_last_measurement_of_its_target() -> None:
    limits = Ceilings()
    rest = Rest(limits)
    schedule = make(X, rest=rest)
    rest.begins(X.target, T0)
    schedule.ask(asked())
    assert limits.errand_target_s == schedule.wait_s(T0)
    assert schedule.pop(T0 + limits.errand_target_s - 0.1) is None
    taken = schedule.pop(T0 + limits.errand_target_s)
    assert taken is not None
    rest.begins(X.target, T0 + limits.errand_target_s)
    planned = play(schedule, begin=T0 + limits.errand_target_s, end=T0 + 200, rest=rest)
    assert planned[0][0] >= T0 + limits.errand_target_s + limits.same_target_s


def test_what_is_asked_for_survives_a_new_plan_that_still_has_it() -> None:
    errands = Errands()
    make(X, Y, errands=errands).ask(asked(X))
    turn = make(replace(X, phase_ms=30_000), errands=errands).pop(T0)
    assert turn is not None
    assert 7 == turn.request
    make(X, errands=errands).ask(asked(X))
    assert make(Y, errands=errands).pop(T0) is None


READS = replace(
    X, transfer=TransferTask(url=parse_url("https://x.com/object"), bytes=1000), transfer_every=4, full_every=2
)


def depths(assignment: Assignment, *, draw: Draw = never) -> str:
    taken = play(make(assignment, draw=draw), begin=T0, end=T0 + 60 * 12)
    return "".join(turn.depth[0] for _, turn in taken)


def test_one_in_so_many_has_timed_reads() -> None:
    assert "tlfltlfltlfl" == depths(READS)


def test_agents_read_at_turns_of_their_own() -> None:
    assert 3 == depths(READS, draw=lambda: 0.5).count("t")
    assert depths(READS).index("t") != depths(READS, draw=lambda: 0.5).index("t")


def test_nothing_is_read_unasked_where_the_plan_says_so() -> None:
    assert "t" not in depths(replace(READS, transfer_every=0))


def test_without_an_object_no_turn_has_timed_reads() -> None:
    assert "t" not in depths(replace(READS, transfer=None))
