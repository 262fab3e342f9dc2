"""What is waited for is bounded, in time and in number; the oldest gives way."""

import asyncio

import pytest

from rabta_collector.admit import Reason, Refused
from rabta_collector.openings import Openings


async def never() -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


async def at_once() -> bytes:
    return b"whole"


def begun(openings: Openings, *owners: str | None) -> "list[asyncio.Task[bytes]]":
    return [asyncio.create_task(openings.first(owner, never)) for owner in owners]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def ended(tasks: "list[asyncio.Task[bytes]]") -> list[bool]:
    for task in tasks:
        if task.done():
            wrong = task.exception()
            assert isinstance(wrong, Refused)
            assert wrong.reason is Reason.UNFINISHED
    return [task.done() for task in tasks]


async def cancel(tasks: "list[asyncio.Task[bytes]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_message_that_comes_is_given() -> None:
    openings = Openings(together=1)
    assert b"whole" == await openings.first("a", at_once)
    assert b"whole" == await openings.first("a", at_once)
    assert 0 == len(openings)


async def test_one_that_does_not_come_is_waited_for_no_longer_than_so_long() -> None:
    openings = Openings(patience_s=0.01)
    with pytest.raises(Refused, match="whole in time") as refused:
        await openings.first(None, never)
    assert Reason.UNFINISHED is refused.value.reason
    assert 0 == len(openings)


async def test_where_there_are_too_many_the_oldest_gives_way() -> None:
    openings = Openings(together=3)
    tasks = begun(openings, "a", "b", "c", "d", None)
    await settle()
    assert [True, True, False, False, False] == ended(tasks)
    assert 3 == len(openings)
    assert b"whole" == await openings.first("e", at_once)
    await cancel(tasks)
    assert 0 == len(openings)


async def test_who_has_many_gives_way_to_itself() -> None:
    openings = Openings(together=4, of_one=2)
    tasks = begun(openings, "b", "a", "a", "a", "a")
    await settle()
    assert [False, True, True, False, False] == ended(tasks)
    await cancel(tasks)


async def test_those_who_have_no_name_are_not_one() -> None:
    openings = Openings(together=4, of_one=1)
    tasks = begun(openings, None, None, None, None)
    await settle()
    assert [False] * 4 == ended(tasks)
    await cancel(tasks)


async def test_two_that_come_at_one_moment_end_two() -> None:
    openings = Openings(together=2)
    first = begun(openings, "a", "b")
    await settle()
    second = begun(openings, "c", "d")
    await settle()
    assert [True, True, False, False] == ended(first + second)
    await cancel(first + second)


async def test_what_a_reader_raises_is_raised() -> None:
    async def broken() -> bytes:
        raise Refused(Reason.UNREADABLE, "broken")

    with pytest.raises(Refused, match="broken"):
        await Openings().first("a", broken)
