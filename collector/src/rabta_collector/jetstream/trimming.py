"""Gives up rows that the archive has: first what they say of agents' measurements is kept, then they go.

Which measurements the journal held has to be known for ever, or one of them would count twice (sequences.py). On one
machine checkpoint and archive know it; here the stream of marks does, of each agent in one message, for whoever begins
with nothing but the stream.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from rabta_collector.ending import end
from rabta_collector.jetstream import link
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.frame import unframe
from rabta_collector.jetstream.holdings import mark_of, read_holding
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.journal_file import Kind, UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 200
log = structlog.get_logger()


class Trimmer:
    """One trimming at a time, over a connection of its own. What goes wrong is a line in the log: it is asked again."""

    def __init__(self, place: Place, pack: Callable[[str], bytes] | None) -> None:
        """`pack`: what is known of an agent's measurements, as `sequences.Seen` packs it; `None`: its rows tell."""
        self._place, self._pack = place, pack
        self._task: asyncio.Task[None] | None = None
        self._to = 0

    def trim(self, row: int) -> None:
        """Has rows up to one given up, once what is being given up is."""
        self._to = max(self._to, row)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Leaves off."""
        if self._task is not None:
            await end(self._task)

    async def _run(self) -> None:
        while row := self._to:
            self._to = 0
            await self._trim(row)

    async def _trim(self, row: int) -> None:
        try:
            client = await link.connect(self._place, name="rabta-collector trims")
            try:
                for agent in await self._agents(client, row):
                    await link.publish(client, self._place.marks_of(agent), await self._known(client, agent), {})
                await link.ask(client, f"STREAM.PURGE.{self._place.stream}", {"seq": row + 1})
            finally:
                await close(client)
        except (ApiError, NoAnswerError, UnusableJournalError) as wrong:
            log.warning("journal.not_trimmed", message=str(wrong))

    async def _known(self, client: "Client", agent: str) -> bytes:
        if self._pack is not None:
            return self._pack(agent)
        holding = await read_holding(client, self._place, agent, "")
        return mark_of(holding.packed, holding.last)

    async def _agents(self, client: "Client", row: int) -> set[str]:
        """Whose measurements the rows up to one hold."""
        after = (await link.state_of(client, self._place.stream)).first - 1
        reader, found = StreamReader(client, self._place.stream), set[str]()
        while after < row and (chunk := await reader.read_after(after, CHUNK)):
            rows = (unframe(one.number, one.data).row for one in chunk if one.number <= row)
            found.update(held.agent for held in rows if held.kind == Kind.MEASURED and held.agent)
            after = chunk[-1].number
        await reader.close()
        return found
