"""The readers' side: page, API, metrics and health over HTTP.

Reads snapshots and nothing else, sets no cookie, and makes texts in threads, so that no reader holds up ingest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib.metadata import version
from typing import Protocol

import structlog
from aiohttp import web

from rabta_collector import feeds
from rabta_collector.answers import CSV, JSON, Body, add_safe_headers, make_body, make_error, respond
from rabta_collector.api import LISTINGS
from rabta_collector.catalogue import Catalogue
from rabta_collector.exposition import CONTENT_TYPE, Exposition
from rabta_collector.isp_share import IspShare
from rabta_collector.listing import Listing, Source, render, to_json
from rabta_collector.openapi import describe
from rabta_collector.pages import gather
from rabta_collector.pages.site import Site
from rabta_collector.parts import Look, MissingShareError, Part
from rabta_collector.query import BadParameterError, Form, Query, parse_query
from rabta_collector.rfc3339 import format_time
from rabta_collector.series import Telling
from rabta_collector.state import IngestStats, Snapshot

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SETTLED_S = 16 * 86_400  # measurements that come later than that correct nothing (backfill.py)
DECIDED_AT = "Rabta-Decided-At"
log = structlog.get_logger()


class Views(gather.Views, feeds.Views, Protocol):
    """What readers may see of the collector: what pages and feeds are made of, and this."""

    @property
    def stats(self) -> IngestStats: ...

    def why_not_ready(self) -> str:
        """One line, where it is not."""

    @property
    def share(self) -> IspShare | None: ...

    @property
    def rules(self) -> bool:
        """Whether it is for this process to tell Prometheus of the country."""


class Operated(Protocol):
    """What operators see of any process."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def stats(self) -> IngestStats: ...

    @property
    def share(self) -> IspShare | None:
        """The ISPs that are decided on here; `None`: nothing is decided here."""

    @property
    def rules(self) -> bool: ...

    def snapshot(self) -> Snapshot: ...

    def ready(self) -> bool: ...

    def why_not_ready(self) -> str: ...


def make_app(views: Views, *, metrics: bool = True) -> web.Application:
    """The whole readers' side; without `metrics`, these are another listener's (`make_admin_app`)."""
    country = _Country(views)
    app = _make_empty(country, metrics=metrics)
    document = make_body(JSON, to_json(describe(version("rabta-collector"))))

    async def openapi(request: web.Request) -> web.Response:
        return respond(request, document)

    Site(views).add_to(app)
    app.router.add_get("/api/v1/openapi.json", openapi)
    for listing in LISTINGS:
        app.router.add_get(f"/api/v1/{listing.name}", country.listed(listing))
    told = feeds.Feeds(views)
    for place, answer in (
        ("evidence", told.evidence),
        ("events/stream", told.stream),
        ("events.atom", told.atom),
        ("badge.svg", told.badge),
    ):
        app.router.add_get(f"/api/v1/{place}", country.when_ready(answer))
    return app


def make_operators_app(operated: Operated, *, metrics: bool = True) -> web.Application:
    """The operator's side: metrics and health, and nothing of the country for people."""
    return _make_empty(_Health(operated), metrics=metrics)


def _make_empty(country: "_Health", *, metrics: bool) -> web.Application:
    app = web.Application(middlewares=[_errors_as_json], client_max_size=1024)
    app.on_response_prepare.append(add_safe_headers)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", country.readyz)
    if metrics:
        app.router.add_get("/metrics", country.metrics)
    return app


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


class _Health:
    """How a process is."""

    def __init__(self, operated: Operated) -> None:
        self._operated = operated
        self._exposition = Exposition()

    async def readyz(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self._operated.ready() else _not_ready(self._operated)

    async def metrics(self, request: web.Request) -> web.Response:
        views = self._operated
        snapshot = views.snapshot() if views.rules else None
        telling = None if views.share is None else Telling(share=views.share, tells=views.rules)
        text = await self._exposition.scrape(snapshot, views.catalogue, views.stats, telling, ready=views.ready())
        body = await asyncio.to_thread(make_body, CONTENT_TYPE, text, level=1, tagged=False)
        return respond(request, body, tagged=False)


class _Country(_Health):
    """Answers that are made from what the collector knows."""

    def __init__(self, views: Views) -> None:
        super().__init__(views)
        self._views = views

    def when_ready(self, handler: Handler) -> Handler:
        """The handler, once anything is known."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return await handler(request) if self._views.ready() else _not_ready(self._views)

        return answer

    def listed(self, listing: Listing) -> Handler:
        """The handler of one list."""

        async def answer(request: web.Request) -> web.StreamResponse:
            query = parse_query(request.query.items(), listing.parameters, limit=listing.limit)
            look = await self._views.gather(listing.wants(query)) if listing.of_isps else self._look()
            body, following, at = await asyncio.to_thread(self._write, listing, look, query)
            headers = {DECIDED_AT: format_time(at)}
            if query.until is not None and query.until < at - SETTLED_S:
                headers["Cache-Control"] = "public, max-age=3600"
            if following is not None:
                more = request.rel_url.update_query(cursor=following)
                headers |= {"Rabta-Truncated": "true", "Link": f'<{more}>; rel="next"'}
            return respond(request, body, headers=headers)

        return self.when_ready(answer)

    def _look(self) -> Look:
        """For what is of no ISP."""
        here = Part(snapshot=self._views.snapshot())
        return lambda: here

    def _write(self, listing: Listing, look: Look, query: Query) -> tuple[Body, str | None, float]:
        """Body, cursor of what follows, and up to when everything is decided."""
        known = look()
        source = Source(
            catalogue=self._views.catalogue,
            snapshot=known.snapshot,
            events=(*known.older, *known.events),
            past=known.past,
            late=known.late,
            counts=known.counts,
        )
        rendered = render(listing, source, query)
        body = make_body(CSV if query.form is Form.CSV else JSON, rendered.text)
        return body, rendered.next, known.snapshot.at


def _not_ready(views: Operated) -> web.Response:
    return make_error(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", views.why_not_ready(), {"Retry-After": "1"})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except MissingShareError as missing:
        return make_error(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", str(missing), {"Retry-After": "1"})
    except BadParameterError as wrong:
        return make_error(HTTPStatus.BAD_REQUEST, "bad_parameter", str(wrong))
    except web.HTTPException as wrong:
        status = HTTPStatus(wrong.status)
        kept = {name: wrong.headers[name] for name in ("Allow", "Location") if name in wrong.headers}
        return make_error(status, status.name.lower(), status.description or status.phrase, kept)
    except Exception:
        log.exception("web.failed", path=request.path)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return make_error(status, "internal", "the collector failed to answer; its log has the reason")
