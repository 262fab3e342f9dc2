"""Evidence, the badge, and events as they happen, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector import feeds
from rabta_collector.atom import NAMESPACE
from rabta_collector.newsroom import BEHIND, LISTENERS, Listening, Newsroom
from rabta_collector.state import Event
from rabta_collector.web import make_app
from rabta_proto.vocabulary import Mechanism
from support.country import Country, make_event
from support.waiting import PATIENCE_S

Client = TestClient[web.Request, web.Application]
NEW = make_event(12, -1, ("x", "optix"), ("reachable", "blocked", Mechanism.TLS_RESET_SNI))
OTHER = make_event(13, -2, ("dw", "jazz"), ("reachable", "blocked", Mechanism.DNS_NXDOMAIN))


@pytest.fixture
async def country() -> Country:
    return Country()


@pytest.fixture
async def client(country: Country) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(country))) as client:
        yield client


async def told(answer: ClientResponse, wanted: int) -> list[dict[str, Any]]:
    """The next events of a stream."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            line = (await answer.content.readline()).decode()
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
    return found


async def listeners(country: Country, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while country.newsroom.listeners != wanted:  # noqa: ASYNC110 - what a server does, as a reader sees it
            await asyncio.sleep(0.01)


async def test_evidence_of_a_verdict_and_of_an_event_have_one_form(client: Client) -> None:
    now = (await (await client.get("/api/v1/evidence?platform=x&isp=ptcl")).json())["evidence"]
    then = (await (await client.get("/api/v1/evidence?event=2")).json())["evidence"]
    assert list(now) == list(then)
    assert (None, 2) == (now["event"], then["event"]["id"])


async def test_evidence_has_where_on_the_path_it_is_cut_off(client: Client) -> None:
    now = (await (await client.get("/api/v1/evidence?platform=x&isp=ptcl")).json())["evidence"]["paths"]
    assert [(5, None), (None, "once")] == [(one["begins"], one["doubt"]) for one in now]
    then = (await (await client.get("/api/v1/evidence?event=2")).json())["evidence"]
    assert len(then["paths"]) == (then["event"]["to"] == "blocked")


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        ("", 400, "platform"),
        ("platform=x", 400, "isp"),
        ("platform=x&isp=nowhere", 400, "isp"),
        ("event=2&platform=x", 400, "event"),
        ("event=two", 400, "event"),
        ("event=99", 404, "nothing"),
        ("event=9", 404, "nothing"),
    ],
)
async def test_evidence_that_there_is_none_of_is_an_error_that_says_so(
    client: Client, asked: str, status: int, word: str
) -> None:
    answer = await client.get(f"/api/v1/evidence?{asked}")
    assert status == answer.status
    assert word in (await answer.json())["error"]["message"]


async def test_events_come_as_they_happen_and_only_those_that_were_asked_for(client: Client, country: Country) -> None:
    async with client.get("/api/v1/events/stream?platform=x") as answer:
        assert "text/event-stream" == answer.content_type
        await listeners(country, 1)
        country.newsroom.tell([OTHER, NEW])
        assert [12] == [event["id"] for event in await told(answer, 1)]
    await listeners(country, 0)


async def test_a_reader_who_was_away_is_told_what_came_meanwhile_and_nothing_twice(
    client: Client, country: Country
) -> None:
    country.events = (*country.events, NEW)
    async with client.get("/api/v1/events/stream", headers={"Last-Event-ID": "10"}) as answer:
        await listeners(country, 1)
        country.newsroom.tell([NEW, OTHER])
        assert [11, 12, 13] == [event["id"] for event in await told(answer, 3)]


async def test_a_stream_that_is_silent_shows_that_it_lives(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "HEARTBEAT_S", 0.05)
    async with TestClient(TestServer(make_app(country))) as client, client.get("/api/v1/events/stream") as answer:
        async with asyncio.timeout(PATIENCE_S):
            while (await answer.content.readline()) != b":\n":
                pass


