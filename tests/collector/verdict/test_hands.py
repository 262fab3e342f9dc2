"""No one hand brings a verdict about, and the claim about liars holds whoever invited whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.verdict.changeover import could_lie, find_changeover
from rabta_collector.verdict.decide import Decision, Terms, decide
from rabta_collector.verdict.hands import NEW_S, Origin, OriginOf, count_hands, nobody_knows
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, State

OK, BLOCKED = Judgement.OK, Judgement.BLOCKED
REACHABLE = Decision(state=State.REACHABLE)
NOW = 1e9


def votes(told: str, hands: str) -> list[Vote]:
    """A vote for each letter, in the order of the measurements; each agent is named by its hand and its place."""
    words = {"o": OK, "b": BLOCKED}
    return [
        Vote(
            judgement=words[letter],
            rule="tls.reset.sni.isolated" if letter == "b" else "ok.https",
            step=None,
            mechanism=None,
            started=NOW + place,
            since=NOW,
            streak=5,
            expires=NOW + 1e6,
            agent=f"{hand}{place}",
        )
        for place, (letter, hand) in enumerate(zip(told, hands, strict=True))
    ]


def by_invite(agent: str) -> Origin:
    """A dot is an agent with an invitation of its own."""
    return Origin(invite=agent if agent[0] == "." else agent[0], joined=0.0)


def by_prefix(agent: str) -> Origin:
    return Origin(invite=agent, prefix=None if agent[0] == "." else agent[0].encode(), joined=0.0)


def by_age(agent: str) -> Origin:
    return Origin(invite=agent, joined=0.0 if agent[0] == "." else NOW - NEW_S / 2)


KINDS = [by_invite, by_prefix, by_age]


@pytest.mark.parametrize("origin_of", KINDS)
@pytest.mark.parametrize(
    ("hands", "supporters", "counted"),
    [
        ("aaaaaa......", 6, 3),  # three of twelve may be lying
        ("aaaaaa......", 7, 4),  # and one who is not of that hand
        ("aaaaabbbbb..", 10, 6),
        ("............", 8, 8),
        ("aa.", 2, 1),
        ("aaa", 3, 3),  # nobody else is there
    ],
)
def test_of_one_hand_as_many_count_as_may_be_lying(
    origin_of: OriginOf, hands: str, supporters: int, counted: int
) -> None:
    told = votes("b" * len(hands), hands)
    if origin_of is by_age and "b" in hands:
        counted = supporters  # all are new but two, who are too few to speak for themselves
    assert counted == count_hands(told[:supporters], told, could_lie(len(told)), origin_of)


def test_where_nothing_is_known_everybody_counts() -> None:
    told = votes("b" * 12, "a" * 6 + "." * 6)
    assert 6 == count_hands(told[:6], told, 3, nobody_knows)


def test_an_invitation_that_brought_nearly_all_decides_and_many_newcomers_do_not() -> None:
    told = votes("b" * 12, "a" * 9 + "...")
    assert [9, 3] == [count_hands(told[:9], told, 3, kind) for kind in (by_invite, by_age)]


@pytest.mark.parametrize("origin_of", KINDS)
def test_one_hand_makes_no_change(origin_of: OriginOf) -> None:
    told = votes("o" * 11 + "b" * 9, "." * 11 + "a" * 9)
    assert None is find_changeover(told, 2 / 3, origin_of=origin_of)
    assert State.REACHABLE is decide(told, REACHABLE, Terms(), origin_of=origin_of).state
    assert State.BLOCKED is decide(told, REACHABLE, Terms()).state


@pytest.mark.parametrize("origin_of", KINDS)
def test_one_more_agent_of_another_hand_does(origin_of: OriginOf) -> None:
    told = votes("o" * 11 + "b" * 9, "." * 11 + "a" * 5 + "." + "a" * 3)
    assert State.BLOCKED is decide(told, REACHABLE, Terms(), origin_of=origin_of).state


def test_newcomers_by_the_dozen_blur_what_others_see_and_decide_nothing() -> None:
    told = votes("b" * 10 + "ooo" + "b" * 10, "n" * 10 + "..." + "n" * 10)
    assert State.DISRUPTED is decide(told, REACHABLE, Terms(), origin_of=by_age).state
    waiting = votes("ooo" + "b" * 20, "..." + "n" * 20)  # none of the others has measured since
    assert State.REACHABLE is decide(waiting, REACHABLE, Terms(), origin_of=by_age).state


def test_what_stands_needs_no_other_hand() -> None:
    told = votes("b" * 10 + "ooo", "n" * 10 + "...")
    assert State.BLOCKED is decide(told, Decision(state=State.BLOCKED), Terms(), origin_of=by_age).state


@st.composite
def lies(draw: st.DrawFn) -> tuple[list[bool], str, str]:
    """Who lies, at most a third; the hands; the kind that tells them apart. Agents measure in any order."""
    total = draw(st.integers(3, 40))
    liars = draw(st.integers(0, could_lie(total)))
    lying = draw(st.permutations([n < liars for n in range(total)]))
    hands = draw(st.text("ab.", min_size=total, max_size=total))
    return list(lying), hands, draw(st.sampled_from(["invite", "prefix"]))


@given(lies())
def test_a_third_of_liars_makes_no_block_whoever_invited_them(told: tuple[list[bool], str, str]) -> None:
    lying, hands, kind = told
    ballots = votes("".join("b" if lies else "o" for lies in lying), hands)
    origin_of = by_invite if kind == "invite" else by_prefix
    assert State.REACHABLE is decide(ballots, REACHABLE, Terms(), origin_of=origin_of).state


@given(lies())
def test_a_third_of_liars_hides_no_block_whoever_invited_them(told: tuple[list[bool], str, str]) -> None:
    lying, hands, kind = told
    ballots = votes("".join("o" if lies else "b" for lies in lying), hands)
    origin_of = by_invite if kind == "invite" else by_prefix
    assert State.BLOCKED is decide(ballots, REACHABLE, Terms(), origin_of=origin_of).state


@given(lies())
def test_whoever_is_new_a_third_of_liars_makes_no_block_and_hides_none(
    told: tuple[list[bool], str, str],
) -> None:
    lying, hands, _ = told
    claim = votes("".join("b" if lies else "o" for lies in lying), hands)
    hide = votes("".join("o" if lies else "b" for lies in lying), hands)
    assert State.BLOCKED is not decide(claim, REACHABLE, Terms(), origin_of=by_age).state
    shown = decide(hide, REACHABLE, Terms(), origin_of=by_age).state
    old = lying.index(False) >= sum(lying)  # all who lie measured before: their votes are old, and waited for
    assert shown in (State.BLOCKED, State.DISRUPTED, *([State.REACHABLE] if old else []))
