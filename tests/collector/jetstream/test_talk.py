"""What processes ask one another over a real NATS server."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from lab.system import free_port
from rabta_collector.jetstream import talk
from rabta_collector.jetstream.place import parse_place
from rabta_collector.jetstream.talk import NobodyError, Talk
from support.nats import Nats, Node
from support.waiting import PATIENCE_S, until


class Pair:
    """One that asks and one that answers."""

    def __init__(self, nats: Nats) -> None:
        self.nats = nats
        self.asks, self.answers = Talk(parse_place(nats.url())), Talk(parse_place(nats.url()))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow for a moment is none that does not answer."""
    monkeypatch.setattr(talk, "TAKEN_S", PATIENCE_S / 4)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with Nats(tmp_path).running() as nats, AsyncExitStack() as stack:
        made = Pair(nats)
        for one in (made.asks, made.answers):
            await one.open({})
            stack.push_async_callback(one.close)
        yield made


async def reverse(text: bytes) -> bytes:
    return text[::-1]


async def test_a_question_has_the_answer_of_whoever_takes_it(pair: Pair) -> None:
    await pair.answers.take("part", "a", answer=reverse)
    assert b"cba" == await pair.asks.ask("part", "a", text=b"abc")


async def test_an_answer_that_no_server_lets_through_as_a_whole_comes_in_pieces(pair: Pair) -> None:
    body = random.Random(1).randbytes(5 * 1024 * 1024 + 1)

    async def much(_: bytes) -> bytes:
        return body

    await pair.answers.take("part", "a", answer=much)
    assert body == await pair.asks.ask("part", "a", text=b"")


async def test_an_answer_may_be_empty(pair: Pair) -> None:
    await pair.answers.take("part", "a", answer=reverse)
    assert b"" == await pair.asks.ask("part", "a", text=b"")


async def test_several_questions_are_answered_at_a_time(pair: Pair) -> None:
    all_there = asyncio.Barrier(3)

    async def together(text: bytes) -> bytes:
        await all_there.wait()
        return text

    await pair.answers.take("part", "a", answer=together)
    async with asyncio.timeout(PATIENCE_S):
        found = await asyncio.gather(*(pair.asks.ask("part", "a", text=b"%d" % number) for number in range(3)))
    assert [b"0", b"1", b"2"] == found


async def test_where_nobody_is_there_that_is_known_at_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "TAKEN_S", 10 * PATIENCE_S)
    monkeypatch.setattr(talk, "ANSWERED_S", 10 * PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(NobodyError):
            await pair.asks.ask("part", "b", text=b"")
        await pair.answers.take("part", "b", answer=reverse)
        assert b"" == await pair.asks.ask("part", "b", text=b"")
        await pair.answers.close()
        monkeypatch.setattr(talk, "TAKEN_S", 1.0)  # the server may see the question before it sees that end
        with pytest.raises(NobodyError):
            await pair.asks.ask("part", "b", text=b"")


async def test_who_takes_a_question_and_does_not_answer_is_given_up(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(talk, "ANSWERED_S", 0.3)
    await pair.answers.take("part", "a", answer=never)
    with pytest.raises(NobodyError):
        await pair.asks.ask("part", "a", text=b"")


async def test_a_server_that_stands_still_is_no_answer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "TAKEN_S", 0.3)
    await pair.answers.take("part", "a", answer=reverse)
    (node,) = pair.nats.nodes
    node.stand_still()
    try:
        with pytest.raises(NobodyError):
            await pair.asks.ask("part", "a", text=b"")
    finally:
        node.go_on()


async def test_who_never_had_a_connection_is_told_so(pair: Pair) -> None:
    with pytest.raises(NobodyError):
        await Talk(parse_place(pair.nats.url())).ask("part", "a", text=b"")


async def answered(talk: Talk, text: bytes) -> bytes | None:
    try:
        return await talk.ask("part", "a", text=text)
    except NobodyError:
        return None


async def test_who_is_at_a_server_that_is_cut_off_goes_to_another_one_and_is_heard_again(tmp_path: Path) -> None:
    """One that gives back what is said to it, and knows of no stream."""
    alone = Node(tmp_path, "alone", free_port(), "# without JetStream, as behind a cut without its leader")
    alone.start()
    heard: list[bytes] = []
    async with Nats(tmp_path).running() as nats, AsyncExitStack() as stack:
        stack.callback(alone.kill)
        place = parse_place(nats.url())
        both = replace(place, servers=(f"nats://127.0.0.1:{alone.port}", *place.servers))
        cut_off, other = Talk(replace(both, servers=both.servers[:1])), Talk(place)
        for one in (cut_off, other):
            stack.push_async_callback(one.close)
        await cut_off.open({("word",): heard.append})
        cut_off._place = both
        await cut_off.take("part", "a", answer=reverse)
        await other.open({})
        with pytest.raises(NobodyError):
            await other.ask("part", "a", text=b"abc")
        async with asyncio.timeout(PATIENCE_S):
            while cut_off.sound:  # noqa: ASYNC110 - it looks by itself
                await asyncio.sleep(0.01)
            while not cut_off.sound:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while (answer := await answered(other, b"abc")) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # it listens there once that server knows
        assert b"cba" == answer
        await other.say("word", text=b"hear")
        await until(lambda: heard == [b"hear"])
