"""What processes tell one another at the moment: nobody keeps it, and who listens just now hears it (core NATS)."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from rabta_collector.jetstream import link
from rabta_collector.jetstream.place import Place

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

Hear = Callable[[bytes], None]
PING_S = 2
"""A connection that broke in silence is given up after six seconds: sooner than its process is given up by others."""


class Talk:
    """A connection that comes back for ever, with all that it listens to."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client: Client | None = None

    async def open(self, hear: Mapping[tuple[str, ...], Hear]) -> None:
        """Listens to these subjects. Raises `UnusableJournalError`."""
        self._client = await link.connect(self._place, name="rabta-collector talks", back=_back, ping_s=PING_S)
        for words, heard in hear.items():
            await self._client.subscribe(self._place.heard(*words), cb=_calling(heard))

    async def say(self, *words: str, text: bytes) -> None:
        """Nothing while there is no connection: it would come when it is true no more."""
        from nats import errors

        if self._client is not None and self._client.is_connected:
            with suppress(errors.Error, OSError):
                await self._client.publish(self._place.heard(*words), text)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _calling(heard: Hear) -> "Callable[[Msg], Awaitable[None]]":
    async def call(message: "Msg") -> None:
        heard(message.data)

    return call


async def _back() -> None:
    """Connected again."""
