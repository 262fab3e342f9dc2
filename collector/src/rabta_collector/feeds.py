"""What is not a list: evidence, the badge, and events as they happen (Server-Sent Events) or as a feed (Atom)."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from rabta_collector.answers import JSON, make_body, make_error, respond
from rabta_collector.api import event_to_row
from rabta_collector.atom import CONTENT_TYPE, ENTRIES, write_feed
from rabta_collector.badge import CONTENT_TYPE as SVG
from rabta_collector.badge import draw
from rabta_collector.catalogue import Catalogue
from rabta_collector.disclosure import Row
from rabta_collector.listing import to_json
from rabta_collector.newsroom import FullError, Listening, Newsroom
from rabta_collector.openapi import BADGE_OF, EVENTS_OF, EVIDENCE_OF
from rabta_collector.parts import Look, Wanted
from rabta_collector.query import BadParameterError, Query, check_known, parse_query
from rabta_collector.rfc3339 import format_time
from rabta_collector.state import Event, Snapshot
from rabta_collector.testimony import Testimony

HEARTBEAT_S = 15.0
RETRY_MS = 2000
RESUMED = 1000
"""Events that a reader who was away is told of at once, at most."""

FOR_A_MINUTE = {"Cache-Control": "public, max-age=60"}


class Views(Protocol):
    """What these answers are made of."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def testimony(self) -> Testimony: ...

    def newsroom_of(self, isp: str | None) -> Newsroom:
        """Where events of an ISP are told, or of all."""

    def snapshot(self) -> Snapshot: ...

    async def gather(self, wanted: Wanted) -> Look: ...


class Feeds:
    """Handlers."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def evidence(self, request: web.Request) -> web.StreamResponse:
        """Of what stands, or of an event when it was decided."""
        query = self._asked(request, EVIDENCE_OF)
        at = self._views.snapshot().at
        if query.event is not None:
            told, evidence, paths = await self._of_event(query)
        elif query.platform is None or query.isp is None:
            missing = "platform" if query.platform is None else "isp"
            raise BadParameterError(missing, "missing; evidence is of a platform at an ISP, or of an event")
        else:
            place = {"isp": query.isp, "platform": query.platform}
            testimony = self._views.testimony
            told, evidence, paths = None, testimony.of_now(**place, at=at), testimony.paths_now(**place)
        if evidence is None:
            return make_error(HTTPStatus.NOT_FOUND, "no_evidence", "nothing was taken down of that")
        body = await asyncio.to_thread(
            make_body, JSON, to_json({"evidence": {"event": told, **evidence, "paths": paths}})
        )
        return respond(request, body, headers={"Rabta-Decided-At": format_time(at)})

    async def _of_event(self, query: Query) -> tuple[object, Row | None, list[Row]]:
        if query.platform is not None or query.isp is not None:
            raise BadParameterError("event", "not together with platform or isp")
        assert query.event is not None
        found = await self._views.testimony.event(query.event)
        evidence = await self._views.testimony.of_event(query.event)
        if found is None:
            return None, evidence, []
        return event_to_row(found), evidence, self._views.testimony.paths_after(found)

    async def badge(self, request: web.Request) -> web.StreamResponse:
        """One platform in the whole country, as a picture."""
        query = self._asked(request, BADGE_OF)
        if query.platform is None:
            raise BadParameterError("platform", "missing")
        names = {platform.id: platform.name for platform in self._views.catalogue.platforms}
        known = (await self._views.gather(Wanted(query=query)))()
        verdicts = [one for one in known.snapshot.verdicts if one.platform == query.platform]
        body = make_body(SVG, draw(names.get(query.platform, query.platform), verdicts))
        return respond(request, body, headers=FOR_A_MINUTE)

    async def atom(self, request: web.Request) -> web.StreamResponse:
        """The newest events as a feed."""
        query, at = self._asked(request, EVENTS_OF), self._views.snapshot().at
        known = (await self._views.gather(Wanted(query=query, events=True, since=at)))()
        names = {platform.id: platform.name for platform in self._views.catalogue.platforms}
        isps = {isp.isp: isp.name for isp in known.snapshot.isps}
        text = await asyncio.to_thread(write_feed, known.events[-2 * ENTRIES :], names, isps, known.snapshot.at)
        return respond(request, make_body(CONTENT_TYPE, text), headers=FOR_A_MINUTE)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Events as they happen, after those that came since `Last-Event-ID`."""
        query, last = self._asked(request, EVENTS_OF), _last_seen(request)
        try:
            with self._views.newsroom_of(query.isp).listen(again=last is not None) as listening:
                known = await self._views.gather(Wanted(query=query, events=last is not None))
                return await self._tell(request, query, known().events, listening)
        except FullError:
            said = "as many listen as may; ask for the list instead"
            return make_error(HTTPStatus.SERVICE_UNAVAILABLE, "busy", said, {"Retry-After": "30"})

    async def _tell(
        self, request: web.Request, query: Query, events: Sequence[Event], listening: Listening
    ) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await answer.prepare(request)
        if request.method == "HEAD":
            return answer
        await answer.write(f"retry: {RETRY_MS}\n\n".encode())
        seen = last = _last_seen(request) or 0
        for missed in [event for event in events if event.id > last][-RESUMED:]:
            await answer.write(_said(missed))
            seen = max(seen, missed.id)
        while True:
            event: Event | None
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    event = await listening.get()
            except TimeoutError:
                await answer.write(b":\n\n")
                continue
            if event is None:
                return answer  # it comes again, and says what it saw last
            if event.id > seen and query.platform in (None, event.platform) and query.isp in (None, event.isp):
                await answer.write(_said(event))

    def _asked(self, request: web.Request, allowed: frozenset[str]) -> Query:
        """Raises `BadParameterError`."""
        query, snapshot = parse_query(request.query.items(), allowed), self._views.snapshot()
        known = {platform.id for platform in self._views.catalogue.platforms}
        check_known(query, known, {isp.isp for isp in snapshot.isps})
        return query


def _last_seen(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _said(event: Event) -> bytes:
    return f"id: {event.id}\nevent: change\ndata: {to_json(event_to_row(event))}\n".encode()
