"""Has a message in a stream once, whatever becomes of connections, leaders and answers on the way."""

import asyncio
from dataclasses import dataclass

from rabta_collector.jetstream import link
from rabta_collector.jetstream.appends import DoubtError
from rabta_collector.jetstream.frame import unframe
from rabta_collector.jetstream.link import ID, LAST_OF_SUBJECT, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.wire import Wire

PAUSE_S = 0.25


class OvertakenError(RuntimeError):
    """Another process has put a message of this id, or after that row, before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A frame that is to be in the stream once. `mine`: what it is known by. `after`: the last row of its subject."""

    subject: str
    id: str
    mine: str
    text: bytes
    after: int | None = None


class Poster:
    """Over a connection of its own. `closing`: nothing is tried again any more."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self.wire = place, Wire(place, name)
        self.closing = False

    async def keep(self, post: Post, *, within_s: float) -> int:
        """The number of a message once the quorum has it. Raises `ApiError`, `DoubtError`, `OvertakenError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while True:
            try:
                return await self._put(post)
            except (NoAnswerError, OSError) as wrong:
                if loop.time() > until or self.closing:
                    raise DoubtError(str(wrong)) from None
                await asyncio.sleep(PAUSE_S)

    async def _put(self, post: Post) -> int:
        client = await self.wire.client()
        headers = {ID: post.id} | ({} if post.after is None else {LAST_OF_SUBJECT: str(post.after)})
        try:
            number, known = await link.put(client, post.subject, post.text, headers)
        except ApiError as wrong:
            if wrong.code != link.WRONG_LAST:
                raise
            found = await link.last_of(client, self._place.stream, post.subject)
            number, text = (0, b"") if found is None else (found[0], found[2])
        else:
            if not known:
                return number
            text = await link.message_of(client, self._place.stream, number) or b""
        if unframe(number, text).id != post.mine:
            raise OvertakenError("another process has taken measurements of this agent")
        return number
