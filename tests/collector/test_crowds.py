"""How often a crowd's votes are counted: seldom while it says the same, and at once when it says something else."""

from collections.abc import Callable, Iterator

from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_proto.vocabulary import State
from support.factories import NOON, RESET, Story, tls_trouble, works
from support.feeds import Feed, make_engine, measured, play, verdict

ROUND_S = 10.0
"""Everybody measures once in that time."""

GRID_S = 0.5
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
