"""Where processes each decide on a share of the ISPs, readers get of any of them what one would say that knows all."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.backfill import Voices
from rabta_collector.history.fold import Found
from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.place import parse_place
from rabta_collector.roles.forwarding import HANDED_ON
from rabta_collector.roles.questions import FRESH_S
from rabta_collector.state import Event
from rabta_collector.timeline import Span
from rabta_collector.web import make_app
from rabta_proto.vocabulary import Judgement, Mechanism, State
from support.country import NOW, Country, make_event, make_events
from support.nats import Nats
from support.shares import IDS, Client, Process, deciding, part_of, taking
from support.waiting import PATIENCE_S

FIRST, SECOND = IspShare(1, 2), IspShare(2, 2)
OURS, THEIRS = FIRST.owned(IDS)[0], SECOND.owned(IDS)[0]
COUNTRY = (
    "/?part=main",
    "/ur/?part=main",
    "/platform/x?part=main",
    "/ur/platform/x?part=main&days=90",
    "/api/v1/verdicts",
    "/api/v1/verdicts?platform=x&format=csv",
    "/api/v1/isps",
    "/api/v1/isps?format=csv",
    "/api/v1/events",
    "/api/v1/events?limit=3&format=csv",
    "/api/v1/events?platform=x&since=2024-02-17T17:00:00Z",
    "/api/v1/timeline",
    "/api/v1/timeline?limit=7&platform=x",
    "/api/v1/counts",
    "/api/v1/counts?by=day&format=csv",
    "/api/v1/events.atom",
    "/api/v1/events.atom?platform=x",
    "/api/v1/badge.svg?platform=x",
)
ONE_ISP = tuple(
    path.format(isp=isp)
    for isp in (OURS, THEIRS)
    for path in (
        "/isp/{isp}?part=main",
        "/ur/isp/{isp}?part=main",
        "/cell/x/{isp}?part=main",
        "/api/v1/verdicts?isp={isp}",
        "/api/v1/isps?isp={isp}&format=csv",
        "/api/v1/events?isp={isp}&limit=1",
        "/api/v1/timeline?isp={isp}",
        "/api/v1/counts?isp={isp}&platform=x",
        "/api/v1/evidence?platform=x&isp={isp}",
        "/api/v1/events.atom?isp={isp}",
    )
)
EVENTS = tuple(
    path.format(number=event.id)
    for event in make_events()
    for path in ("/event/{number}?part=main", "/api/v1/evidence?event={number}")
)
WRONG = (
    "/api/v1/verdicts?isp=nowhere",
    "/api/v1/verdicts?isp=ptcl&isp=jazz",
    "/api/v1/events?cursor=nothing",
    "/api/v1/events?platform=nothing",
    "/api/v1/evidence?event=99",
    "/api/v1/badge.svg",
    "/event/99?part=main",
    "/isp/nowhere?part=main",
    "/platform/nothing?part=main",
    "/nothing",
)
ALIKE = ("Rabta-Decided-At", "Rabta-Truncated", "Link", "Content-Type", "ETag", "Cache-Control", "Retry-After")


def make_whole() -> Country:
    """With a past that others measured, and with what came late."""
    span = Span(
        platform="x",
        isp=THEIRS,
        state=State.BLOCKED,
        mechanism=Mechanism.TLS_RESET_SNI,
        since=NOW - 400_000,
        until=NOW - 300_000,
        revised=True,
    )
    heard = Found(started=NOW - 90_000, site="https://x.example", judgement=Judgement.BLOCKED, rule="tls.rst.sni")
    late: Voices = {(OURS, "dw"): (heard,)}
    events = make_events()
    return Country(events=events[3:], recorded=events[:3], past=(span, replace(span, isp=OURS)), late=late)


@dataclass(slots=True, kw_only=True)
class Shared:
    """Two processes, one of each share, and one that takes agents; and one that knows all by itself."""

    nats: Nats
    first: Process
    second: Process
    ingest: Client
    whole: Client

    @property
    def clients(self) -> dict[str, Client]:
        return {"1/2": self.first.client, "2/2": self.second.client, "ingest": self.ingest}


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    country = make_whole()
    async with Nats(tmp_path).running() as nats, AsyncExitStack() as stack:
        place = parse_place(nats.url())
        first, second = [
            await stack.enter_async_context(deciding(place, part_of(country, share), name))
            for share, name in ((FIRST, "one"), (SECOND, "two"))
        ]
        ingest = await stack.enter_async_context(taking(place))
        whole = await stack.enter_async_context(TestClient(TestServer(make_app(country))))
        made = Shared(nats=nats, first=first, second=second, ingest=ingest, whole=whole)
        for client in made.clients.values():
            await until_status(client, "/api/v1/verdicts", 200)
            await until_status(client, f"/api/v1/verdicts?isp={THEIRS}", 200)
        yield made


async def until_status(client: Client, path: str, status: int) -> ClientResponse:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await client.get(path)).status != status:  # noqa: ASYNC110 - of a server, no event
            await asyncio.sleep(0.05)
    return answer


async def said(client: Client, path: str) -> tuple[int, str, dict[str, str]]:
    answer = await client.get(path)
    return answer.status, await answer.text(), {name: answer.headers[name] for name in ALIKE if name in answer.headers}


async def test_every_question_has_the_same_answer_everywhere(shared: Shared) -> None:
    """Word for word, and with the same headers."""
    for path in (*COUNTRY, *ONE_ISP, *EVENTS, *WRONG):
        wanted = await said(shared.whole, path)
        found = {name: await said(client, path) for name, client in shared.clients.items()}
        assert dict.fromkeys(found, wanted) == found, path


@pytest.mark.parametrize("path", ["/api/v1/events?limit=2", "/api/v1/timeline?limit=5", "/api/v1/timeline?limit=1"])
async def test_a_list_in_parts_is_the_same_list(shared: Shared, path: str) -> None:
    """Each part from another process, by the cursor that the one before it gave."""
    whole = [row async for row in rows_of([shared.whole], path)]
    assert len(whole) > 2
    assert whole == [row async for row in rows_of([*shared.clients.values()], path)]


async def rows_of(clients: list[Client], path: str) -> AsyncIterator[dict[str, Any]]:
    name = path.removeprefix("/api/v1/").partition("?")[0]
    following, turn = "", 0
    while following is not None:
        client = clients[turn % len(clients)]
        answer = await (await client.get(path + (following and f"&cursor={following}"))).json()
        for row in answer[name]:
            yield row
        following, turn = answer["next"], turn + 1


async def test_head_is_answered_without_a_body(shared: Shared) -> None:
    for client in shared.clients.values():
        for path in ("/api/v1/verdicts", f"/isp/{THEIRS}"):
            answer = await client.head(path)
            assert (200, b"") == (answer.status, await answer.read())


async def test_where_a_share_has_nobody_its_isps_and_the_country_are_refused_and_no_other(shared: Shared) -> None:
    await shared.second.kill()
    line = f"share 2/2 ({', '.join(SECOND.owned(IDS))})"
    for client in (shared.first.client, shared.ingest):
        for path in (*COUNTRY, *(path for path in ONE_ISP if THEIRS in path)):
            answer = await until_status(client, path, 503)
            text = await answer.text()
            if answer.content_type == "application/json":
                assert line in json.loads(text)["error"]["message"], path
            else:
                assert "Nayatel, Transworld (TES), Jazz, Telenor" in text, path
        for path in (*(path for path in ONE_ISP if THEIRS not in path), "/about", "/api/v1/platforms", "/readyz"):
            if client is shared.ingest and path == "/readyz":
                continue
            assert 200 == (await client.get(path)).status, path


async def test_of_two_that_know_the_same_one_is_enough(shared: Shared) -> None:
    whole = (await said(shared.whole, "/api/v1/verdicts"))[:2]
    place = shared.first.place
    async with deciding(place, part_of(make_whole(), SECOND), "three") as third:
        await until_status(third.client, "/api/v1/verdicts", 200)
        await shared.second.kill()
        for client in (shared.first.client, third.client, shared.ingest):
            for path in ("/api/v1/verdicts", f"/api/v1/verdicts?isp={THEIRS}", f"/isp/{THEIRS}"):
                assert 200 == (await client.get(path)).status
            assert whole == (await said(client, "/api/v1/verdicts"))[:2]


async def test_who_is_not_ready_is_no_answer_of_its_share(shared: Shared) -> None:
    shared.second.country.is_ready = False
    await until_status(shared.first.client, "/api/v1/isps", 503)
    shared.second.country.is_ready = True
    await until_status(shared.first.client, "/api/v1/isps", 200)


async def status_of(client: Client, target: str) -> int:
    """Of a question word for word, which a client puts in order before it asks."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: rabta.example\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "path",
    [
        "/./metrics",
        "/x/../metrics",
        "/%2e/metrics",
        "/cell/../metrics",
        "/cell/%2E%2e/metrics",
        "/isp/..%2fmetrics",
        f"/cell/{THEIRS}/../../metrics",
    ],
)
async def test_what_a_process_says_of_itself_is_told_by_no_other(shared: Shared, path: str) -> None:
    for client in shared.clients.values():
        assert 404 == await status_of(client, path)
    assert 404 == await status_of(shared.ingest, "/metrics")


