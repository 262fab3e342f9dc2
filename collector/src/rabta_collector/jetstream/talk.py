"""What processes tell and ask one another at the moment: who listens hears it, and nobody keeps it (core NATS).

An answer comes in messages, for it may be longer than a server lets one be: an empty one at once, which says that the
question is taken, and then each piece after a line with its place and how many there are, `0 2\n`.

A server that is cut off from the others goes on as if nothing were, and gives back what is said to it: nobody is heard,
and nobody hears. So the journal's stream is asked after over the same connection, and where nobody answers for it again
and again another server is gone to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from rabta_collector.ending import end
from rabta_collector.jetstream import link
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

Hear = Callable[[bytes], None]
Listen = Callable[["Msg"], Awaitable[None]]
Answer = Callable[[bytes], Awaitable[bytes]]
PING_S = 2
"""A connection that broke in silence is given up after six seconds: sooner than its process is given up by others."""

PIECE_BYTES, MOST_PIECES = 512 * 1024, 256
LOOK_S, LOOKS = 2.0, 3
"""Between two looks whether the stream answers; after so many without an answer another server is tried."""

TAKEN_S, ANSWERED_S = 2.0, 20.0
"""Whoever does not take a question within so long, or has not answered it, is given up."""


log = structlog.get_logger()


class NobodyError(RuntimeError):
    """No answer: nobody is there, or whoever is does not get through."""


class Talk:
    """A connection that comes back for ever, with all that it listens to."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client: Client | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._listens: dict[tuple[str, ...], Listen] = {}
        self._watching: asyncio.Task[None] | None = None
        self._unanswered = 0
        """Looks in a row that had no answer."""

    @property
    def sound(self) -> bool:
        """Whether others are heard here as far as is known, and hear what is said."""
        return self._client is not None and self._client.is_connected and not self._unanswered

    async def open(self, hear: Mapping[tuple[str, ...], Hear]) -> None:
        """Listens to these subjects. Raises `UnusableJournalError`."""
        self._client = await self._connect(self._place)
        for words, heard in hear.items():
            await self._listen(words, _calling(heard))
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _connect(self, place: Place) -> "Client":
        return await link.connect(place, name="rabta-collector talks", back=_back, ping_s=PING_S)

    async def _listen(self, words: tuple[str, ...], listen: "Listen") -> None:
        assert self._client is not None
        self._listens[words] = listen
        await self._client.subscribe(self._place.heard(*words), cb=listen)

    async def _watch(self) -> None:
        """Until it is closed."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._unanswered = 0 if await self._gets_through() else self._unanswered + 1
            if self._unanswered >= LOOKS:
                await self._move()

    async def _gets_through(self) -> bool:
        client = self._client
        if client is None or not client.is_connected:
            return False
        try:
            await link.state_of(client, self._place.stream)
        except NoAnswerError:
            return False
        except ApiError:
            return True  # somebody leads, and has nothing to say of this stream
        return True

    async def _move(self) -> None:
        """To another server, if there is one that takes us; what is being asked over the old connection fails."""
        from nats import errors

        old = self._client
        here = old.connected_url.netloc if old is not None and old.connected_url is not None else ""
        others = tuple(one for one in self._place.servers if not here or not one.endswith(here))
        try:
            client = await self._connect(replace(self._place, servers=others or self._place.servers))
        except UnusableJournalError as wrong:
            log.debug("talk.alone", message=str(wrong))
            return
        listens, self._client, self._unanswered = [*self._listens.items()], client, 0
        if old is not None:
            task = asyncio.get_running_loop().create_task(close(old))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        with suppress(errors.Error, OSError):  # it broke just now: the next looks tell
            for words, listen in listens:
                await client.subscribe(self._place.heard(*words), cb=listen)
        log.info("talk.moved", server=client.connected_url.netloc if client.connected_url is not None else "")

    async def say(self, *words: str, text: bytes) -> None:
        """Nothing while there is no connection: it would come when it is true no more."""
        from nats import errors

        if self._client is not None and self._client.is_connected:
            with suppress(errors.Error, OSError):
                await self._client.publish(self._place.heard(*words), text)

    async def take(self, *words: str, answer: Answer) -> None:
        """Has questions answered from now on that are asked under these words; several at a time."""
        from nats import errors

        assert self._client is not None

        async def call(message: "Msg") -> None:
            task = asyncio.get_running_loop().create_task(self._answer(message, answer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

        await self._listen(words, call)
        with suppress(errors.Error, OSError):  # where there is no connection it is told when there is one
            await self._client.flush()  # the library's PING goes ahead of what waits to be written,
            await self._client.flush()  # and this one comes after it

    async def _answer(self, message: "Msg", answer: Answer) -> None:
        from nats import errors

        client = self._client
        with suppress(errors.Error, OSError):  # whoever asked sees that nothing comes
            if client is not None and message.reply:
                await client.publish(message.reply, b"")
                body = await answer(message.data)
                pieces = [body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES)] or [b""]
                for place, piece in enumerate(pieces):
                    await client.publish(message.reply, b"%d %d\n" % (place, len(pieces)) + piece)

    async def ask(self, *words: str, text: bytes) -> bytes:
        """What somebody answers who takes such questions. Raises `NobodyError`."""
        from nats import errors

        client = self._client
        if client is None or not client.is_connected:
            raise NobodyError("no connection to NATS")
        try:
            async with asyncio.timeout(ANSWERED_S):
                inbox = client.new_inbox()
                replies = await client.subscribe(inbox)
                try:
                    await client.publish(self._place.heard(*words), text, reply=inbox)
                    return await _collect(replies)
                finally:
                    await replies.unsubscribe()
        except (errors.Error, OSError, TimeoutError) as wrong:
            raise NobodyError(str(wrong) or type(wrong).__name__) from None

    async def close(self) -> None:
        for task in self._answering:
            task.cancel()
        await end(*([self._watching] if self._watching is not None else []), *self._leaving)
        if self._client is not None:
            await close(self._client)


async def _collect(replies: "Subscription") -> bytes:
    """Raises `NobodyError`, and the library's errors."""
    taken = await replies.next_msg(TAKEN_S)
    if taken.headers is not None:  # the server's own word: nobody listens there
        raise NobodyError("nobody there")
    pieces: list[bytes] = []
    while True:
        head, _, piece = (await replies.next_msg(ANSWERED_S)).data.partition(b"\n")
        place, count = map(int, head.split(b" "))
        if place != len(pieces) or count > MOST_PIECES:
            raise NobodyError("a piece of the answer is missing")
        pieces.append(piece)
        if len(pieces) == count:
            return b"".join(pieces)


def _calling(heard: Hear) -> "Listen":
    async def call(message: "Msg") -> None:
        heard(message.data)

    return call


async def _back() -> None:
    """Connected again."""
