"""Keys and values in a stream, as `nats kv` keeps them: one message a key, the last one counts, an empty one is none.

https://docs.nats.io/nats-concepts/jetstream/key-value-store. A change that hangs on what was read is written with the
number of the stream's last message (`Nats-Expected-Last-Sequence`): a quorum of server 2.9 checks that, and not a
key's own revision. So whoever was too late reads what came meanwhile, and decides anew.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import LAST, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.jetstream.wire import Wire

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 500
TRIES = 50
PATIENCE_S, PAUSE_S = 10.0, 0.2
Work = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""From what stands under the keys to what shall; an empty value takes a key away."""


class Bucket:
    """A copy of it in memory, as of the last `refresh`. Not to be used by two at once."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self.name = place, place.bucket(name)
        self._stream, self._prefix = f"KV_{self.name}", f"$KV.{self.name}."
        self._wire = Wire(place, f"rabta-collector {name}")
        self.entries: dict[str, bytes] = {}
        self.last = 0
        """The number of the last message that was read."""

    async def make(self) -> None:
        """Makes it where it is missing. Raises `ApiError`, `NoAnswerError`."""
        config = {
            "name": self._stream,
            "subjects": [f"{self._prefix}>"],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "num_replicas": self._place.replicas,
            "max_msgs_per_subject": 1,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "duplicate_window": link.WINDOW_S * 1_000_000_000,
        }
        await link.make_missing(await self._wire.client(), config)

    async def exists(self) -> bool:
        """Raises `ApiError`, `NoAnswerError`."""
        return await link.config_of(await self._wire.client(), self._stream) is not None

    async def newest(self) -> int:
        """The number of its last message. Raises `ApiError`, `NoAnswerError`."""
        return (await link.state_of(await self._wire.client(), self._stream)).last

    async def refresh(self) -> None:
        """Reads what came. Raises `ApiError`, `NoAnswerError`."""
        client = await self._wire.client()
        newest = (await link.state_of(client, self._stream)).last
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while self.last < newest:
            if not await self._read(client) and self.last < newest:
                if asyncio.get_running_loop().time() > until:
                    raise NoAnswerError(f"{self.name} gives nothing after {self.last}")
                await asyncio.sleep(PAUSE_S)

    async def _read(self, client: "Client") -> bool:
        reader, before = StreamReader(client, self._stream), self.last
        while chunk := await reader.read_after(self.last, CHUNK):
            for one in chunk:
                self._note(one.subject[len(self._prefix) :], one.data, one.number)
        await reader.close()
        return self.last > before

    def _note(self, key: str, value: bytes, number: int) -> None:
        self.last = number
        if value:
            self.entries[key] = value
        else:
            self.entries.pop(key, None)

    async def put(self, key: str, value: bytes) -> None:
        """Whatever stands there. Raises `ApiError`, `NoAnswerError`."""
        await link.publish(await self._wire.client(), self._prefix + key, value, {})

    async def change(self, work: Work) -> None:
        """What `work` makes of it, one key after the other; only the first hangs on what was read, so it comes first.

        Raises `ApiError`, `NoAnswerError`, and whatever `work` does.
        """
        for _ in range(TRIES):
            await self.refresh()
            wanted = list(work(self.entries).items())
            if not wanted or await self._write(*wanted[0]):
                for key, value in wanted[1:]:
                    await self.put(key, value)
                if wanted:
                    await self.refresh()
                return
        raise NoAnswerError(f"{self.name}: too many write at once")

    async def _write(self, key: str, value: bytes) -> bool:
        try:
            number = await link.publish(await self._wire.client(), self._prefix + key, value, {LAST: str(self.last)})
        except ApiError as wrong:
            if wrong.code == link.WRONG_LAST:
                return False
            raise
        self._note(key, value, number)
        return True

    async def close(self) -> None:
        await self._wire.close()
