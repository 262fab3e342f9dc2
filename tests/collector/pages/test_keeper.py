"""Pages are made once, and again when something changed."""

import asyncio
import threading

from rabta_collector.answers import make_body
from rabta_collector.pages.keeper import FRESH_S, Keeper, Make
from rabta_collector.pages.render import Leaf


class Press:
    """Counts how often each page was made, and where."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.threads: set[int] = set()

    async def plan(self, name: str, *, exists: bool = True) -> Make:
        def make() -> Leaf | None:
            self.made.append(name)
            self.threads.add(threading.get_ident())
            return Leaf(title=name, main=make_body("text/html", name)) if exists else None

        return make


async def test_a_page_is_made_once_for_many_readers_and_not_on_the_event_loop() -> None:
    keeper, press = Keeper(), Press()
    leaves = await asyncio.gather(*(keeper.get("x", 5.0, 1, lambda: press.plan("x")) for _ in range(20)))
    assert ["x"] == press.made
    assert 1 == len({id(leaf) for leaf in leaves})
    assert threading.get_ident() not in press.threads


async def test_it_is_made_anew_when_a_state_changed_or_it_is_old() -> None:
    keeper, press = Keeper(), Press()
    for at, mark in ((5.0, 1), (5.5, 1), (5.5, 2), (5.5 + FRESH_S, 2), (1.0, 2)):
        await keeper.get("x", at, mark, lambda: press.plan("x"))
    assert 4 == len(press.made)


async def test_what_was_read_longest_ago_is_forgotten_first() -> None:
    keeper, press = Keeper(kept=2), Press()
    for name in ("a", "b", "a", "c", "a", "b"):
        await keeper.get(name, 5.0, 1, lambda name=name: press.plan(name))  # type: ignore[misc]
    assert ["a", "b", "c", "b"] == press.made


async def test_pages_that_do_not_exist_push_out_none_that_do() -> None:
    keeper, press = Keeper(kept=2), Press()
    await keeper.get("a", 5.0, 1, lambda: press.plan("a"))
    for number in range(9):
        assert await keeper.get(number, 5.0, 1, lambda: press.plan("none", exists=False)) is None
    await keeper.get("a", 5.0, 1, lambda: press.plan("a"))
    assert 1 == press.made.count("a")
