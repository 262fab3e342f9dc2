"""Our own timeline, and the past where we have none."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.past import find_revisions, merge
from rabta_collector.state import Witness
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import Mechanism

WITNESS = (Witness(rule="ok.https", count=2),)


def own(state: str, since: float, until: float | None = None, **where: str) -> Span:
    return span(state, since, until, revised=False, **where)


def past(state: str, since: float, until: float | None = None, **where: str) -> Span:
    return span(state, since, until, revised=True, **where)


def span(
    state: str, since: float, until: float | None, *, revised: bool, isp: str = "ptcl", platform: str = "x"
) -> Span:
    mechanism = Mechanism.DNS_NXDOMAIN if state == "blocked" else None
    return Span(
        platform=platform or None,
        isp=isp,
        state=state,
        mechanism=mechanism,
        since=since,
        until=until,
        revised=revised,
        witness=WITNESS if revised else (),
    )


def outline(spans: Sequence[Span]) -> list[tuple[str, float, float | None, bool]]:
    return [(one.state, one.since, one.until, one.revised) for one in spans]


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        ([own("reachable", 5)], [], [("reachable", 5, None, False)]),
        ([], [past("blocked", 1, 3)], [("blocked", 1, 3, True)]),
        ([own("reachable", 5)], [past("blocked", 1, 3)], [("blocked", 1, 3, True), ("reachable", 5, None, False)]),
        ([own("reachable", 5)], [past("blocked", 1, 9)], [("blocked", 1, 5, True), ("reachable", 5, None, False)]),
        ([own("reachable", 5)], [past("blocked", 6, 9)], [("reachable", 5, None, False)]),
        (
            [own("inconclusive", 5)],
            [past("blocked", 6, 9)],
            [("inconclusive", 5, 6, False), ("blocked", 6, 9, True), ("inconclusive", 9, None, False)],
        ),
        (
            [own("blocked", 2, 4), own("inconclusive", 4, 8), own("reachable", 8)],
            [past("reachable", 1, 3), past("blocked", 3, 7), past("reachable", 7, 9)],
            [
                ("reachable", 1, 2, True),
                ("blocked", 2, 4, False),
                ("blocked", 4, 7, True),
                ("reachable", 7, 8, True),
                ("reachable", 8, None, False),
            ],
        ),
    ],
)
def test_the_past_tells_of_times_of_which_we_tell_nothing(
    mine: list[Span], others: list[Span], expected: list[tuple[str, float, float | None, bool]]
) -> None:
    assert expected == outline(merge(mine, others))


def test_cells_do_not_mix_and_an_isp_s_own_comes_first() -> None:
    mine = [own("up", 0, isp="ptcl", platform=""), own("reachable", 0, isp="ptcl")]
    others = [past("blocked", 1, 2, isp="jazz"), past("blocked", 1, 2, platform="news")]
    found = [(one.isp, one.platform, one.state) for one in merge(mine, others)]
    assert [
        ("jazz", "x", "blocked"),
        ("ptcl", None, "up"),
        ("ptcl", "news", "blocked"),
        ("ptcl", "x", "reachable"),
    ] == found


def changes(*spans: Span) -> list[tuple[float, str, str]]:
    return [(event.at, event.from_state, event.to_state) for event in find_revisions(spans)]


def test_a_span_of_the_past_begins_and_ends_with_an_event() -> None:
    assert [(1, "inconclusive", "blocked"), (3, "blocked", "inconclusive")] == changes(past("blocked", 1, 3))


def test_spans_that_touch_share_their_event() -> None:
    assert [(1, "inconclusive", "reachable"), (3, "reachable", "blocked"), (5, "blocked", "inconclusive")] == changes(
        past("reachable", 1, 3), past("blocked", 3, 5)
    )


def test_a_silence_between_spans_is_told() -> None:
    found = changes(past("blocked", 1, 3), past("blocked", 5, 6))
    assert [
        (1, "inconclusive", "blocked"),
        (3, "blocked", "inconclusive"),
        (5, "inconclusive", "blocked"),
        (6, "blocked", "inconclusive"),
    ] == found


def test_our_own_spans_have_their_own_events() -> None:
    assert [(1, "inconclusive", "blocked")] == changes(past("blocked", 1, 3), own("reachable", 3))
    assert [(3, "reachable", "blocked"), (5, "blocked", "inconclusive")] == changes(
        own("reachable", 1, 3), past("blocked", 3, 5)
    )
    assert [] == changes(own("reachable", 1, 3), own("blocked", 3))


def test_the_same_state_goes_on_without_an_event() -> None:
    assert [(5, "blocked", "inconclusive")] == changes(own("blocked", 1, 3), past("blocked", 3, 5))


def test_cells_end_and_begin_for_themselves() -> None:
    found = changes(past("blocked", 1, 3, isp="jazz"), past("blocked", 3, 5, isp="ptcl"))
    assert 4 == len(found)


def test_a_state_that_is_not_known_ends_without_an_event() -> None:
    assert [] == changes(past("inconclusive", 1, 3))


def test_an_event_of_the_past_is_marked_and_has_a_number_of_its_own() -> None:
    first, second = find_revisions([past("blocked", 1, 3)])
    assert (True, None, "x", "ptcl", Mechanism.DNS_NXDOMAIN, WITNESS) == (
        first.revised,
        first.detected_after_seconds,
        first.platform,
        first.isp,
        first.mechanism,
        first.witness,
    )
    assert (True, None, ()) == (second.revised, second.mechanism, second.witness)
    assert first.id < 0
    assert second.id < 0
    assert first.id != second.id
    assert abs(first.id) < 2**53
    assert first == find_revisions([past("blocked", 1, 3), past("blocked", 8, 9)])[0]


def timelines(*, revised: bool) -> st.SearchStrategy[list[Span]]:
    """Spans in order and apart."""

    def build(parts: list[tuple[int, int, str]]) -> list[Span]:
        spans, at = [], 0
        for gap, length, state in parts:
            spans.append(span(state, at + gap, at + gap + length, revised=revised))
            at += gap + length
        return spans

    states = st.sampled_from(["reachable", "blocked", "inconclusive"])
    return st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), states), max_size=8).map(build)


@given(timelines(revised=False), timelines(revised=True))
def test_together_they_are_in_order_and_apart_and_nothing_of_ours_is_lost(mine: list[Span], others: list[Span]) -> None:
    found = merge(mine, others)
    for before, after in pairwise(found):
        assert before.until is not None
        assert before.until <= after.since
    known = [one for one in mine if one.state != "inconclusive"]
    assert known == [one for one in found if not one.revised and one.state != "inconclusive"]
    for moment in range(60):
        ours, theirs = _at(mine, moment + 0.5), _at(others, moment + 0.5)
        expected = ours if ours not in (None, "inconclusive") else theirs or ours
        assert expected == _at(found, moment + 0.5)


def _at(spans: Sequence[Span], moment: float) -> str | None:
    return next((one.state for one in spans if one.since <= moment < (one.until or 1e9)), None)