async def test_a_question_with_a_host_before_its_path_is_one_like_any_other(shared: Shared) -> None:
    """Nobody is taken for out of reach for it."""
    for client in shared.clients.values():
        for path in (f"/api/v1/verdicts?isp={THEIRS}", "/api/v1/verdicts"):
            assert 200 == await status_of(client, f"http://rabta.example{path}")
            assert 200 == (await client.get(path)).status
    assert 404 == await status_of(shared.ingest, "http://rabta.example/metrics")


async def test_what_was_handed_on_twice_goes_no_further(shared: Shared) -> None:
    path = f"/api/v1/verdicts?isp={THEIRS}"
    for times, status in (("0", 200), ("1", 200), ("2", 503), ("many", 503)):
        assert status == (await shared.first.client.get(path, headers={HANDED_ON: times})).status
        assert 200 == (await shared.second.client.get(path, headers={HANDED_ON: times})).status


async def test_however_many_read_the_same_is_asked_once_a_second(shared: Shared) -> None:
    async with shared.nats.client() as client:
        heard = await client.subscribe("rabta.now.part.>")
        await client.flush()
        begun = asyncio.get_running_loop().time()
        paths = ["/api/v1/events?limit=1", "/api/v1/events?limit=2", "/api/v1/events?format=csv"] * 20
        answers = await asyncio.gather(*(shared.first.client.get(path) for path in paths))
        assert {200} == {answer.status for answer in answers}
        seconds = asyncio.get_running_loop().time() - begun
        await client.flush()
        assert 1 <= heard.pending_msgs <= 1 + seconds / FRESH_S


