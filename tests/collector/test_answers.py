"""Bodies are packed for whom they are, and not sent twice."""

import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.answers import add_safe_headers, make_body, respond, takes_gzip

LONG = "رابطہ " * 500


async def client_of(text: str, *, tagged: bool = True) -> TestClient[web.Request, web.Application]:
    body = make_body("text/plain; charset=utf-8", text)

    async def answer(request: web.Request) -> web.Response:
        return respond(request, body, tagged=tagged, headers={"Rabta-Decided-At": "now"})

    app = web.Application()
    app.on_response_prepare.append(add_safe_headers)
    app.router.add_get("/api/a", answer)
    app.router.add_get("/a", answer)
    client = TestClient(TestServer(app), auto_decompress=False)
    await client.start_server()
    return client


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("GZIP", True),
        ("br", False),
        ("gzip; q=0", False),
        ("gzip;q=0.000", False),
    ],
)
def test_gzip_is_sent_to_who_takes_it(header: str, expected: bool) -> None:
    assert expected == takes_gzip(header)


def test_a_short_body_is_not_packed_and_a_long_one_is_the_same_when_unpacked() -> None:
    assert make_body("text/plain", "short").packed is None
    body = make_body("text/plain", LONG)
    assert body.packed is not None
    assert LONG.encode() == body.plain == gzip.decompress(body.packed)
    assert len(body.packed) < len(body.plain)


def test_equal_texts_have_one_tag_and_others_another() -> None:
    assert make_body("text/plain", "a").tag == make_body("text/plain", "a").tag != make_body("text/plain", "b").tag


@pytest.mark.parametrize(("accepted", "coding"), [("gzip", "gzip"), ("identity", None)])
async def test_the_body_comes_as_it_was_asked_for(accepted: str, coding: str | None) -> None:
    client = await client_of(LONG)
    answer = await client.get("/a", headers={"Accept-Encoding": accepted})
    raw = await answer.read()
    assert coding == answer.headers.get("Content-Encoding")
    assert LONG.encode() == (gzip.decompress(raw) if coding else raw)
    assert "Accept-Encoding" == answer.headers["Vary"]
    await client.close()


async def test_who_has_the_content_already_is_told_so_and_gets_nothing() -> None:
    client = await client_of(LONG)
    first = await client.get("/a")
    again = await client.get("/a", headers={"If-None-Match": first.headers["ETag"]})
    assert (304, b"", "now") == (again.status, await again.read(), again.headers["Rabta-Decided-At"])
    other = await client.get("/a", headers={"If-None-Match": 'W/"another"'})
    assert 200 == other.status
    await client.close()


async def test_what_is_new_each_time_bears_no_tag() -> None:
    client = await client_of("a", tagged=False)
    answer = await client.get("/a", headers={"If-None-Match": "*"})
    assert (200, False) == (answer.status, "ETag" in answer.headers)
    await client.close()


async def test_open_data_may_be_read_by_other_sites_pages_and_the_rest_may_not() -> None:
    client = await client_of("a")
    assert "*" == (await client.get("/api/a")).headers["Access-Control-Allow-Origin"]
    assert "Access-Control-Allow-Origin" not in (await client.get("/a")).headers
    await client.close()
