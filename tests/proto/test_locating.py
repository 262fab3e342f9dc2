"""Where on the path a name is cut off, from what came of connections; where they do not agree, nothing is said."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_proto.locating import Cut, Doubt, Location, find_traces, locate
from rabta_proto.model import Observation, PathTrace
from rabta_proto.trace import Reset, TraceStep
from rabta_proto.vocabulary import AddressSource
from support.strategies import traces


def trace(*steps: TraceStep, isolation: bool = False) -> PathTrace:
    name = "www.example.com" if isolation else "x.com"
    return PathTrace(
        address="192.0.2.1",
        port=443,
        server_name=name,
        source=AddressSource.SYSTEM,
        isolation=isolation,
        steps=steps,
    )


def expired(ttl: int, sent: int = 2) -> TraceStep:
    return TraceStep(ttl=ttl, sent=sent, expired=True, first_us=9)


def reset(ttl: int, *seen: tuple[int, int]) -> TraceStep:
    resets = tuple(Reset(ttl=one, ip_id=other) for one, other in seen or ((61, 7),))
    return TraceStep(ttl=ttl, sent=1, resets=len(resets), first_resets=resets, first_us=9)


def silent(ttl: int, sent: int = 2) -> TraceStep:
    return TraceStep(ttl=ttl, sent=sent)


def answered(ttl: int) -> TraceStep:
    return TraceStep(ttl=ttl, sent=1, answered=True, answer_ttl=57, first_us=9)


def gone(ttl: int) -> TraceStep:
    return TraceStep(ttl=ttl, connected=False)


OTHER = trace(*map(expired, range(1, 9)), answered(9), isolation=True)
QUIET_OTHER = trace(expired(1), *map(silent, range(2, 9)), answered(9), isolation=True)


def of(*steps: TraceStep, other: PathTrace | None = OTHER) -> Location:
    return locate(trace(*steps), other)


def where(found: Location) -> tuple[Cut | None, int | None, int | None, Doubt | None]:
    return found.cut, found.after, found.begins, found.doubt


def test_a_reset_begins_where_it_showed_first_and_the_router_before_was_passed() -> None:
    found = of(*map(expired, range(1, 5)), reset(5), expired(4), reset(5))
    assert (Cut.RESET, 4, 5, None) == where(found)
    assert found.exact
    assert not found.at_server
    assert (9, True) == (found.server, found.by_name)


def test_ttl_ip_id_and_count_of_resets_are_kept() -> None:
    found = of(expired(1), expired(2), reset(3, (250, 1), (250, 2), (250, 3)), reset(3, (60, 0)))
    assert 4 == found.resets
    assert [(250, 1), (250, 2), (250, 3), (60, 0)] == [(one.ttl, one.ip_id) for one in found.first_resets]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 65535)), min_size=1, max_size=4))
def test_nothing_that_is_written_in_a_reset_moves_it(forged: list[tuple[int, int]]) -> None:
    found = of(*map(expired, range(1, 5)), reset(5, *forged), reset(5, *forged))
    assert (Cut.RESET, 4, 5, None) == where(found)


def test_routers_that_say_nothing_are_passed_all_the_same() -> None:
    found = of(expired(1), silent(2), silent(3), silent(4), reset(5), reset(5), other=QUIET_OTHER)
    assert (Cut.RESET, 4, 5, None) == where(found)


def test_a_reset_at_the_first_router_needs_none_before_it() -> None:
    assert (Cut.RESET, 0, 1, None) == where(of(reset(1), reset(1)))


def test_a_reset_from_as_far_as_the_server_may_be_its_own() -> None:
    found = of(*map(expired, range(1, 9)), reset(9), reset(9))
    assert (8, 9, True) == (found.after, found.begins, found.at_server)


def test_a_reset_that_showed_once_is_no_place() -> None:
    assert (Cut.RESET, None, None, Doubt.ONCE) == where(of(*map(expired, range(1, 5)), reset(5)))


def test_a_router_before_that_was_hardly_tried_is_no_place() -> None:
    assert (Cut.RESET, None, None, Doubt.UNSURE_BEFORE) == where(of(expired(1), expired(2, sent=1), reset(3), reset(3)))
    assert (Cut.RESET, 2, 3, None) == where(of(expired(2, sent=1), reset(3), expired(2, sent=1), reset(3)))


def test_what_passed_where_it_had_been_reset_is_no_place() -> None:
    """A filter that misses some, or a path that changes from one connection to the next."""
    for passed in (expired(5), expired(7), answered(9)):
        assert Doubt.AT_ODDS is of(expired(4), reset(5), passed, reset(6)).doubt


def test_a_filter_that_injects_and_lets_pass_is_found_as_well() -> None:
    both = TraceStep(ttl=5, sent=1, expired=True, resets=3, first_resets=(Reset(ttl=61, ip_id=1),))
    assert (Cut.RESET, 4, 5, None) == where(of(expired(4), both, both))


def test_another_name_that_is_reset_there_too_is_told() -> None:
    other = trace(*map(expired, range(1, 5)), reset(5), isolation=True)
    found = of(*map(expired, range(1, 5)), reset(5), reset(5), other=other)
    assert (5, False, None) == (found.begins, found.by_name, found.server)


def test_silence_begins_where_only_the_other_name_got_an_answer() -> None:
    found = of(expired(1), expired(2), expired(3), silent(4), silent(5), silent(4), silent(9))
    assert (Cut.SILENCE, 3, 4, None) == where(found)
    assert found.exact
    assert (9, True) == (found.server, found.by_name)


def test_silence_among_routers_that_say_nothing_has_a_place_between_two() -> None:
    other = trace(expired(1), expired(2), silent(3), silent(4), expired(5), expired(6), answered(7), isolation=True)
    found = of(expired(1), expired(2), silent(3), silent(4), silent(5), silent(6), silent(5), other=other)
    assert (Cut.SILENCE, 2, 5, None) == where(found)
    assert not found.exact


def test_a_lost_answer_is_no_silence() -> None:
    found = of(expired(1), silent(2), expired(3), silent(4), silent(5), silent(4))
    assert (Cut.SILENCE, 3, 4, None) == where(found)


def test_silence_that_nothing_was_held_against_is_no_place() -> None:
    other = trace(*map(silent, range(1, 7)), isolation=True)
    assert (Cut.SILENCE, None, None, Doubt.NOT_HELD_AGAINST) == where(of(*map(silent, range(1, 7)), other=other))
    assert Doubt.NOT_HELD_AGAINST is of(silent(1), silent(2), other=None).doubt


def test_silence_that_was_met_once_is_no_place() -> None:
    assert (Cut.SILENCE, None, None, Doubt.ONCE) == where(of(expired(1), expired(2), silent(3), silent(4)))
    assert (Cut.SILENCE, 2, 3, None) == where(of(expired(1), expired(2), silent(3), silent(3)))


def test_first_words_that_went_out_once_may_have_been_lost() -> None:
    assert Doubt.NOT_CUT is of(expired(1), expired(2), silent(3, sent=1), silent(4, sent=1)).doubt


def test_a_name_that_was_answered_was_not_cut() -> None:
    assert (None, None, None, Doubt.NOT_CUT) == where(of(*map(expired, range(1, 9)), answered(9)))


def test_what_outlasts_its_trigger_leaves_nothing_to_be_seen() -> None:
    assert Doubt.NOT_LOOKED is of(gone(1), gone(1)).doubt
    assert Doubt.NOT_LOOKED is of(expired(1), expired(2), reset(3), gone(2), gone(2)).doubt
    assert Doubt.NOT_LOOKED is of(expired(1), silent(2), gone(3), gone(3)).doubt
    assert Doubt.NOT_LOOKED is locate(None, None).doubt


@given(st.none() | traces, st.none() | traces)
def test_whatever_an_agent_says_has_a_place_or_a_doubt(own: PathTrace | None, other: PathTrace | None) -> None:
    found = locate(own, other)
    assert (found.doubt is None) is (found.begins is not None) is (found.after is not None)
    assert found.begins is None or found.cut is not None


def test_traces_are_told_apart_by_the_name() -> None:
    own = trace(expired(1))
    seen = [Observation(detail=OTHER, offset_us=0, duration_us=1), Observation(detail=own, offset_us=1, duration_us=1)]
    assert (own, OTHER) == find_traces(seen)
    assert (None, None) == find_traces([])
