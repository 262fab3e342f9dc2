"""What processes of different shares ask one another: what is known of a share's ISPs, and which share has an event.

    question    JSON: {"part": `Wanted`} or {"event": NUMBER}
    answer      JSON, compressed: {"part": `Part`}, {"event": whether it is known}, {"wrong": [PARAMETER, PROBLEM]} of
                the reader's question, or {"declined": WHY}, upon which another one of that share is asked

It has exact times, and so it goes over NATS, which knows who asks, and not over HTTP. The same question is asked once a
second, however many readers there are.
"""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.talk import NobodyError, Talk
from rabta_collector.parts import Look, MissingShareError, Part, Wanted, since
from rabta_collector.plain import from_plain, to_plain
from rabta_collector.query import BadParameterError
from rabta_collector.roles.neighbours import Neighbours, missing

FRESH_S = 1.0
"""An answer is given to whoever asks the same within so long of its having been asked for."""

AT_A_TIME = 2
"""Answers that are made at the same time: they take a core."""

MOST_BYTES = 256 * 1024 * 1024
"""That an answer may unfold to."""

WORD = "part"
log = structlog.get_logger()


class Questions:
    """Asks. To be used on the event loop alone."""

    def __init__(self, talk: Talk, neighbours: Neighbours, isps: Sequence[str]) -> None:
        self._talk, self._neighbours, self._isps = talk, neighbours, isps
        self._asked: dict[tuple[IspShare, Wanted], tuple[float, asyncio.Task[Part]]] = {}

    async def parts(self, shares: Sequence[IspShare], wanted: Wanted) -> list[Part]:
        """What each share knows of what is wanted. Raises `MissingShareError`, `BadParameterError`."""
        asked = (asyncio.shield(self._once(share, wanted)) for share in shares)
        found = await asyncio.gather(*asked, return_exceptions=True)
        self._raise_of(shares, found)
        return [one for one in found if isinstance(one, Part)]

    async def owner(self, shares: Sequence[IspShare], event: int) -> IspShare | None:
        """Which of these shares knows an event. Raises `MissingShareError` where that cannot be told."""
        asked = (self._ask(share, {"event": event}) for share in shares)
        found = await asyncio.gather(*asked, return_exceptions=True)
        owner = next((share for share, one in zip(shares, found, strict=True) if one == {"event": True}), None)
        if owner is None:
            self._raise_of(shares, found)
        return owner

    def _raise_of(self, shares: Sequence[IspShare], found: Sequence[object]) -> None:
        """The first thing that went wrong; of shares that are missing one line."""
        wrong = [one for one in found if isinstance(one, BaseException)]
        away = [share for share, one in zip(shares, found, strict=True) if isinstance(one, MissingShareError)]
        for one in wrong:
            if not isinstance(one, MissingShareError):
                raise one
        if away:
            raise make_missing(away, self._isps)

    def _once(self, share: IspShare, wanted: Wanted) -> "asyncio.Task[Part]":
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._asked = {key: asked for key, asked in self._asked.items() if now - asked[0] < FRESH_S}
        if (share, wanted) not in self._asked:
            task = loop.create_task(self._part(share, wanted))
            task.add_done_callback(_look_at)
            self._asked[share, wanted] = now, task
        return self._asked[share, wanted][1]

    async def _part(self, share: IspShare, wanted: Wanted) -> Part:
        answer = await self._ask(share, {"part": to_plain(wanted)})
        if "wrong" in answer:
            raise BadParameterError(*answer["wrong"])
        return await asyncio.to_thread(from_plain, Part, answer["part"])

    async def _ask(self, share: IspShare, question: dict[str, Any]) -> dict[str, Any]:
        """Of the first of a share's processes that answers."""
        loop, text = asyncio.get_running_loop(), json.dumps(question, separators=(",", ":")).encode()
        for one in self._neighbours.of(share, loop.time()):
            try:
                answer = await asyncio.to_thread(unfold, await self._talk.ask(WORD, one.process, text=text))
                if "declined" not in answer:
                    return answer
                said = str(answer["declined"])
            except (NobodyError, ValueError) as wrong:
                said = str(wrong)
                self._neighbours.avoid(one, loop.time())
            log.info("part.not_had", share=str(share), page=one.page, message=said)
        raise make_missing([share], self._isps)


class Answers:
    """Answers of what this process knows, once it is `ready`; `look` takes a part, `knows` knows events."""

    def __init__(
        self, ready: Callable[[], bool], look: Callable[[Wanted], Look], knows: Callable[[int], Awaitable[bool]]
    ) -> None:
        self._ready, self._look, self._knows = ready, look, knows
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def answer(self, text: bytes) -> bytes:
        """Of any question, be it none."""
        try:
            return await self._answer(json.loads(text))
        except BadParameterError as wrong:
            return fold({"wrong": [wrong.parameter, str(wrong).removeprefix(f"{wrong.parameter}: ")]})
        except Exception:
            log.exception("part.not_given")
            return fold({"declined": "it failed; its log has the reason"})

    async def _answer(self, question: dict[str, Any]) -> bytes:
        if not self._ready():
            return fold({"declined": "not ready"})
        if "event" in question:
            return fold({"event": await self._knows(int(question["event"]))})
        async with self._turns:
            wanted = from_plain(Wanted, question["part"])
            look = self._look(wanted)
            return await asyncio.to_thread(lambda: fold({"part": to_plain(since(look(), wanted.since))}))


def make_missing(shares: Sequence[IspShare], isps: Sequence[str]) -> MissingShareError:
    return MissingShareError(missing(shares, isps), [isp for share in shares for isp in share.owned(isps)])


def fold(answer: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode(), 1)


def unfold(text: bytes) -> dict[str, Any]:
    """Raises `ValueError`."""
    try:
        answer: dict[str, Any] = json.loads(zlib.decompressobj().decompress(text, MOST_BYTES))
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
    if not isinstance(answer, dict):
        raise ValueError("no answer")
    return answer


def _look_at(task: "asyncio.Task[Part]") -> None:
    """Whoever asked may be gone."""
    if not task.cancelled():
        task.exception()
