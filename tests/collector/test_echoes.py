"""Who said it first."""

from rabta_collector.echoes import Echoes, Mark

MARK = Mark("https://x.com/", 1_700_000_000_000_001, 42_000)


def test_what_another_agent_or_epoch_said_is_an_echo() -> None:
    echoes = Echoes()
    echoes.add("a", 1, [MARK])
    assert not echoes.is_echo("a", 1, MARK)
    assert echoes.is_echo("a", 2, MARK)
    assert echoes.is_echo("b", 1, MARK)


def test_an_echo_does_not_become_the_owner() -> None:
    echoes = Echoes()
    echoes.add("a", 1, [MARK])
    echoes.add("b", 1, [MARK])
    assert not echoes.is_echo("a", 1, MARK)
    assert echoes.is_echo("b", 1, MARK)


def test_measurements_that_differ_in_anything_are_none() -> None:
    echoes = Echoes()
    echoes.add("a", 1, [MARK])
    for other in (Mark("https://y/", MARK.began_us, 42_000), Mark(MARK.target, 5, 42_000), Mark(MARK.target, 5, 1)):
        assert not echoes.is_echo("b", 1, other)


def test_memory_is_bounded_and_the_oldest_forgotten() -> None:
    echoes = Echoes(most=2)
    marks = [Mark("x", began, 1) for began in range(3)]
    for mark in marks:
        echoes.add("a", 1, [mark])
    assert [False, True, True] == [echoes.is_echo("b", 1, mark) for mark in marks]


def test_what_may_be_one_of_those_forgotten_is_known_as_that() -> None:
    echoes = Echoes(most=2)
    early, middle, late = (Mark("x", began, 1) for began in (10, 20, 30))
    for mark in (middle, early, late):
        assert not echoes.is_beyond(mark)
        echoes.add("a", 1, [mark])
    assert echoes.is_beyond(middle)  # forgotten
    assert not echoes.is_beyond(early)  # remembered, though it began before
    assert echoes.is_beyond(Mark("y", 20, 1))  # never there: nobody can tell
    assert not echoes.is_beyond(Mark("y", 21, 1))


def test_one_that_comes_again_is_not_remembered_twice() -> None:
    echoes = Echoes(most=2)
    for mark in (MARK, MARK, Mark("x", 1, 1)):
        echoes.add("a", 1, [mark])
    assert echoes.is_echo("b", 1, MARK)
    assert not echoes.is_beyond(Mark("z", 0, 1))


def test_both_questions_are_answered_in_one_for_all_of_a_batch() -> None:
    echoes = Echoes(most=2)
    echoes.add("a", 1, [Mark("x", began, 1) for began in (10, 20, 30)])
    batch = [Mark("x", began, 1) for began in (10, 20, 30, 40)]
    assert ([1, 2], 1) == echoes.look("b", 1, batch)
    assert ([], 1) == echoes.look("a", 1, batch)
