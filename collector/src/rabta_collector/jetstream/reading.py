"""Reads a stream in order, a few messages at a time, through a consumer that lives as long as somebody reads.

The consumer is in memory, on one node, and may go with it at any moment: another one begins where this one ended.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rabta_collector.jetstream.link import ApiError, NoAnswerError, ask, state_of

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

PULL_S = 2.0
MOST_BYTES = 16 * 1024 * 1024
PLACE_S = (0.5, 1.0, 2.0)
"""For which the answer is waited for, when a consumer is made: it takes milliseconds where its node is there."""

LIFE_S = 60
_END = ("404", "408")
"""Of a request that waits for nothing: there is nothing, and there was less than was asked for."""

PATIENCE_S = 30.0
"""For what the stream has and no consumer gives."""


class Came(NamedTuple):
    """A message: its number, when the stream took it (microseconds since 1970), its subject, and what it says."""

    number: int
    at_us: int
    subject: str
    data: bytes


class StreamReader:
    """Messages of a stream, from any number on."""

    def __init__(self, client: "Client", stream: str, subject: str = "", *, most_bytes: int = MOST_BYTES) -> None:
        """`subject`: only messages of this one. `most_bytes`: at a time; one message must not have more."""
        self._client, self._stream, self._subject = client, stream, subject
        self._most_bytes = most_bytes
        self._consumer = ""
        self._next = 0
        self._given = 0
        """How many messages the consumer has given."""

        self.drained = False
        """Whether the last read came to the end of what there was."""

    async def read_after(self, number: int, limit: int) -> list[Came]:
        """The next messages; none at the end. Raises `ApiError`, `NoAnswerError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            if not self._consumer or self._next != number + 1:
                await self._begin(number + 1)
            if found := await self._pull(limit):
                return found
            if self._subject and self._consumer:
                return []
            if (await state_of(self._client, self._stream)).last <= number:
                self.drained = True
                return []
            if loop.time() > until:
                raise NoAnswerError(f"the stream {self._stream} gives nothing after message {number}")
            await self.close()

    async def _begin(self, number: int) -> None:
        await self.close()
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": number,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": LIFE_S * 1_000_000_000,
            "num_replicas": 1,
            "mem_storage": True,
        }
        if self._subject:
            config["filter_subject"] = self._subject
        self._consumer = await self._place({"stream_name": self._stream, "config": config})
        self._next, self._given = number, 0

    async def _place(self, question: Mapping[str, Any]) -> str:
        """The name of a consumer. It is placed on any node, on one that is cut off, too, and then nobody answers."""
        for within_s in PLACE_S:
            with suppress(NoAnswerError):
                return str((await ask(self._client, self._create, question, within_s=within_s))["name"])
        return str((await ask(self._client, self._create, question))["name"])

    @property
    def _create(self) -> str:
        return f"CONSUMER.CREATE.{self._stream}"

    async def _pull(self, limit: int) -> list[Came]:
        """What there is, up to a limit. An end for whatever reason is an end: the next pull tells."""
        from nats import errors

        try:
            return await self._ask_for(limit)
        except (errors.Error, OSError) as wrong:
            raise NoAnswerError(f"the connection to NATS broke: {str(wrong) or type(wrong).__name__}") from None

    async def _ask_for(self, limit: int) -> list[Came]:
        pull = _Pull(limit, self._next, self._given)
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=pull.hear)
        try:
            question = json.dumps({"batch": limit, "max_bytes": self._most_bytes, "no_wait": True}).encode()
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}", question, reply=inbox
            )
            await pull.end()
        finally:
            await subscription.unsubscribe()
        self._next, self._given, self.drained = pull.next, pull.given, pull.drained
        if pull.broken:
            self._consumer = ""
        return pull.found

    async def close(self) -> None:
        """Lets the consumer go."""
        name, self._consumer = self._consumer, ""
        if name:
            try:
                await ask(self._client, f"CONSUMER.DELETE.{self._stream}.{name}")
            except (ApiError, NoAnswerError):
                return  # it goes by itself


class _Pull:
    """What comes in answer to one question: `limit` messages, or fewer and a word that there is no more.

    Handed on as they come, in one task: to ask the client for each costs three times what it does to read it.
    `broken`: the consumer is gone, or something was lost on the way.
    """

    def __init__(self, limit: int, next_: int, given: int) -> None:
        """`next_`, `given`: see `StreamReader`."""
        self.found: list[Came] = []
        self.next, self.given = next_, given
        self.broken = self.drained = False
        self._limit, self._heard, self._over = limit, 0, asyncio.Event()

    async def hear(self, message: "Msg") -> None:
        """Takes in the next message, until it is over."""
        if self._over.is_set():
            return
        self._heard += 1
        if message.headers and (status := message.headers.get("Status")) is not None:
            self.broken = status == "503" or (status == "409" and "MaxBytes" not in str(message.headers))  # it is gone
            self.drained = status in _END
            return self._over.set()
        number, given, at_us = numbers_of(message.reply)
        if given != self.given + 1:
            self.broken = True  # one was lost on the way: a connection that broke
            return self._over.set()
        self.given = given
        if number >= self.next:  # a node that was behind when the consumer was made begins with what it had not
            self.found.append(Came(number, at_us, message.subject, message.data))
            self.next = number + 1
            if len(self.found) >= self._limit:
                self._over.set()

    async def end(self) -> None:
        """Waits until it is over, or nothing has come for `PULL_S`."""
        heard = -1
        while not self._over.is_set():
            if heard == self._heard:
                self.broken = True
                return
            heard = self._heard
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), PULL_S)


def numbers_of(reply: str) -> tuple[int, int, int]:
    """The number of a message in its stream and in its consumer, and when the stream took it, in microseconds.

    `$JS.ACK.stream.consumer.delivered.STREAM.CONSUMER.time.pending`, or with a domain and an account before the stream.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) == 9 else 7
    return int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 2]) // 1000
