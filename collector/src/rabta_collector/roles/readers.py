"""The readers' side of a process that decides, on all ISPs or on a share of them: what it answers, hands on, and says.

What is asked of an ISP or an event of another share is handed on to a process that has it; so are evidence and pages.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.talk import Hear, Talk
from rabta_collector.roles.bulletin import Bulletin, write_bulletin
from rabta_collector.roles.forwarding import Forwarding, asked_of
from rabta_collector.roles.union import Own, Union
from rabta_collector.web import make_app

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Readers:
    """Of one process."""

    def __init__(self, country: Own, talk: Talk, process: str) -> None:
        """`process`: a word that no other one has."""
        self._country, self._talk = country, talk
        self._union = None if country.share.whole else Union(country, talk, process)
        self._forwarding: Forwarding | None = None

    def pages(self, *, metrics: bool) -> web.Application:
        """What readers are served."""
        if self._union is None:
            return make_app(self._country, metrics=metrics)
        app = make_app(self._union, metrics=metrics)
        self._forwarding = Forwarding([isp.id for isp in self._country.isps], self._union.neighbours)
        app.middlewares.append(_handing_on(self._union, self._forwarding))
        return app

    def hears(self) -> Mapping[tuple[str, ...], Hear]:
        """What of others' words it wants to hear."""
        return {} if self._union is None else {("page",): self._union.hear}

    async def open(self) -> None:
        """Answers other processes from now on."""
        if self._union is not None:
            await self._union.open()

    async def tell(self, page: str) -> None:
        """To be called each second; `page`: where readers are taken, `http://HOST:PORT`."""
        if self._union is None:
            await self._talk.say("page", text=write_bulletin(Bulletin(page=page)))
        elif self._country.ready():
            await self._talk.say("page", text=self._union.tell(page))

    async def close(self) -> None:
        if self._forwarding is not None:
            await self._forwarding.close()


def _handing_on(union: Union, forwarding: Forwarding) -> Middleware:
    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        owner = await _owner(union, request)
        return await (handler(request) if owner is None else forwarding.answer_by(owner, request))

    return answer


async def _owner(union: Union, request: web.Request) -> IspShare | None:
    """Whose question it is, if not ours. Raises `MissingShareError`."""
    asked = asked_of(request)
    if asked.isp is not None:
        return None if union.has(asked.isp) else union.share_of(asked.isp)
    return await union.owner(asked.event) if asked.event is not None and union.ready() else None
