"""Processes that each decide on a share of a country made by hand, and one that takes agents, on a real NATS server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.ending import end
from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.talk import Talk
from rabta_collector.roles.forwarding import Forwarding
from rabta_collector.roles.readers import Readers
from support.country import ISPS, Country

Client = TestClient[web.Request, web.Application]
IDS = [isp for isp, _, _ in ISPS]
BEAT_S = 0.1


def part_of(whole: Country, share: IspShare) -> Country:
    """What a process with this share knows, and no more."""
    owned = share.owned(IDS)
    return Country(
        current=replace(
            whole.current,
            verdicts=tuple(one for one in whole.current.verdicts if one.isp in owned),
            isps=tuple(one for one in whole.current.isps if one.isp in owned),
        ),
        events=tuple(one for one in whole.events if one.isp in owned),
        recorded=tuple(one for one in whole.recorded if one.isp in owned),
        past=tuple(one for one in whole.past if one.isp in owned),
        late={place: voices for place, voices in whole.late.items() if place[0] in owned},
        share=share,
    )


@dataclass(slots=True, kw_only=True)
class Process:
    """One that decides, as its readers see it."""

    country: Country
    client: Client
    place: Place
    _stack: AsyncExitStack

    async def kill(self) -> None:
        """Its readers, and other processes, find nobody there."""
        await self._stack.aclose()


@asynccontextmanager
async def deciding(place: Place, country: Country, name: str) -> AsyncIterator[Process]:
    """Until the block ends, or it is killed."""
    async with AsyncExitStack() as stack:
        talk = Talk(place)
        stack.push_async_callback(talk.close)
        readers = Readers(country, talk, name)
        client = await stack.enter_async_context(TestClient(await _served(readers.pages(metrics=True))))
        stack.push_async_callback(readers.close)
        await talk.open(readers.hears())
        await readers.open()
        page = f"http://{client.host}:{client.port}"
        beating = asyncio.create_task(_beat(readers, page))
        stack.push_async_callback(end, beating)
        yield Process(country=country, client=client, place=place, _stack=stack)


async def _served(app: web.Application) -> TestServer:
    """It ends with whatever is being told."""
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    return server


async def _beat(readers: Readers, page: str) -> None:
    while True:
        await readers.tell(page)
        await asyncio.sleep(BEAT_S)


@asynccontextmanager
async def taking(place: Place) -> AsyncIterator[Client]:
    """The readers' side of one that takes agents and decides nothing."""
    talk, forwarding = Talk(place), Forwarding(IDS)
    app = web.Application()
    app.router.add_get("/{path:.*}", forwarding.answer)
    async with TestClient(await _served(app)) as client:
        await talk.open({("page",): forwarding.hear})
        try:
            yield client
        finally:
            await talk.close()
            await forwarding.close()
