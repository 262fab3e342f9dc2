"""Readers over real HTTP: who is answered what, and how safely."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.api import LISTINGS
from rabta_collector.pages.render import POLICY
from rabta_collector.parts import Look, MissingShareError, Wanted
from rabta_collector.state import Event, Snapshot
from rabta_collector.web import Views, make_app, make_operators_app
from support.country import Country

Client = TestClient[web.Request, web.Application]
PATHS = (
    "/",
    "/?part=main",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    *(f"/api/v1/{listing.name}" for listing in LISTINGS),
)
WRONG = ("/api/v1/verdicts?isp=nowhere", "/api/v1/nothing", "/nothing", "/../etc/passwd", "/%00")


@dataclass(slots=True, kw_only=True)
class Asked(Country):
    """Remembers what events were asked for."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        self.asked.append({"since": since, "until": until, "platform": platform, "isp": isp})
        return self.events


@dataclass(slots=True, kw_only=True)
class Broken(Country):
    def snapshot(self) -> Snapshot:
        raise RuntimeError("a secret of ours")


@pytest.fixture
async def country() -> Asked:
    return Asked()


@pytest.fixture
async def client(country: Asked) -> AsyncIterator[Client]:
    async with serve(country) as client:
        yield client


def serve(views: Views) -> Client:
    return TestClient(TestServer(make_app(views)))


@pytest.mark.parametrize("path", PATHS)
async def test_every_address_of_the_contract_answers(client: Client, path: str) -> None:
    assert 200 == (await client.get(path)).status
    assert 200 == (await client.head(path)).status


