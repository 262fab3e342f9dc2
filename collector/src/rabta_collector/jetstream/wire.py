"""A connection that is never taken up again once it broke: what was written into it cannot come later, from a buffer.

Another one is made by whoever asks next; not more often than every `PAUSE_S`, and one for all that wait.

So it is where it stands and nobody answers: a server that lost the others takes connections as before, and the others
may be there. What waits for an answer over the old one may have it yet.
"""

import asyncio
from dataclasses import replace
from random import sample
from typing import TYPE_CHECKING

from rabta_collector.ending import end
from rabta_collector.jetstream import link
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.link import NoConnectionError
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

PAUSE_S = 0.25
STAYS_S = 2.0
"""With a server that does not answer, at the least: where none does, nobody is to run from one to the next."""


class Wire:
    """`name`: what the servers show of it. `lost` is called when a connection broke, or was left."""

    def __init__(self, place: Place, name: str, lost: link.Back | None = None) -> None:
        self._place, self._name, self._lost = place, name, lost
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None
        self._server, self._since = "", 0.0
        self._failed: dict[str, float] = {}
        """When servers did not answer, or could not be reached, last."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._failed_at = float("-inf")
        self._why = ""

    async def client(self) -> "Client":
        """One that is connected. Raises `NoConnectionError`."""
        loop = asyncio.get_running_loop()
        if (client := self._client) is not None and client.is_connected:
            stays = loop.time() - self._since < STAYS_S
            if stays or not link.is_unanswered(client):
                return client
        if self._connecting is None or self._connecting.done():
            if loop.time() - self._failed_at < PAUSE_S:
                raise NoConnectionError(self._why)
            self._connecting = loop.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> "Client":
        loop = asyncio.get_running_loop()
        if self._client is not None:
            self._failed[self._server] = loop.time()
            if self._client.is_connected:
                self._leave(self._client)
            else:
                await self._drop()
        wrong: Exception | None = None
        servers = sample(self._place.servers, len(self._place.servers))
        for server in sorted(servers, key=lambda one: self._failed.get(one, 0.0)):
            try:
                place = replace(self._place, servers=(server,))
                self._client = await link.connect(place, name=self._name, once=True, lost=self._lost)
                self._server, self._since = server, loop.time()
                return self._client
            except UnusableJournalError as failed:
                wrong = failed
                self._failed[server] = loop.time()
        self._failed_at, self._why = loop.time(), str(wrong)
        raise NoConnectionError(self._why) from None

    def _leave(self, client: "Client") -> None:
        """Closes one that stands once nobody can be waiting for an answer over it."""
        self._client = None

        async def leave() -> None:
            try:
                await asyncio.sleep(link.ANSWER_S)
            finally:
                await close(client)

        task = asyncio.get_running_loop().create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await close(client)

    async def close(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            await end(self._connecting)
        await end(*self._leaving)
        await self._drop()
