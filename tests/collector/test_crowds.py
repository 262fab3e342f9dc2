"""How often a crowd's votes are counted: seldom while it says the same, and at once when it says something else."""

from collections.abc import Callable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.catalogue import Need, Target
from rabta_collector.cells import Cell, unknown
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.decide import Terms, decide
from rabta_collector.windows import Case
from rabta_proto.vocabulary import Depth, Judgement, State
from support.factories import NOON, RESET, URL, Story, tls_trouble, works, works_light
from support.feeds import Feed, make_engine, measured, play, verdict

ROUND_S = 10.0
"""Everybody measures once in that time."""

GRID_S = 0.5
TERMS = Terms()
THEN = NOON + 2 * ROUND_S


def rounds(begin: float, end: float, crowd: int, told: Callable[[int], Story]) -> Iterator[Entry]:
    """What each of a crowd sees is told by its number."""
    for turn in range(round((end - begin) * crowd / ROUND_S)):
        number, at = turn % crowd, begin + turn * ROUND_S / crowd
        yield measured(f"ptcl-{number}", "ptcl", told(number).measurement(at=at))


def calm(crowd: int) -> Engine:
    """After two rounds in which all went well."""
    feed, engine = Feed(agents={"ptcl": crowd}), make_engine()
    entries = [*feed.rounds(NOON, THEN, silent=["ptcl"]), *rounds(NOON, THEN, crowd, lambda _: works())]
    play(engine, [*feed.presence(NOON, True), *sorted(entries, key=lambda entry: entry.at)])
    return engine


def decided(engine: Engine, entries: Iterator[Entry]) -> list[float]:
    """When the verdict was made anew, while these came."""
    moments = [verdict(engine, "ptcl").updated]
    for entry in entries:
        play(engine, [entry])
        if (updated := verdict(engine, "ptcl").updated) != moments[-1]:
            moments.append(updated)
    return moments[1:]


def test_few_agents_count_at_every_point_of_the_grid() -> None:
    assert 9 <= len(decided(calm(200), rounds(THEN, THEN + 5, 200, lambda _: works())))


def test_a_crowd_that_says_the_same_is_counted_seldom() -> None:
    engine = calm(1000)
    assert 2 <= len(decided(engine, rounds(THEN, THEN + 5, 1000, lambda _: works()))) <= 3
    assert State.REACHABLE is verdict(engine, "ptcl").state
    assert 1000 == verdict(engine, "ptcl").agents


def test_a_crowd_that_says_something_else_is_counted_at_once() -> None:
    engine = calm(1000)
    assert THEN - GRID_S == verdict(engine, "ptcl").updated  # the crowd is to rest for two seconds
    moments = decided(engine, rounds(THEN, THEN + 2, 1000, lambda _: tls_trouble(RESET)))
    assert THEN + GRID_S == moments[0]
    assert 3 <= len(moments)


def test_a_few_of_a_crowd_have_time() -> None:
    """Some always fail: one in a hundred is no news while it is always another one in a hundred."""
    engine = calm(1000)

    def told(number: int) -> Story:
        return tls_trouble(RESET) if number % 150 == 7 else works()

    assert len(decided(engine, rounds(THEN, THEN + 5, 1000, told))) <= 4


def test_the_same_comes_of_a_replay_however_often_it_is_asked() -> None:
    entries = [*rounds(THEN, THEN + 5, 600, lambda number: tls_trouble(RESET) if number % 3 else works())]
    often, once = calm(600), calm(600)
    told = [event for entry in entries for event in (*often.advance(entry.at), *play(often, [entry]))]
    told += often.advance(THEN + 10)
    assert told == play(once, entries, until=THEN + 10)
    assert verdict(often, "ptcl") == verdict(once, "ptcl")


STORIES = {"works": works, "light": works_light, "reset": lambda: tls_trouble(RESET), "nobody": None}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(STORIES)), st.integers(1, 40)), max_size=60))
@settings(max_examples=150, deadline=None)
def test_what_is_decided_again_only_where_votes_count_otherwise_is_what_all_votes_come_to(
    told: list[tuple[int, str, int]],
) -> None:
    target = Target(url=URL, platform="x")
    made = Cell(platform="x", isp="ptcl", targets={URL: target}, need=Need.ALL, verdict=unknown("x", "ptcl", NOON))
    window, now = made.window(URL), NOON
    for agent, name, pause in told:
        now += pause
        if (tell := STORIES[name]) is not None:
            depth = Depth.LIGHT if name == "light" else Depth.FULL
            measurement = tell().measurement(at=now, depth=depth)
            case = Case(agent=f"a{agent}", measurement=measurement, started=now, expires=now + 100)
            window.record(case, classify(measurement), now)
        last = window.decision
        made.decide(now, TERMS)
        assert decide(list(window.standing.values()), last, TERMS) == window.decision
        assert window.troubled == sum(vote.judgement is not Judgement.OK for vote in window.standing.values())
        assert {ballot for ballot in window.standing if window.standing[ballot].expires <= now} == set()
