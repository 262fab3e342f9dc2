"""Page and API at a process that decides nothing: its readers get what one that decides says to the same question.

Processes that decide tell where they take readers. One that cannot be reached is left alone for a while; where none
can, readers are told so.
"""

import asyncio
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web

from rabta_collector.answers import make_error

KNOWN_S = 5.0
AVOIDED_S = 10.0
CONNECT_S, SILENT_S = 2.0, 30.0
PIECE = 64 * 1024
ASKED = ("Accept", "Accept-Encoding", "Accept-Language", "If-None-Match", "Last-Event-ID", "User-Agent")
"""Headers that an answer may hang on."""

OURS = ("connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", "upgrade")
"""Headers of an answer that are of one connection."""

log = structlog.get_logger()


class Forwarding:
    """Knows who decides, and asks."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._avoided: dict[str, float] = {}
        self._client: aiohttp.ClientSession | None = None

    def hear(self, text: bytes) -> None:
        """Where a process that decides takes readers, `http://HOST:PORT`."""
        self._heard[text.decode(errors="replace")] = asyncio.get_running_loop().time()

    def _places(self) -> list[str]:
        now = asyncio.get_running_loop().time()
        self._heard = {place: at for place, at in self._heard.items() if now - at < KNOWN_S}
        return sorted(self._heard, key=lambda place: (now < self._avoided.get(place, 0.0), place))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Of the first that can be reached. What a process says of itself is no answer of another one."""
        if request.path == "/metrics":
            raise web.HTTPNotFound
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_read=SILENT_S)
            self._client = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        for place in self._places():
            url = place + request.raw_path
            try:
                said = await self._client.request(request.method, url, headers=headers, allow_redirects=False)
            except (aiohttp.ClientError, TimeoutError) as wrong:
                log.info("page.unreached", place=place, message=str(wrong) or type(wrong).__name__)
                self._avoided[place] = asyncio.get_running_loop().time() + AVOIDED_S
                continue
            async with said:
                return await _pass_on(request, said)
        message = "no process that decides can be reached from here just now"
        return make_error(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", message, {"Retry-After": "1"})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


async def _pass_on(request: web.Request, said: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=said.status, reason=said.reason)
    for name, value in said.headers.items():
        if name.lower() not in OURS:
            response.headers[name] = value
    await response.prepare(request)
    try:
        async for piece in said.content.iter_chunked(PIECE):
            await response.write(piece)
    except (aiohttp.ClientError, TimeoutError):
        log.debug("page.broken")  # the reader sees that it ends too soon
        if request.transport is not None:
            request.transport.abort()
    await response.write_eof()
    return response