@pytest.mark.parametrize("path", [*PATHS, *WRONG])
async def test_every_answer_bears_the_safe_headers_and_no_cookie(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert ("nosniff", "no-referrer", "rabta") == (
        headers["X-Content-Type-Options"],
        headers["Referrer-Policy"],
        headers["Server"],
    )
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", WRONG)
async def test_every_error_has_one_form(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status in (400, 404)
    error = (await answer.json())["error"]
    assert {"code", "message"} == set(error)
    assert all(error.values())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_written(client: Client, method: str) -> None:
    answer = await client.request(method, "/api/v1/verdicts", data=b"x" * 100)
    assert (405, "method_not_allowed") == (answer.status, (await answer.json())["error"]["code"])
    assert "GET" in answer.headers["Allow"]


async def test_our_own_mistake_is_an_answer_without_its_details() -> None:
    async with serve(Broken()) as client:
        answer = await client.get("/api/v1/verdicts")
        assert (500, "internal") == (answer.status, (await answer.json())["error"]["code"])
        assert "secret" not in await answer.text()


async def test_a_bad_parameter_is_named(client: Client) -> None:
    answer = await client.get("/api/v1/events?since=yesterday")
    assert {
        "error": {
            "code": "bad_parameter",
            "message": 'since: "yesterday" is no time; expected RFC 3339, such as 2024-02-17T17:00:00Z',
        }
    } == await answer.json()


async def test_the_addresses_of_the_contract_may_be_written_with_empty_parameters(client: Client) -> None:
    assert 200 == (await client.get("/api/v1/events?since=&until=&platform=&isp=")).status


async def test_events_are_asked_for_as_the_reader_asks(client: Client, country: Asked) -> None:
    """From the beginning, for a revision of the past needs to know what stood; the window is cut afterwards."""
    window = "since=2024-02-17T17:00:00Z&until=2024-02-17T23:00:00%2B05:00"
    answer = await client.get(f"/api/v1/events?platform=x&isp=ptcl&{window}")
    assert [{"since": None, "until": None, "platform": "x", "isp": "ptcl"}] == country.asked
    times = [event["at"] for event in (await answer.json())["events"]]
    assert times
    assert all("2024-02-17T17:00" <= at < "2024-02-17T18:00" for at in times)


async def test_a_timeline_is_made_from_the_whole_history_of_its_cells(client: Client, country: Asked) -> None:
    """What stood at the beginning of the window came about before it."""
    await client.get("/api/v1/timeline?isp=ptcl&since=2024-02-17T17:00:00Z")
    assert [{"since": None, "until": None, "platform": None, "isp": "ptcl"}] == country.asked


async def test_verdicts_are_made_without_looking_for_events(client: Client, country: Asked) -> None:
    await client.get("/api/v1/verdicts")
    assert [] == country.asked


async def test_a_list_says_up_to_when_everything_is_decided_and_whether_it_is_cut(client: Client) -> None:
    answer = await client.get("/api/v1/events?limit=2&format=csv")
    assert ("2024-02-17T18:00:00.500Z", "true") == (
        answer.headers["Rabta-Decided-At"],
        answer.headers["Rabta-Truncated"],
    )
    assert ("text/csv", 3) == (answer.content_type, len((await answer.text()).splitlines()))


async def test_json_is_json(client: Client) -> None:
    answer = await client.get("/api/v1/isps")
    assert ("application/json", 9) == (answer.content_type, len((await answer.json())["isps"]))


async def test_metrics_are_in_prometheus_text_format(client: Client) -> None:
    answer = await client.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["Content-Type"]
    text = await answer.text()
    assert '\nrabta_verdict{platform="x",isp="ptcl",state="blocked"} 1\n' in text
    assert '\nrabta_verdict_mechanism{platform="x",isp="ptcl",mechanism="tls.reset.sni"} 1\n' in text
    assert "ETag" not in answer.headers


async def test_the_page_may_run_its_own_script_and_an_open_page_is_told_when_nothing_changed(client: Client) -> None:
    whole = await client.get("/")
    assert (POLICY, False) == (whole.headers["Content-Security-Policy"], "ETag" in whole.headers)
    assert (await whole.text()).startswith("<!doctype html>")
    part = await client.get("/?part=main")
    assert (await part.text()).startswith("<main ")
    again = await client.get("/?part=main", headers={"If-None-Match": part.headers["ETag"]})
    assert (304, "2024-02-17T18:00:00.500Z") == (again.status, again.headers["Rabta-Decided-At"])


async def test_the_page_shows_the_newest_events(client: Client, country: Asked) -> None:
    country.events = country.events * 5
    text = await (await client.get("/")).text()
    assert 20 == text.count('<span class="turn">')


async def test_while_the_journal_is_replayed_nothing_is_said_of_the_country() -> None:
    async with serve(Country(is_ready=False)) as client:
        assert 200 == (await client.get("/healthz")).status
        for path in ("/readyz", "/api/v1/verdicts", "/api/v1/timeline"):
            answer = await client.get(path)
            assert (503, "1") == (answer.status, answer.headers["Retry-After"])
            assert "not_ready" == (await answer.json())["error"]["code"]
        page = await client.get("/")
        assert (503, True) == (page.status, "is reading its journal" in await page.text())
        metrics = await (await client.get("/metrics")).text()
        assert ("rabta_collector_ready 0\n" in metrics, "rabta_verdict{" in metrics) == (True, False)


async def test_the_description_is_there_before_anything_is_known() -> None:
    async with serve(Country(is_ready=False)) as client:
        assert "3.1.0" == (await (await client.get("/api/v1/openapi.json")).json())["openapi"]


async def test_operators_may_have_the_metrics_for_themselves() -> None:
    async with TestClient(TestServer(make_app(Country(), metrics=False))) as readers:
        answer = await readers.get("/metrics")
        assert (404, "not_found") == (answer.status, (await answer.json())["error"]["code"])
        assert [200, 200, 200] == [(await readers.get(path)).status for path in ("/", "/healthz", "/api/v1/verdicts")]
    async with TestClient(TestServer(make_operators_app(Country()))) as operators:
        statuses = [(await operators.get(path)).status for path in ("/metrics", "/healthz", "/readyz")]
        assert [200, 200, 200] == statuses
        assert [404, 404] == [(await operators.get(path)).status for path in ("/", "/api/v1/verdicts")]


async def test_other_sites_may_read_the_open_data_and_nothing_else(client: Client) -> None:
    allowed = "Access-Control-Allow-Origin"
    assert "*" == (await client.get("/api/v1/verdicts", headers={"Origin": "https://a.example"})).headers[allowed]
    for path in ("/", "/metrics", "/healthz"):
        assert allowed not in (await client.get(path)).headers
    assert allowed not in (await client.post("/api/v1/verdicts")).headers
    asked = await client.options("/api/v1/verdicts", headers={"Access-Control-Request-Method": "POST"})
    assert (405, False) == (asked.status, allowed in asked.headers)
    assert not any(name.startswith("Access-Control-Allow-Cred") for name in asked.headers)


def test_the_page_may_run_nothing_that_was_put_into_it() -> None:
    assert "unsafe" not in POLICY
    assert "script-src 'sha256-" in POLICY


@dataclass(slots=True, kw_only=True)
class Halved(Country):
    """Nobody can say what is at PTCL and at Jazz."""

    async def gather(self, wanted: Wanted) -> Look:
        raise MissingShareError("nobody who decides on share 1/2 (ptcl, jazz) can be reached", ["ptcl", "jazz"])


@pytest.mark.parametrize(
    "path", ["verdicts", "isps", "events", "timeline", "counts", "events.atom", "events/stream", "badge.svg?platform=x"]
)
async def test_no_reader_of_the_api_is_shown_a_country_that_lacks_a_part(path: str) -> None:
    async with serve(Halved()) as client:
        answer = await client.get(f"/api/v1/{path}")
        assert (503, "1") == (answer.status, answer.headers["Retry-After"])
        assert "share 1/2 (ptcl, jazz)" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize(("path", "word"), [("/", "part of the country"), ("/ur/platform/x", "ملک کے ایک حصے")])
async def test_nor_is_a_reader_of_the_pages_who_is_told_which_isps(path: str, word: str) -> None:
    async with serve(Halved()) as client:
        answer = await client.get(path)
        assert 503 == answer.status
        text = await answer.text()
        assert word in text
        assert "PTCL, Jazz" in text
        assert "refresh" in text


async def test_what_is_of_no_isp_is_told_all_the_same() -> None:
    async with serve(Halved()) as client:
        for path in ("/about", "/method", "/join", "/api/v1/platforms", "/api/v1/openapi.json"):
            assert 200 == (await client.get(path)).status, path
