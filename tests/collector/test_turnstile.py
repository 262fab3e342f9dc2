"""Turns by agent, and room by bytes."""

import asyncio
from contextlib import suppress

from rabta_collector.state import IngestStats
from rabta_collector.turnstile import BULKY, Turnstile


class Hall:
    """A turnstile with visitors that stay until they are told to go."""

    def __init__(self, room: int = 10) -> None:
        self.stats = IngestStats()
        self.turnstile = Turnstile(self.stats, room)
        self.inside: list[str] = []
        self._doors: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, size: int, *, greedy: bool = False) -> None:
        """`name`: agent, and what tells its visits apart."""
        self._doors[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._visit(name, size, greedy))
        await settle()

    async def _visit(self, name: str, size: int, greedy: bool) -> None:
        async with self.turnstile.turn(name[0], size, measurements=0, greedy=greedy):
            self.inside.append(name)
            await self._doors[name].wait()
            self.inside.remove(name)

    async def go(self, name: str) -> None:
        self._doors[name].set()
        await self._tasks[name]
        await settle()

    async def die(self, name: str) -> None:
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_fits_goes_in_and_the_rest_waits_for_room() -> None:
    hall = Hall()
    for name, size in (("a1", 6), ("b1", 4), ("c1", 1)):
        await hall.come(name, size)
    assert ["a1", "b1"] == hall.inside
    assert 10 == hall.stats.inflight_bytes
    assert 1.0 == hall.turnstile.load
    await hall.go("b1")
    assert ["a1", "c1"] == hall.inside
    await hall.go("a1")
    await hall.go("c1")
    assert 0 == hall.stats.inflight_bytes


async def test_agents_take_turns_however_many_batches_one_of_them_has() -> None:
    hall = Hall()
    for name in ("a1", "a2", "a3", "b1", "a4"):
        await hall.come(name, 10)
    order = []
    while hall.inside:
        order += hall.inside
        await hall.go(hall.inside[0])
    assert ["a1", "a2", "b1", "a3", "a4"] == order


async def test_a_modest_agent_goes_before_the_greedy_and_never_waits_for_room_that_they_filled() -> None:
    hall = Hall()
    for name in ("g1", "h1", "i1"):
        await hall.come(name, 5, greedy=True)
    assert ["g1"] == hall.inside
    await hall.come("m1", 5)
    assert ["g1", "m1"] == hall.inside
    await hall.come("n1", 5)
    await hall.go("g1")
    assert ["m1", "n1"] == hall.inside
    await hall.go("m1")
    assert ["n1", "h1"] == hall.inside


async def test_a_batch_larger_than_the_room_goes_in_alone() -> None:
    hall = Hall()
    await hall.come("a1", 99)
    await hall.come("b1", 1)
    assert ["a1"] == hall.inside
    await hall.go("a1")
    assert ["b1"] == hall.inside


async def test_a_session_that_ends_leaves_no_hole() -> None:
    hall = Hall()
    for name in ("a1", "b1", "c1"):
        await hall.come(name, 10)
    await hall.die("b1")
    await hall.die("a1")
    assert ["c1"] == hall.inside[-1:]
    await hall.go("c1")
    assert 0 == hall.stats.inflight_bytes


async def test_one_let_in_at_the_moment_its_session_ends_takes_no_room() -> None:
    hall = Hall()
    await hall.come("a1", 10)
    waiting = asyncio.create_task(hall._visit("b1", 10, False))
    hall._doors["b1"] = asyncio.Event()
    await settle()
    hall._doors["a1"].set()
    await hall._tasks["a1"]
    waiting.cancel()  # its turn has come, and it has not run since
    with suppress(asyncio.CancelledError):
        await waiting
    assert 0 == hall.stats.inflight_bytes


async def test_bulky_batches_go_one_at_a_time_and_after_the_others() -> None:
    hall = Hall(room=100 * BULKY)
    for name in ("a1", "b1"):
        await hall.come(name, BULKY + 1)
    await hall.come("m1", 5)
    assert ["a1", "m1"] == hall.inside
    await hall.go("a1")
    assert ["m1", "b1"] == hall.inside
