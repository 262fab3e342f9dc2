"""A lease: one process of several has it, and another one gets it some seconds after that was heard of last.

One message for each lease, in a stream of all of them, each written with the number of the stream's last message:
of two that write at once, a quorum takes one. Whoever has a lease writes its message again and again; the others watch
that with clocks of their own, and compare no times of day. The holder counts from before it sent, and gives up sooner
than the others take over: no two have it at a time, as long as clocks run about equally fast.

The others hear each message as it is sent, too. So where holder and leader of the stream are gone together, the time
for which nobody can be asked is part of the time for which the holder is waited for.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import LAST, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.wire import Wire

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

BEAT_S = 1.0
HELD_S = 5.0
TAKEN_S = 7.0
"""After the last that was heard of its holder; more than `HELD_S` by what clocks and answers may be off."""

TRIES = 10
"""At once, where processes write of other leases meanwhile."""

log = structlog.get_logger()


class Lease:
    """`changed` is told whether we have it. `may`: whether we can do what it is for; else it lapses."""

    def __init__(
        self, place: Place, name: str, *, changed: Callable[[bool], None], may: Callable[[], bool] = lambda: True
    ) -> None:
        self._place, self._changed, self._may = place, changed, may
        self._stream, self._subject = f"{place.stream}_LEASES", f"{place.stream}.lease.{name}"
        self._wire, self._own = Wire(place, "rabta-collector leases"), secrets.token_hex(8)
        self._until = 0.0
        self._held = False
        self._seen = -1
        self._seen_at = 0.0
        """When the message that stands was heard or seen first; ours never counts."""
        self._count = 0
        self._heard, self._heard_at = b"", 0.0
        self._listening: Client | None = None

    async def run(self) -> None:
        """Until it is cancelled. Has it, or waits for it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                if self._may():
                    async with asyncio.timeout(BEAT_S + link.ANSWER_S):
                        await self._beat(await self._wire.client(), began)
            except (ApiError, NoAnswerError, TimeoutError) as wrong:
                log.debug("lease.unheard", message=str(wrong))
            self._tell(loop.time() < self._until)
            await self._rest(loop.time() + BEAT_S)

    async def _rest(self, until: float) -> None:
        """Says at once when it is over."""
        loop = asyncio.get_running_loop()
        if self._held and self._until < until:
            await asyncio.sleep(max(0.0, self._until - loop.time()))
            self._tell(False)
        await asyncio.sleep(max(0.0, until - loop.time()))

    def _tell(self, held: bool) -> None:
        if held != self._held:
            self._held = held
            log.info("lease.held" if held else "lease.lost", lease=self._subject)
            self._changed(held)

    async def _beat(self, client: "Client", now: float) -> None:
        await self._make(client)
        await self._listen(client)
        for _ in range(TRIES):
            if await self._try(client, now):
                return
            now = asyncio.get_running_loop().time()

    async def _try(self, client: "Client", now: float) -> bool:
        """Whether it is known whose it is; not so where somebody wrote meanwhile, of another lease as a rule."""
        last = (await link.state_of(client, self._stream)).last  # first: what is written after that is refused
        found = await link.last_of(client, self._stream, self._subject)
        if found is not None:
            holder = json.loads(found[2])["holder"]
            if found[0] != self._seen:
                heard = found[2] == self._heard
                self._seen, self._seen_at = found[0], self._heard_at if heard else asyncio.get_running_loop().time()
            if holder not in ("", self._own) and now - self._seen_at < TAKEN_S:
                return True
        self._count += 1
        text = json.dumps({"holder": self._own, "count": self._count}).encode()
        try:
            self._seen = await link.publish(client, self._subject, text, {LAST: str(last)})
        except ApiError as wrong:
            if wrong.code != link.WRONG_LAST:
                raise
            return False
        self._seen_at, self._until = now, now + HELD_S
        return True

    async def _listen(self, client: "Client") -> None:
        """Hears what is sent from now on, over a connection that was not listened to yet."""
        from nats import errors

        async def hear(message: "Msg") -> None:
            self._heard, self._heard_at = message.data, asyncio.get_running_loop().time()

        if client is not self._listening:
            with suppress(errors.Error, OSError):  # it broke just now
                await client.subscribe(self._subject, cb=hear)
                self._listening = client

    async def _make(self, client: "Client") -> None:
        config = {
            "name": self._stream,
            "subjects": [f"{self._place.stream}.lease.*"],
            "storage": "file",
            "num_replicas": self._place.replicas,
            "max_msgs_per_subject": 1,
            "discard": "old",
        }
        await link.make_missing(client, config)

    async def _give_up(self, client: "Client") -> None:
        text = json.dumps({"holder": ""}).encode()
        for _ in range(TRIES):
            last = (await link.state_of(client, self._stream)).last
            found = await link.last_of(client, self._stream, self._subject)
            if found is None or json.loads(found[2])["holder"] != self._own:
                return
            try:
                await link.publish(client, self._subject, text, {LAST: str(last)})
            except ApiError as wrong:
                if wrong.code != link.WRONG_LAST:
                    raise
            else:
                return

    async def close(self) -> None:
        """Gives it up, so that nobody has to wait; `run` is over."""
        if asyncio.get_running_loop().time() < self._until:
            self._until = 0.0
            with suppress(ApiError, NoAnswerError, TimeoutError):
                async with asyncio.timeout(BEAT_S + link.ANSWER_S):
                    await self._give_up(await self._wire.client())
        self._tell(False)
        await self._wire.close()
