"""A connection that is never taken up again once it broke: what was written into it cannot come later, from a buffer.

Another one is made by whoever asks next; not more often than every `PAUSE_S`, and one for all that wait.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from random import sample
from typing import TYPE_CHECKING

from rabta_collector.ending import end
from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

PAUSE_S = 0.25


class Wire:
    """`name`: what the servers show of it."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None
        self._failed_at = float("-inf")
        self._why = ""

    async def client(self) -> "Client":
        """One that is connected. Raises `NoAnswerError`."""
        if self._client is not None and self._client.is_connected:
            return self._client
        loop = asyncio.get_running_loop()
        if self._connecting is None or self._connecting.done():
            if loop.time() - self._failed_at < PAUSE_S:
                raise NoAnswerError(self._why)
            self._connecting = loop.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> "Client":
        await self._drop()
        wrong: Exception | None = None
        for server in sample(self._place.servers, len(self._place.servers)):
            try:
                place = replace(self._place, servers=(server,))
                self._client = await link.connect(place, name=self._name, once=True)
                return self._client
            except UnusableJournalError as failed:
                wrong = failed
        self._failed_at, self._why = asyncio.get_running_loop().time(), str(wrong)
        raise NoAnswerError(self._why) from None

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError):  # the library drains what is broken already
                await client.close()

    async def close(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            await end(self._connecting)
        await self._drop()
