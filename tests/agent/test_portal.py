"""A captive portal answers in every site's place; the check tells it from silence and from a site that is cut off."""

import asyncio
from dataclasses import replace

import h11
import pytest

from rabta_agent.network import Vantage
from rabta_agent.notebook import Notebook
from rabta_agent.portal import CHECK_S, HOLDS_S, PortalCheck
from rabta_agent.task import Settings
from support.dns_server import DnsServer, addresses
from support.hops import CONTEXTS
from support.peers import (
    PAGE,
    Peer,
    Script,
    close_after_hello,
    flood,
    free_port,
    garbage,
    reset_after_hello,
    response,
    say,
    serve_http,
)
from support.scenes import StoppedClock, make_notebook, within

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
HOME = object()


def redirect(request: h11.Request, body: bytes) -> bytes:
    return response(status="302 Found", headers={"Location": "http://portal.example/login"})


def notebook_for(url: str, *, vantage: Vantage | None = None) -> Notebook:
    return make_notebook(CONTEXTS, Settings(portal_check=url), vantage=vantage or Vantage(lab=True))


async def look(script: Script) -> bool | None:
    async with Peer(script) as peer:
        return await PortalCheck().look(notebook_for(f"http://127.0.0.1:{peer.port}/204"), HOME)


async def test_an_empty_204_comes_from_who_was_asked() -> None:
    assert False is await look(say(NO_CONTENT))
    assert False is await look(say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + NO_CONTENT))


@pytest.mark.parametrize(
    "script",
    [
        serve_http(redirect),
        serve_http(lambda request, body: PAGE),
        serve_http(lambda request, body: response()),
        serve_http(lambda request, body: response(status="511 Network Authentication Required")),
        say(NO_CONTENT + b"<html>Log in</html>"),
        flood(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["redirect", "page", "empty page", "511", "204 with a page", "endless page"],
)
async def test_anything_else_that_is_http_comes_from_a_portal(script: Script) -> None:
    assert True is await look(script)


@pytest.mark.parametrize("script", [reset_after_hello, close_after_hello, garbage], ids=["reset", "close", "garbage"])
async def test_a_failure_says_nothing(script: Script) -> None:
    assert None is await look(script)


async def test_a_port_that_is_closed_says_nothing() -> None:
    assert None is await PortalCheck().look(notebook_for(f"http://127.0.0.1:{free_port()}/"), HOME)


async def test_the_request_is_that_of_anybody() -> None:
    async with Peer(say(NO_CONTENT)) as peer:
        await PortalCheck().look(notebook_for(f"http://127.0.0.1:{peer.port}/generate_204?x"), HOME)
        (request,) = peer.heard
    assert request.startswith(b"GET /generate_204?x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % peer.port)
    assert b"rabta" not in request.lower()


async def test_a_page_is_not_read_on() -> None:
    """Every measurement behind a portal fails, and the volunteer pays for bytes there too."""
    async with Peer(flood(b"HTTP/1.1 200 OK\r\n\r\n")) as peer:
        notebook = notebook_for(f"http://127.0.0.1:{peer.port}/")
        await PortalCheck().look(notebook, HOME)
    assert 0 < notebook.meter.received < 150_000
    assert 0 < notebook.meter.sent < 10_000
    assert () == notebook.observations


async def test_a_name_is_asked_of_the_machines_own_resolver() -> None:
    async with Peer(say(NO_CONTENT)) as peer, DnsServer(lambda question, client: [addresses("127.0.0.1")]) as dns:
        vantage = Vantage(lab=True, system_resolvers=(dns.text,))
        notebook = notebook_for(f"http://check.example:{peer.port}/", vantage=vantage)
        assert False is await PortalCheck().look(notebook, HOME)
        assert ["check.example"] == [question.name for question in dns.questions]


async def test_a_name_that_leads_home_is_not_followed() -> None:
    async with Peer(serve_http()) as peer, DnsServer(lambda question, client: [addresses("127.0.0.1")]) as dns:
        vantage = Vantage(system_resolvers=(dns.text,))
        assert None is await PortalCheck().look(
            notebook_for(f"http://check.example:{peer.port}/", vantage=vantage), HOME
        )
        assert 0 == peer.accepted


@pytest.mark.parametrize("url", ["", "https://check.example/", "nonsense", "http://"])
async def test_without_a_url_nothing_is_asked(url: str) -> None:
    notebook = notebook_for(url)
    assert None is await PortalCheck().look(notebook, HOME)
    assert 0 == notebook.meter.sent


async def test_nothing_is_asked_where_time_does_not_allow_it() -> None:
    async with Peer(serve_http()) as peer:
        notebook = notebook_for(f"http://127.0.0.1:{peer.port}/")
        notebook._end = within(CHECK_S / 2)
        assert None is await PortalCheck().look(notebook, HOME)
        assert 0 == peer.accepted


async def test_an_answer_holds_for_a_minute_on_one_network() -> None:
    clock, check = StoppedClock(), PortalCheck()
    async with Peer(serve_http(redirect)) as peer:
        notebook = notebook_for(f"http://127.0.0.1:{peer.port}/")
        notebook.equipment = replace(notebook.equipment, clock=clock)

        async def asked(network: object = HOME) -> int:
            assert True is await check.look(notebook, network)
            return peer.accepted

        assert 1 == await asked()
        clock.seconds += HOLDS_S - 1
        assert 1 == await asked()
        clock.seconds += 1
        assert 2 == await asked()
        assert 3 == await asked(network=object())


async def test_measurements_that_fail_together_ask_once() -> None:
    check = PortalCheck()
    async with Peer(serve_http(redirect)) as peer:
        notebooks = [notebook_for(f"http://127.0.0.1:{peer.port}/") for _ in range(4)]
        assert [True] * 4 == await asyncio.gather(*(check.look(notebook, HOME) for notebook in notebooks))
        assert 1 == peer.accepted
