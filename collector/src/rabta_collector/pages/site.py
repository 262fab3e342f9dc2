"""The pages over HTTP: at which addresses, in which languages, and sent how.

Where nothing that a page shows has changed, an open one is told so (304).
"""

import re
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from rabta_collector.answers import Body, respond
from rabta_collector.pages.chart import DAYS, make_frame
from rabta_collector.pages.country import make_overview
from rabta_collector.pages.daily import ask_for_days
from rabta_collector.pages.gather import Gatherer, Views
from rabta_collector.pages.keeper import Keeper, Make
from rabta_collector.pages.languages import Language, languages
from rabta_collector.pages.method import method_values
from rabta_collector.pages.particulars import make_particulars, make_story
from rabta_collector.pages.render import POLICY, Leaf, Place, make_leaf, make_page
from rabta_collector.pages.sheet import make_isp_sheet, make_platform_sheet, parse_days
from rabta_collector.parts import MissingShareError
from rabta_collector.query import Query
from rabta_collector.rfc3339 import format_time
from rabta_collector.state import Event

EVENTS_ON_PAGE = 20
EVENTS_REACH_S = 30 * 86_400
EVENT_REACH_S = 2 * 86_400.0
"""Before an event: what else its page tells of."""

DECIDED_AT = "Rabta-Decided-At"
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")

Planner = Callable[[web.Request, Place], Awaitable[Make]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """All pages for people. A planner takes on the event loop what its page needs, and gives what makes the page."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._gather = Gatherer(views)
        self._keeper = Keeper()

    def add_to(self, app: web.Application) -> None:
        planners: dict[str, Planner] = {
            "/": self._country,
            "/platform/{platform}": self._platform,
            "/isp/{isp}": self._isp,
            "/cell/{platform}/{isp}": self._cell,
            "/event/{event}": self._event,
            "/about": self._about,
            "/method": self._method,
            "/join": self._join,
        }
        for language in languages():
            for path, planner in planners.items():
                app.router.add_get(language.prefix + path, self._handler(language, planner))

    def _handler(self, language: Language, planner: Planner) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            place = Place(language=language, path=request.path.removeprefix(language.prefix))
            return await self._answer(request, place, planner)

        return answer

    async def _answer(self, request: web.Request, place: Place, planner: Planner) -> web.StreamResponse:
        """Whole; with `?part=main`, only what changes, for a page that is open."""
        views, headers = self._views, {"Content-Security-Policy": POLICY}
        if not views.ready():
            return respond(request, _waiting(place), status=503, headers=headers)
        at = views.snapshot().at
        key = (place.language.code, place.path, parse_days(request.query.get("days")))
        try:
            leaf = await self._keeper.get(key, at, views.mark(), lambda: planner(request, place))
        except MissingShareError as away:
            names = [isp.name for isp in views.isps if isp.id in away.isps]
            return respond(request, _waiting(place, names), status=503, headers=headers)
        if leaf is None:
            missing = make_page(place, make_leaf(place, "missing", {}), at)
            return respond(request, missing, status=404, headers=headers)
        headers[DECIDED_AT] = format_time(at)
        if request.query.get("part") == "main":
            return respond(request, leaf.main, headers=headers)
        body = make_page(place, leaf, at, source=_source(request))
        return respond(request, body, headers=headers, tagged=False)

    # The pages

    async def _country(self, request: web.Request, place: Place) -> Make:
        gathered = await self._gather.take_country()

        def make() -> Leaf:
            material = gathered()
            at = material.snapshot.at
            events = [event for event in material.events if event.at >= at - EVENTS_REACH_S][-EVENTS_ON_PAGE:]
            overview = make_overview(material.snapshot, material.catalogue, events, material.spans)
            return make_leaf(place, "country", {"overview": overview})

        return make

    async def _platform(self, request: web.Request, place: Place) -> Make:
        platform, days = request.match_info["platform"], parse_days(request.query.get("days"))
        gathered = await self._gather.take(Query(platform=platform))

        def make() -> Leaf | None:
            sheet = make_platform_sheet(gathered(), platform, days)
            return make_leaf(place, "platform", {"sheet": sheet}) if sheet.known else None

        return make

    async def _isp(self, request: web.Request, place: Place) -> Make:
        isp, days = request.match_info["isp"], parse_days(request.query.get("days"))
        gathered = await self._gather.take(Query(isp=isp))

        def make() -> Leaf | None:
            sheet = make_isp_sheet(gathered(), isp, days)
            return make_leaf(place, "isp", {"sheet": sheet}) if sheet.known else None

        return make

    async def _cell(self, request: web.Request, place: Place) -> Make:
        platform, isp = request.match_info["platform"], request.match_info["isp"]
        gathered = await self._gather.take(Query(platform=platform, isp=isp))
        at = self._views.snapshot().at
        evidence = self._views.testimony.of_now(isp=isp, platform=platform, at=at)
        paths = self._views.testimony.paths_now(isp=isp, platform=platform)

        def make() -> Leaf | None:
            counts = self._views.find_counts(ask_for_days(platform, isp, make_frame(at, DAYS[-1])))
            particulars = make_particulars(gathered(), platform, isp, evidence, counts, paths)
            return None if particulars is None else make_leaf(place, "cell", {"particulars": particulars})

        return make

    async def _event(self, request: web.Request, place: Place) -> Make:
        text = request.match_info["event"]
        number = int(text) if _NUMBER.fullmatch(text) else 0
        known = await self._views.testimony.event(number)
        gathered = await self._gather.take(_around(known))
        evidence = None if known is None else await self._views.testimony.of_event(number)
        paths = [] if known is None else self._views.testimony.paths_after(known)

        def make() -> Leaf | None:
            material = gathered()
            event = next((event for event in material.events if event.id == number), None)
            if event is None:
                return None
            return make_leaf(place, "event", {"story": make_story(material, event, evidence, paths)})

        return make

    async def _about(self, request: web.Request, place: Place) -> Make:
        isps = len(self._views.isps)
        platforms = self._views.catalogue.platforms
        return lambda: make_leaf(place, "about", {"isps": isps, "platforms": platforms})

    async def _method(self, request: web.Request, place: Place) -> Make:
        return lambda: make_leaf(place, "method", method_values())

    async def _join(self, request: web.Request, place: Place) -> Make:
        """Where the link of an invitation leads a browser."""
        return lambda: make_leaf(place, "join", {})


def _waiting(place: Place, isps: Sequence[str] = ()) -> Body:
    """Until the journal is read, or until these ISPs' part can be had."""
    return make_page(place, make_leaf(place, "waiting", {"isps": isps}), None, refresh=True)


def _around(event: Event | None) -> Query:
    """What belongs to an event: its platform everywhere, or its ISP; one that is none of our own may be anywhere."""
    if event is None:
        return Query()
    since = event.at - EVENT_REACH_S
    return Query(isp=event.isp, since=since) if event.platform is None else Query(platform=event.platform, since=since)


def _source(request: web.Request) -> str:
    """The address of a page as its reader sees it, for a printed one; empty where the host is none."""
    host = request.host
    return f"{request.scheme}://{host}{request.path}" if _HOST.fullmatch(host) else ""
