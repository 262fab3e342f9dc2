"""What each process says of which rows it needs no more, where those that give rows up read it.

One message for each data directory, `STREAM.need.PART.NUMBER.COUNT.NAME` (part: `decide` with its share, or `archive`):

    {"row": 1234, "event": 56}

The stream forgets what is older than a week. So whoever is gone for good holds nothing up for ever, and no clocks are
compared.
"""

import json
from typing import TYPE_CHECKING

from rabta_collector.archive.keeping import Need
from rabta_collector.jetstream import link
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.jetstream.streams import make_needs
from rabta_collector.jetstream.wire import Wire

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 500


class Needs:
    """`name`: of our data directory."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name
        self._wire = Wire(place, "rabta-collector needs")

    async def say(self, need: Need) -> None:
        """What we need no more. Raises `ApiError`, `NoAnswerError`."""
        client = await self._client()
        subject = self._place.need_of(need.part, *need.share, self._name)
        await link.publish(client, subject, json.dumps({"row": need.row, "event": need.event}).encode(), {})

    async def all(self) -> tuple[Need, ...]:
        """What everybody said within a week. Raises `ApiError`, `NoAnswerError`."""
        client, found = await self._client(), list[Need]()
        state = await link.state_of(client, self._place.needs)
        reader, last = StreamReader(client, self._place.needs), max(0, state.first - 1)
        while last < state.last and (chunk := await reader.read_after(last, CHUNK)):
            last = chunk[-1].number
            found += (_read(one.subject, one.data) for one in chunk)
        await reader.close()
        return tuple(found)

    async def _client(self) -> "Client":
        client = await self._wire.client()
        await make_needs(client, self._place)
        return client

    async def close(self) -> None:
        await self._wire.close()


def _read(subject: str, data: bytes) -> Need:
    """Whoever says it in other words, being newer or older, needs everything."""
    part, number, count = subject.split(".")[2:5]
    try:
        said = json.loads(data)
        row, event = int(said["row"]), int(said["event"])
    except (ValueError, KeyError, TypeError):
        row = event = 0
    return Need(part=part, share=(int(number), int(count)), row=row, event=event)
