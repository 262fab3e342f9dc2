"""Findings of the past, one beside the other, become spans."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.catalogue import Need
from rabta_collector.history.fold import GAP_S, HOUR_S, Found, PastSpan, fold
from rabta_proto.vocabulary import Judgement, Mechanism, State

START = 1_708_128_000.0  # 2024-02-17 00:00 UTC
SITE, OTHER = "https://x.com", "http://x.com"
RULES = {
    Judgement.OK: ("ok.https", None),
    Judgement.BLOCKED: ("tls.reset.control_valid", Mechanism.TLS_RESET_OTHER),
    Judgement.DOWN: ("site.down", None),
    Judgement.INCONCLUSIVE: ("control.none", None),
}
LETTERS = {"o": Judgement.OK, "b": Judgement.BLOCKED, "d": Judgement.DOWN, "?": Judgement.INCONCLUSIVE}


def found(hour: float, judgement: Judgement, site: str = SITE) -> Found:
    rule, mechanism = RULES[judgement]
    return Found(started=START + hour * HOUR_S, site=site, judgement=judgement, rule=rule, mechanism=mechanism)


def hours(text: str, *, site: str = SITE, first: int = 0) -> list[Found]:
    """Hours with spaces between: `oo ob .` is two reached in the first hour, one of each in the next, none after it."""
    return [
        found(first + hour + (number + 1) / 60, LETTERS[letter], site)
        for hour, letters in enumerate(text.split())
        for number, letter in enumerate(letters)
        if letter != "."
    ]


def outline(spans: Sequence[PastSpan]) -> list[tuple[str, float, float]]:
    return [(str(s.state), (s.since - START) / HOUR_S, (s.until - START) / HOUR_S) for s in spans]


def folded(*lists: list[Found], need: Need = Need.ALL) -> list[PastSpan]:
    return list(fold(sorted((one for many in lists for one in many), key=lambda one: one.started), need))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o", [("reachable", 0, 1)]),
        ("b", [("blocked", 0, 1)]),
        ("d", [("down", 0, 1)]),
        ("?", []),
        ("o o o", [("reachable", 0, 3)]),
        ("o . . o", [("reachable", 0, 4)]),
        ("o ? o", [("reachable", 0, 3)]),
        ("ooo bbb", [("reachable", 0, 1), ("blocked", 1, 2)]),
        ("ooo b o", [("reachable", 0, 3)]),
        ("ooo b b", [("reachable", 0, 1), ("blocked", 1, 3)]),
        ("ooo b . b", [("reachable", 0, 1), ("blocked", 1, 4)]),
        ("ooo bb", [("reachable", 0, 1), ("blocked", 1, 2)]),
        ("oob", [("reachable", 0, 1)]),
        ("obbb", [("blocked", 0, 1)]),
        ("obobob", [("disrupted", 0, 1)]),
        ("bbb ooo bbb", [("blocked", 0, 1), ("reachable", 1, 2), ("blocked", 2, 3)]),
    ],
)
def test_an_hour_s_findings_vote(text: str, expected: list[tuple[str, float, float]]) -> None:
    assert expected == outline(folded(hours(text)))


def test_one_voice_against_what_stood_changes_nothing_however_often_it_was_heard_before() -> None:
    assert [("reachable", 0, 5)] == outline(folded(hours("o b o b o")))


def test_two_that_contradict_each_other_leave_it_open_where_nothing_stood() -> None:
    assert [("inconclusive", 0, 1)] == outline(folded(hours("ob")))


def test_what_was_open_turns_out_to_have_been_the_state_that_followed() -> None:
    spans = folded(hours("ob b"))
    assert [("blocked", 0, 2)] == outline(spans)


def test_nothing_is_said_of_a_time_when_nobody_measured() -> None:
    gap = int(GAP_S / HOUR_S)
    assert [("reachable", 0, gap + 1)] == outline(folded(hours("o"), hours("o", first=gap)))
    spans = folded(hours("o"), hours("o", first=gap + 1))
    assert [("reachable", 0, 1), ("reachable", gap + 1, gap + 2)] == outline(spans)


def test_after_a_silence_one_finding_is_all_that_is_known() -> None:
    spans = folded(hours("ooo"), hours("b", first=100))
    assert [("reachable", 0, 1), ("blocked", 100, 101)] == outline(spans)


def test_a_platform_is_as_its_worst_site_where_it_needs_all() -> None:
    both = [hours("ooo ooo"), hours("bbb bbb", site=OTHER)]
    assert [("blocked", 0, 2)] == outline(folded(*both))
    assert [("reachable", 0, 2)] == outline(folded(*both, need=Need.ANY))


def test_a_site_keeps_its_decision_while_the_other_is_measured() -> None:
    spans = folded(hours("bbb", site=OTHER), hours(". ooo ooo"))
    assert [("blocked", 0, 3)] == outline(spans)


def test_a_site_of_which_nothing_is_known_yet_does_not_count() -> None:
    spans = folded(hours("ooo ooo"), hours(". ob", site=OTHER))
    assert [("reachable", 0, 2)] == outline(spans)


def test_another_mechanism_is_another_span() -> None:
    forged = [
        Found(
            started=START + HOUR_S * 2 + second,
            site=SITE,
            judgement=Judgement.BLOCKED,
            rule="dns.nxdomain.control_resolves",
            mechanism=Mechanism.DNS_NXDOMAIN,
        )
        for second in range(3)
    ]
    spans = folded(hours("bbb bbb"), forged)
    assert [Mechanism.TLS_RESET_OTHER, Mechanism.DNS_NXDOMAIN] == [span.mechanism for span in spans]


def test_a_span_says_how_many_findings_it_rests_on_and_by_which_rules() -> None:
    (span,) = folded(hours("bbb b?o b"))
    assert (7, [("tls.reset.control_valid", 5), ("control.none", 1), ("ok.https", 1)]) == (
        span.findings,
        [(one.rule, one.count) for one in span.witness],
    )


def test_a_rule_of_another_version_still_counts() -> None:
    odd = Found(started=START, site=SITE, judgement=Judgement.BLOCKED, rule="gone.rule", mechanism=None)
    assert [("blocked", 0, 1)] == outline(folded([odd]))


judgements = st.sampled_from(list(LETTERS.values()))
pasts = st.lists(st.builds(found, st.floats(0, 200), judgements, st.sampled_from([SITE, OTHER])), max_size=60)


@given(pasts)
def test_spans_are_in_order_apart_and_within_what_was_found(past: list[Found]) -> None:
    spans = folded(past)
    times = [(one.started // HOUR_S) * HOUR_S for one in past]
    for span in spans:
        assert min(times) <= span.since < span.until <= max(times) + HOUR_S
        assert span.since % HOUR_S == span.until % HOUR_S == 0
        assert (span.mechanism is None) or span.state in (State.BLOCKED, State.THROTTLED)
    for before, after in pairwise(spans):
        assert before.until <= after.since
        touching = before.until == after.since
        assert not touching or (before.state, before.mechanism) != (after.state, after.mechanism)


@given(pasts)
def test_nothing_is_called_blocked_that_was_never_found_so(past: list[Found]) -> None:
    harmless = [one for one in past if one.judgement is not Judgement.BLOCKED]
    assert not {State.BLOCKED, State.THROTTLED} & {span.state for span in folded(harmless)}
