from hashlib import sha256

import h11
import pytest

from rabta_agent.digest import simhash
from rabta_agent.probes.http import BODY_CAP_BYTES, Request, get
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.urls import WebUrl, parse_url
from rabta_proto.model import HttpRoundTrip
from support.peers import (
    Peer,
    Script,
    close_after_hello,
    drip,
    flood,
    garbage,
    reset_after_hello,
    response,
    say,
    serve_http,
    silence,
)
from support.scenes import make_scene, within

MARKS = (("pta", "prohibited for viewership"), ("other", "nothing of the kind"))
CAP = BODY_CAP_BYTES["http"]


async def fetch(
    script: Script, seconds: float = 5.0, scene: Scene | None = None
) -> tuple[Outcome[WebUrl | None], HttpRoundTrip]:
    """One request to one peer."""
    scene = scene or make_scene()
    async with Peer(script) as peer:
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        url = parse_url(f"http://site.example:{peer.port}/path?query")
        outcome = await get(scene, connection, Request(address=peer.host, url=url, marks=MARKS), within(seconds))
    assert isinstance(outcome.observation.detail, HttpRoundTrip)
    return outcome, outcome.observation.detail


async def test_a_page_is_digested_and_not_kept() -> None:
    body = b"<title>Blocked</title>This content is prohibited for viewership."
    outcome, seen = await fetch(say(response(body, status="403 Forbidden", headers={"Server": "wall", "X-Odd": "1"})))
    assert None is outcome.observation.failure
    assert (403, len(body), len(body), False, "Blocked", "wall") == (
        seen.status,
        seen.body_bytes,
        seen.declared_bytes,
        seen.truncated,
        seen.title,
        seen.server,
    )
    assert ("content-type", "content-length", "server", "x-odd") == seen.header_names
    assert (sha256(body).digest(), simhash(body), ("pta",)) == (seen.body_sha256, seen.body_simhash, seen.marks)


async def test_the_request_names_the_site_and_not_the_program() -> None:
    requests: list[h11.Request] = []

    def respond(request: h11.Request, body: bytes) -> bytes:
        requests.append(request)
        return response()

    _, seen = await fetch(serve_http(respond))
    headers = {name: value.lower() for name, value in requests[0].headers}
    assert (b"GET", b"/path?query") == (requests[0].method, requests[0].target)
    assert f"site.example:{seen.port}".encode() == headers[b"host"]
    assert not any(b"rabta" in value or b"python" in value for value in headers.values())


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reset_after_hello, "connection_reset"),
        (close_after_hello, "eof_error"),
        (garbage, "http_invalid_response"),
        (say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000), "http_invalid_response"),
        (
            say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "http_invalid_response",
        ),
        (flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000), "http_invalid_response"),
    ],
    ids=["rst", "fin", "garbage", "endless head", "switch", "interim responses without end"],
)
async def test_ends_are_kept_apart(script: Script, failure: str) -> None:
    outcome, seen = await fetch(script)
    assert (failure, None) == (outcome.observation.failure, seen.status)


async def test_silence_is_our_deadline() -> None:
    outcome, seen = await fetch(silence, 0.05)
    assert ("generic_timeout_error", None) == (outcome.observation.failure, seen.status)


@pytest.mark.parametrize("end", ["silence", "fin"])
async def test_what_had_come_before_a_failure_is_kept(end: str) -> None:
    partial = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<title>half</title>"
    outcome, seen = await fetch(drip(partial) if end == "silence" else say(partial), 0.2)
    assert {"silence": "generic_timeout_error", "fin": "eof_error"}[end] == outcome.observation.failure
    assert (200, 19, "half", 100) == (seen.status, seen.body_bytes, seen.title, seen.declared_bytes)


async def test_a_gigabyte_costs_no_more_than_the_cap_and_a_socket_buffer() -> None:
    scene = make_scene()
    outcome, seen = await fetch(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"), scene=scene)
    assert None is outcome.observation.failure
    assert (CAP, True, 1_073_741_824) == (seen.body_bytes, seen.truncated, seen.declared_bytes)
    assert scene.meter.received < CAP + 64 * 1024


async def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    outcome, seen = await fetch(say(b"HTTP/1.0 200 OK\r\n\r\nhello"))
    assert (None, 5, None, False) == (
        outcome.observation.failure,
        seen.body_bytes,
        seen.declared_bytes,
        seen.truncated,
    )


async def test_a_body_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    _, seen = await fetch(say(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert sha256(b"abcde").digest() == seen.body_sha256


async def test_a_response_without_body_has_no_digest() -> None:
    _, seen = await fetch(say(response(status="204 No Content")))
    assert (204, b"", None) == (seen.status, seen.body_sha256, seen.body_simhash)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_on_and_its_body_is_not_read(status: int) -> None:
    outcome, seen = await fetch(flood(f"HTTP/1.1 {status} Go\r\nLocation: /login\r\n\r\n".encode()))
    assert outcome.value is not None
    assert (f"http://site.example:{seen.port}/login", 0) == (str(outcome.value), seen.body_bytes)
    assert str(outcome.value) == seen.location


@pytest.mark.parametrize("status", [200, 300, 304, 404])
async def test_only_a_redirect_leads_on(status: int) -> None:
    outcome, seen = await fetch(say(response(status=f"{status} x", headers={"Location": "/login"})))
    assert (None, "") == (outcome.value, seen.location)


async def test_a_redirect_to_nowhere_is_a_failure_with_its_status() -> None:
    outcome, seen = await fetch(say(response(status="302 Found", headers={"Location": "intent://x"})))
    assert ("http_invalid_redirect_location_host", 302) == (outcome.observation.failure, seen.status)
    assert (None, "intent://x") == (outcome.value, seen.location)


async def test_the_visitors_address_is_followed_but_not_recorded() -> None:
    location = "http://block.example/?ip=39.45.1.2"
    body = b"<title>39.45.1.2 is blocked</title>"
    outcome, seen = await fetch(say(response(body, status="302 Found", headers={"Location": location})))
    assert (location, "http://block.example/?ip=[address]") == (str(outcome.value), seen.location)
    _, page = await fetch(say(response(body)))
    assert "[address] is blocked" == page.title
    assert sha256(b"<title>[address] is blocked</title>").digest() == page.body_sha256


async def test_names_of_headers_are_bounded() -> None:
    headers = {f"X-{number}-{'x' * 100}": "1" for number in range(100)}
    _, seen = await fetch(say(response(headers=headers)))
    assert (64, 64) == (len(seen.header_names), max(map(len, seen.header_names)))


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 30, "١"])
async def test_an_absurd_length_is_not_declared(length: str) -> None:
    _, seen = await fetch(say(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()))
    assert None is seen.declared_bytes