async def test_more_listeners_than_may_are_turned_away_for_a_while(client: Client, country: Country) -> None:
    places = [country.newsroom.listen() for _ in range(LISTENERS)]
    for place in places:
        place.__enter__()
    answer = await client.get("/api/v1/events/stream")
    assert (503, "busy") == (answer.status, (await answer.json())["error"]["code"])
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_listener_who_falls_behind_is_let_go_and_holds_up_nobody() -> None:
    newsroom = Newsroom()
    with newsroom.listen() as slow, newsroom.listen() as quick:
        heard: list[Event | None] = []
        for number in range(BEHIND + 5):
            newsroom.tell([replace(NEW, id=number)])
            heard.append(quick.get_nowait())
        assert BEHIND + 5 == len(heard)
        assert BEHIND + 1 == slow.qsize()
        assert None is [slow.get_nowait() for _ in range(BEHIND + 1)][-1]
        assert 1 == newsroom.listeners


async def test_the_feed_has_the_newest_first_with_a_way_to_their_evidence(client: Client) -> None:
    answer = await client.get("/api/v1/events.atom")
    feed = ElementTree.fromstring(await answer.text())
    entries = feed.findall(f"{{{NAMESPACE}}}entry")
    titles = [entry.findtext(f"{{{NAMESPACE}}}title") for entry in entries]
    assert ["Ufone: degraded", "X (Twitter) at Transworld (TES): disrupted"] == titles[:2]
    assert len(entries) == len({entry.findtext(f"{{{NAMESPACE}}}id") for entry in entries})
    links = [link.get("href") for link in entries[1].findall(f"{{{NAMESPACE}}}link")]
    assert ["/api/v1/evidence?event=10"] == links
    assert "public, max-age=60" == answer.headers["Cache-Control"]


async def test_a_name_in_the_feed_and_on_the_badge_cannot_be_markup(client: Client, country: Country) -> None:
    first = replace(country.catalogue.platforms[0], name="<script>&")
    country.catalogue = replace(country.catalogue, platforms=(first, *country.catalogue.platforms[1:]))
    for place in ("events.atom", "badge.svg?platform=x"):
        text = await (await client.get(f"/api/v1/{place}")).text()
        assert "<script" not in text
        ElementTree.fromstring(text)


async def test_the_badge_says_on_how_many_isps(client: Client) -> None:
    answer = await client.get("/api/v1/badge.svg?platform=x")
    assert ("image/svg+xml", "public, max-age=60") == (answer.content_type, answer.headers["Cache-Control"])
    assert "X (Twitter) in Pakistan: blocked on 4 of 9 ISPs" in await answer.text()


async def test_a_reader_who_has_it_already_is_sent_nothing(client: Client) -> None:
    for place in ("badge.svg?platform=x", "events.atom", "evidence?platform=x&isp=ptcl"):
        first = await client.get(f"/api/v1/{place}")
        again = await client.get(f"/api/v1/{place}", headers={"If-None-Match": first.headers["ETag"]})
        assert (304, b"") == (again.status, await again.read())


async def test_what_is_long_past_may_be_kept_and_what_may_change_may_not(client: Client) -> None:
    past = await client.get("/api/v1/events?until=2024-01-01T00:00:00Z")
    assert "public, max-age=3600" == past.headers["Cache-Control"]
    assert "no-cache" == (await client.get("/api/v1/events")).headers["Cache-Control"]


async def test_the_next_part_is_linked_to_for_csv_too(client: Client) -> None:
    answer = await client.get("/api/v1/events?limit=3&format=csv&platform=x")
    link = answer.links["next"]["url"]
    again = await client.get(str(link.relative()))
    assert 4 == len((await again.text()).splitlines())
    assert "platform=x" in str(link)


async def test_who_comes_again_may_be_told_once_more_what_was_told_lately() -> None:
    newsroom = Newsroom(lately=2)
    newsroom.tell([replace(NEW, id=number) for number in (1, 2, 3)])
    with newsroom.listen(again=True) as again, newsroom.listen() as first:
        newsroom.tell([replace(NEW, id=4)])
        assert [2, 3, 4] == [event.id for event in told_of(again)]
        assert [4] == [event.id for event in told_of(first)]


async def test_where_something_cannot_be_told_all_are_sent_away_and_what_was_told_lately_is_no_longer() -> None:
    newsroom = Newsroom(lately=2)
    newsroom.tell([NEW])
    with newsroom.listen() as listening:
        newsroom.end()
        assert 0 == newsroom.listeners
        assert listening.get_nowait() is None
    with newsroom.listen(again=True) as again:
        assert again.empty()


def told_of(listening: Listening) -> list[Event]:
    """What waits for a listener."""
    waiting = [listening.get_nowait() for _ in range(listening.qsize())]
    return [event for event in waiting if event is not None]
