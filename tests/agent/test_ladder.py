"""Which way is tried when: the one that worked first, the better ones now and then, every one before any twice."""

from rabta_agent.endpoint import Endpoint
from rabta_agent.ladder import RETRY_CAP_S, RETRY_S, Ladder

WAYS = [Endpoint(host=name, port=443, tls=True) for name in "abcd"]


def ladder(worked: str = "") -> Ladder:
    return Ladder(ways=WAYS, worked=worked)


def walk(on: Ladder, steps: int) -> str:
    """The ways that are tried while none works."""
    tried = ""
    for _ in range(steps):
        tried += on.current.host
        on.failed()
    return tried


def test_every_way_is_tried_before_any_is_tried_again() -> None:
    assert "abcdabcd" == walk(ladder(), 8)


def test_the_way_that_worked_is_tried_first_and_then_the_best() -> None:
    assert "cabdabcd" == walk(ladder(str(WAYS[2])), 8)


def test_a_memory_of_a_way_that_is_no_more_is_of_no_use() -> None:
    assert "a" == ladder("https://gone:443").current.host


def test_a_way_that_worked_is_kept_when_it_breaks() -> None:
    on = ladder()
    on.failed()
    on.held()
    assert ("b", str(WAYS[1])) == (on.current.host, on.worked)


def test_greetings_that_come_to_nothing_are_borne_once() -> None:
    on = ladder()
    on.slipped()
    assert "a" == on.current.host
    on.slipped()
    assert "b" == on.current.host
    on.slipped()
    on.held()
    on.slipped()
    assert "b" == on.current.host


def test_the_best_way_is_stayed_on_for_ever() -> None:
    assert ladder().stay_s is None


def test_better_ways_are_tried_now_and_then_and_more_rarely_each_time() -> None:
    on, stays = ladder(str(WAYS[1])), []
    for _ in range(7):
        stays.append(on.stay_s)
        on.look_up()
        assert "ab" == walk(on, 1) + on.current.host  # a does not work still, b does
        on.held()
    assert [RETRY_S * factor for factor in (1, 2, 4, 8, 16)] == stays[:5]
    assert RETRY_CAP_S == stays[-1]


def test_the_pauses_begin_anew_once_the_best_way_has_worked() -> None:
    on = ladder(str(WAYS[1]))
    on.look_up()
    on.held()
    on.failed()
    assert RETRY_S == on.stay_s
