"""No public answer tells when something was measured, or changed, by less than a minute; and readers miss nothing."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.api import LISTINGS
from rabta_collector.atom import NAMESPACE
from rabta_collector.disclosure import disclose
from rabta_collector.dossier import Dossier, Example
from rabta_collector.state import Event
from rabta_collector.timeline import Span
from rabta_collector.verdict.classify import Finding
from rabta_collector.web import make_app
from rabta_proto.vocabulary import Judgement, Mechanism
from support.clocks import finer_than_minutes
from support.country import NOW, Country, make_events, make_snapshot, make_verdict
from support.factories import NEAR, PLAIN, story
from support.waiting import PATIENCE_S

Client = TestClient[web.Request, web.Application]
ODD_S = 17.25
BLOCKED = ("reachable", "blocked", Mechanism.TLS_RESET_SNI)
LISTS = (*(f"/api/v1/{one.name}" for one in LISTINGS), *(f"/api/v1/{one.name}?format=csv" for one in LISTINGS))
OTHERS = ("/api/v1/evidence?platform=x&isp=ptcl", "/api/v1/evidence?event=2", "/api/v1/events.atom")
PAGES = ("/?part=main", "/platform/x?part=main", "/isp/telenor?part=main", "/cell/x/ptcl?part=main")
PUBLIC_ANSWERS = (*LISTS, *OTHERS, *PAGES, "/event/2?part=main", "/ur/cell/x/ptcl?part=main", "/api/v1/openapi.json")


def odd_country() -> Country:
    """Nothing in it happened at a whole minute."""
    current = make_snapshot()
    verdicts = tuple(replace(one, since=one.since + ODD_S, updated=one.updated + 1.0) for one in current.verdicts)
    isps = tuple(replace(one, since=one.since and one.since + ODD_S) for one in current.isps)
    events = tuple(replace(event, at=event.at + ODD_S) for event in make_events())
    country = Country(current=replace(current, verdicts=verdicts, isps=isps), events=events)
    country.past = (
        Span(
            platform="x",
            isp="ptcl",
            state="blocked",
            mechanism=Mechanism.DNS_NXDOMAIN,
            since=NOW - 400_000 + ODD_S,
            until=NOW - 390_000 + ODD_S,
            revised=True,
        ),
    )
    return country


def at_once(number: int, second: float) -> Event:
    """Of the minute before now."""
    return Event(
        id=number,
        at=NOW - 60.5 + second,
        platform="x",
        isp="optix",
        from_state=("reachable", "blocked")[number % 2],
        to_state=("blocked", "reachable")[number % 2],
        mechanism=None,
        detected_after_seconds=None,
    )


@pytest.fixture
async def country() -> Country:
    return odd_country()


@pytest.fixture
async def client(country: Country) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(country))) as client:
        yield client


async def listed(client: Client, name: str, **asked: str) -> dict[str, Any]:
    found = await (await client.get(f"/api/v1/{name}", params=asked)).json()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", PUBLIC_ANSWERS)
async def test_no_public_answer_has_a_finer_time(client: Client, path: str) -> None:
    answer = await client.get(path)
    text = await answer.text()
    assert (200, []) == (answer.status, finer_than_minutes(text))
    assert "2024" in text or path in ("/api/v1/platforms", "/api/v1/platforms?format=csv", "/api/v1/openapi.json")


@pytest.mark.parametrize(("text", "fine"), [("at 2024-02-17T17:00:17.250Z", 1), ("1708189217", 1), ("1708189217.5", 1)])
def test_a_finer_time_is_found(text: str, fine: int) -> None:
    assert fine == len(finer_than_minutes(text))
    assert [] == finer_than_minutes("2024-02-17T17:00:00.000Z, 2024-02-17T17:00, 1708189200 and 17,082 of 19:00:17")


async def test_a_stream_tells_no_finer_time_and_goes_on_by_numbers(client: Client, country: Country) -> None:
    country.events = (*country.events, at_once(12, 3.5), at_once(13, 9.25))
    async with client.get("/api/v1/events/stream", headers={"Last-Event-ID": "12"}) as answer:
        said = ""
        async with asyncio.timeout(PATIENCE_S):
            while "data: " not in said:
                said += (await answer.content.readline()).decode()
    assert ([], True) == (finer_than_minutes(said), "id: 13\n" in said)


def test_evidence_as_it_is_made_tells_no_finer_time() -> None:
    moment = datetime.fromtimestamp(NOW + ODD_S, UTC)
    measurement = replace(story(PLAIN).names(NEAR).connects(NEAR).measurement(), started_at=moment)
    finding = Finding(
        judgement=Judgement.BLOCKED, rule="tcp.reset", step=None, mechanism=None, server_side=False, reasons=("so",)
    )
    example = Example(measurement=measurement, finding=finding, controls=(measurement,))
    verdict = replace(make_verdict("x", "ptcl"), since=NOW + ODD_S)
    dossier = Dossier(at=NOW, verdict=verdict, legs=(), rules=(), examples=(example,), voters=("a",))
    said = json.dumps(disclose(dossier, lambda _: ""))
    assert [] == finer_than_minutes(said)
    assert 2 == said.count('"startedAt": "2024-02-17T18:00:00Z"')


async def test_a_window_is_of_whole_minutes_so_that_nobody_closes_in_on_a_moment(client: Client) -> None:
    """X went at 17:00:17.75. Whichever second is asked from, or up to, the answer is that of the whole minute."""
    for second in (0, 17, 18, 59):
        asked = f"2024-02-17T17:00:{second:02}Z"
        assert 2 in [event["id"] for event in (await listed(client, "events", since=asked))["events"]]
        before = (await listed(client, "events", until=asked))["events"]
        assert (second != 0) is (2 in [event["id"] for event in before])
        spans = (await listed(client, "timeline", platform="x", isp="ptcl", until=asked))["timeline"]
        assert (second != 0) is ("blocked" in [one["state"] for one in spans if not one["revised"]])


async def test_windows_that_meet_at_whole_minutes_share_nothing_and_lose_nothing(client: Client) -> None:
    whole = (await listed(client, "events"))["events"]
    middle = "2024-02-17T17:01:00Z"
    before, after = [(await listed(client, "events", **{edge: middle}))["events"] for edge in ("until", "since")]
    assert whole == [*before, *after]
    assert before
    assert after


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(("name", "newest"), [("events", True), ("timeline", False)])
async def test_what_came_within_one_minute_keeps_its_order_in_parts(
    client: Client, country: Country, name: str, newest: bool, limit: int
) -> None:
    country.events = (*country.events, *(at_once(12 + number, 5.0 * number) for number in range(5)))
    whole = (await listed(client, name))[name]
    if newest:
        assert [12, 13, 14, 15, 16] == [event["id"] for event in whole if event["id"] >= 12]
    parts, cursor = [], ""
    while True:
        answer = await listed(client, name, limit=str(limit), cursor=cursor)
        parts.append(answer[name])
        if (cursor := answer["next"] or "") == "":
            break
    assert whole == [row for part in (reversed(parts) if newest else parts) for row in part]


async def test_a_cursor_tells_no_finer_time(client: Client) -> None:
    for name in ("events", "timeline"):
        cursor = (await listed(client, name, limit="1"))["next"]
        assert [] == finer_than_minutes(base64.urlsafe_b64decode(cursor + "==").decode())


async def test_entries_of_one_minute_have_names_of_their_own_in_a_feed(client: Client, country: Country) -> None:
    country.events = (*country.events, *(at_once(12 + number, 5.0 * number) for number in range(5)))
    feed = ElementTree.fromstring(await (await client.get("/api/v1/events.atom")).text())
    names = [entry.findtext(f"{{{NAMESPACE}}}id") or "" for entry in feed.findall(f"{{{NAMESPACE}}}entry")]
    assert len(country.events) == len(names) == len(set(names))
    own = [
        name.removeprefix("urn:rabta:event:optix:x:2024-02-17T17:59:00.000Z:") for name in names if ":optix:" in name
    ][:5]
    assert ["blocked:3", "reachable:2", "blocked:2", "reachable", "blocked"] == own


async def test_what_did_not_change_but_for_seconds_is_sent_nobody_twice(client: Client, country: Country) -> None:
    tag = (await client.get("/api/v1/verdicts")).headers["ETag"]
    verdicts = tuple(replace(one, updated=one.updated + 0.25) for one in country.current.verdicts)
    country.current = replace(country.current, verdicts=verdicts)
    assert 304 == (await client.get("/api/v1/verdicts", headers={"If-None-Match": tag})).status
