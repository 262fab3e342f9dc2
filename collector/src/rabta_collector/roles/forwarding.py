"""Page and API at a process that does not know by itself: its readers get what one that does says to the same question.

Whom there is to ask `Neighbours` knows. One that cannot be reached is left alone for a while; where none can, readers
are told so. What was handed on twice, for processes that disagree on whose an ISP is, is refused, and goes no further.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web

from rabta_collector.answers import make_error
from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin, read_bulletin
from rabta_collector.roles.neighbours import Neighbours, missing, owner_of
from rabta_collector.roles.whose import Asked, whose

CONNECT_S, SILENT_S = 2.0, 30.0
PIECE = 64 * 1024
ASKED = ("Accept", "Accept-Encoding", "Accept-Language", "If-None-Match", "Last-Event-ID", "User-Agent")
"""Headers that an answer may hang on."""

OURS = ("connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", "upgrade")
"""Headers of an answer that are of one connection."""

log = structlog.get_logger()


HANDED_ON, MOST = "Rabta-Handed-On", 2
"""How often a question has been handed on, from one process to another."""

TURNS = frozenset((".", ".."))
"""Parts of a path that the client would follow before it asks: `/cell/../metrics`."""

TWICE = "handed on twice: processes have other lists of ISPs or shares, or say addresses (http) that lead elsewhere"


class Forwarding:
    """Asks those who decide."""

    def __init__(self, isps: Sequence[str], neighbours: Neighbours | None = None) -> None:
        """`isps`: all of them, in the order of their list."""
        self._isps, self._neighbours = isps, neighbours or Neighbours()
        self._client: aiohttp.ClientSession | None = None

    def hear(self, text: bytes) -> None:
        """What a process that decides says of itself."""
        try:
            self._neighbours.hear(read_bulletin(text), asyncio.get_running_loop().time())
        except (ValueError, KeyError, TypeError):
            log.debug("page.unreadable")  # of a newer or older program

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Of one that decides on what is asked."""
        known = self._neighbours.all(asyncio.get_running_loop().time())
        isp, of = asked_of(request).isp, max((one.share.of for one in known), default=1)
        if isp is not None and of > 1:
            return await self.answer_by(owner_of(isp, self._isps, of), request)
        return await self._answer(known, request, "no process that decides can be reached from here just now")

    async def answer_by(self, share: IspShare, request: web.Request) -> web.StreamResponse:
        """Of one that has a share."""
        those = self._neighbours.of(share, asyncio.get_running_loop().time())
        return await self._answer(those, request, missing([share], self._isps))

    async def _answer(self, those: Sequence[Bulletin], request: web.Request, otherwise: str) -> web.StreamResponse:
        """Of the first that can be reached. What a process says of itself is no answer of another one."""
        if request.path == "/metrics" or not TURNS.isdisjoint(request.path.split("/")):
            raise web.HTTPNotFound
        if (handed := _handed(request)) >= MOST:
            return _refuse(TWICE)
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_read=SILENT_S)
            self._client = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        headers[HANDED_ON] = str(handed + 1)
        for one in those:
            url = one.page + request.rel_url.raw_path_qs  # of a question with a host before its path, too
            try:
                said = await self._client.request(request.method, url, headers=headers, allow_redirects=False)
            except (aiohttp.ClientError, TimeoutError) as wrong:
                log.info("page.unreached", place=one.page, message=str(wrong) or type(wrong).__name__)
                self._neighbours.avoid(one, asyncio.get_running_loop().time())
                continue
            async with said:
                return await _pass_on(request, said)
        return _refuse(otherwise)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def asked_of(request: web.Request) -> Asked:
    """Of which ISP or event."""
    return whose(request.path, {name: request.query.getall(name) for name in request.query})


def _handed(request: web.Request) -> int:
    text = request.headers.get(HANDED_ON, "0")
    return int(text) if text in ("0", "1") else MOST


def _refuse(message: str) -> web.Response:
    return make_error(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", message, {"Retry-After": "1"})


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