# Events as they happen


async def told(answer: ClientResponse, wanted: int) -> list[int]:
    """Numbers of the next events of a stream."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            line = (await answer.content.readline()).decode()
            assert line, "it ended"
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: "))["id"])
    return found


def happen(shared: Shared, *events: Event, to: float) -> None:
    """Both decide up to `to`, and these changes are what they see."""
    for process in (shared.first, shared.second):
        country = process.country
        owned = country.share.owned(IDS)
        country.events += tuple(event for event in events if event.isp in owned)
        country.current = replace(country.current, at=to)
        country.newsroom.tell([event for event in events if event.isp in owned])


def new_event(number: int, isp: str, after: float) -> Event:
    return make_event(number, -after, ("x", isp), ("reachable", "blocked", Mechanism.TLS_RESET_SNI))


@pytest.mark.parametrize("path", ["/api/v1/events/stream", "/api/v1/events/stream?platform=x"])
async def test_changes_of_all_shares_are_told_everywhere_in_their_order(shared: Shared, path: str) -> None:
    streams = [await client.get(path) for client in shared.clients.values()]
    happen(shared, new_event(21, THEIRS, 1.0), new_event(22, OURS, 1.0), new_event(23, THEIRS, 1.5), to=NOW + 2)
    for stream in streams:
        assert [21, 22, 23] == await told(stream, 3)


async def test_changes_of_one_isp_are_told_by_who_decides_on_it(shared: Shared) -> None:
    streams = [await client.get(f"/api/v1/events/stream?isp={THEIRS}") for client in shared.clients.values()]
    happen(shared, new_event(21, OURS, 1.0), new_event(22, THEIRS, 1.0), to=NOW + 2)
    for stream in streams:
        assert [22] == await told(stream, 1)


async def test_who_comes_again_elsewhere_is_told_what_it_missed_and_then_what_is_new(shared: Shared) -> None:
    happen(shared, new_event(21, THEIRS, 1.0), new_event(22, OURS, 1.0), to=NOW + 2)
    streams = [
        await client.get("/api/v1/events/stream", headers={"Last-Event-ID": "11"}) for client in shared.clients.values()
    ]
    happen(shared, new_event(23, THEIRS, 3.0), to=NOW + 4)
    for stream in streams:
        assert [21, 22, 23] == await told(stream, 3)


async def test_whoever_listens_to_the_country_is_sent_away_when_a_share_falls_silent(shared: Shared) -> None:
    stream = await shared.first.client.get("/api/v1/events/stream")
    one = await shared.first.client.get(f"/api/v1/events/stream?isp={OURS}")
    await shared.second.kill()
    async with asyncio.timeout(PATIENCE_S):
        await stream.read()
    answer = await shared.first.client.get("/api/v1/events/stream", headers={"Last-Event-ID": "11"})
    assert 503 == answer.status
    shared.first.country.newsroom.tell([new_event(30, OURS, 5.0)])
    assert [30] == await told(one, 1)
