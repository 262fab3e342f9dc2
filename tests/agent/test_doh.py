import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from rabta_agent.network import Vantage
from rabta_agent.probes import tls
from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.step import Outcome, Scene
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import DnsTransport
from support.dns_server import DnsQuestion, DnsReply, addresses, cut_short, nxdomain, raw, read_question, to_wire
from support.peers import (
    Authority,
    Call,
    Peer,
    Script,
    close_after_hello,
    free_port,
    reset_after_hello,
    response,
    serve_doh,
    serve_https,
    silence,
)
from support.scenes import make_contexts, make_scene, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
SERVER = AUTHORITY.server("127.0.0.1", "doh.example")
X = Question(hostname="x.com", type="A")


def say(*replies: DnsReply) -> Script:
    return serve_doh(SERVER, lambda question, client: replies)


async def look_up(scene: Scene, host: str, deadline: float) -> tuple[str, ...]:
    return ("127.0.0.1",) if host == "doh.example" else ()


@asynccontextmanager
async def client() -> AsyncIterator[DohClient]:
    doh = DohClient(CONTEXTS, look_up)
    try:
        yield doh
    finally:
        await doh.close()


def url_of(peer: Peer, host: str = "127.0.0.1") -> str:
    return f"https://{host}:{peer.port}/dns-query"


async def ask(script: Script, seconds: float = 5.0) -> tuple[Outcome[tuple[str, ...]], DnsQuery]:
    """One query to one resolver."""
    async with Peer(script) as peer, client() as doh:
        outcome = await doh.query(make_scene(), url_of(peer), X, within(seconds))
    assert isinstance(outcome.observation.detail, DnsQuery)
    return outcome, outcome.observation.detail


async def test_an_answer_is_its_addresses_and_names_the_resolver() -> None:
    outcome, seen = await ask(say(addresses("104.244.42.1")))
    assert (("104.244.42.1",), 0, "doh") == (outcome.value, seen.rcode, seen.resolver_kind)
    assert seen.resolver.endswith("/dns-query")


async def test_what_carried_the_query_is_said() -> None:
    _, seen = await ask(say(cut_short("104.244.42.1")))
    assert (DnsTransport.HTTPS, True) == (seen.transport, seen.truncated)


async def test_nxdomain_is_an_answer_too() -> None:
    outcome, seen = await ask(say(nxdomain()))
    assert ("dns_nxdomain_error", 3) == (outcome.observation.failure, seen.rcode)


@pytest.mark.parametrize(
    ("script", "failure", "detail"),
    [
        (reset_after_hello, "connection_reset", "ECONNRESET"),
        (close_after_hello, "eof_error", ""),
        (say(), "dns_server_misbehaving", "HTTP 500"),
        (say(raw(b"junk")), "dns_server_misbehaving", "ShortHeader"),
        (serve_https(AUTHORITY.server("other.example")), "ssl_invalid_hostname", "verify 64"),
        (serve_https(Authority().server("127.0.0.1")), "ssl_unknown_authority", None),
        (serve_https(SERVER, lambda request, body: b"HTTP/9 what\r\n\r\n"), "http_invalid_response", None),
        (serve_https(SERVER, lambda request, body: response(b"x" * 70_000)), "dns_server_misbehaving", "too long"),
    ],
    ids=["rst", "fin", "http error", "garbage", "wrong name", "foreign certificate", "no http", "endless"],
)
async def test_each_failure_keeps_its_own_name(script: Script, failure: str, detail: str | None) -> None:
    outcome, seen = await ask(script)
    assert (failure, None, None) == (outcome.observation.failure, outcome.value, seen.rcode)
    assert detail is None or detail == outcome.observation.failure_detail


async def test_silence_is_our_deadline() -> None:
    assert "generic_timeout_error" == (await ask(silence, 0.05))[0].observation.failure


async def test_the_answer_to_another_question_is_none() -> None:
    def lie(question: DnsQuestion, client: str) -> Sequence[DnsReply]:
        return [
            raw(question.query.to_wire().replace(b"\x01x", b"\x01y").replace(b"\x01\x00\x00\x01", b"\x81\x80\x00\x01"))
        ]

    assert "dns_server_misbehaving" == (await ask(serve_doh(SERVER, lie)))[0].observation.failure


@pytest.mark.parametrize("url", ["http://127.0.0.1/dns-query", "1.1.1.1", "https://", "udp://1.1.1.1"])
async def test_what_is_no_https_url_is_no_resolver(url: str) -> None:
    async with client() as doh:
        outcome = await doh.query(make_scene(), url, X, within())
    assert "dns_no_resolver" == outcome.observation.failure


async def test_a_resolver_at_a_special_address_is_not_dialled() -> None:
    async with Peer(silence) as peer, client() as doh:
        for host in ("127.0.0.1", "doh.example"):
            outcome = await doh.query(make_scene(Vantage()), url_of(peer, host), X, within())
            assert "special_address" == outcome.observation.failure
        assert 0 == peer.accepted


async def test_a_resolver_known_by_name_is_looked_up_and_verified_by_it() -> None:
    async with Peer(say(addresses("104.244.42.1"))) as peer, client() as doh:
        assert ("104.244.42.1",) == (await doh.query(make_scene(), url_of(peer, "doh.example"), X, within())).value
        lost = await doh.query(make_scene(), url_of(peer, "gone.example"), X, within())
    assert "dns_no_answer" == lost.observation.failure


async def test_a_connection_is_kept_and_the_second_query_costs_less() -> None:
    async with Peer(say(addresses("104.244.42.1"))) as peer, client() as doh:
        first, second = make_scene(), make_scene()
        await doh.query(first, url_of(peer), X, within())
        await doh.query(second, url_of(peer), X, within())
        assert 1 == peer.accepted
    assert second.meter.received * 2 < first.meter.received


async def test_a_connection_is_kept_for_however_many_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on an answer is none on the connection."""
    monkeypatch.setattr(tls, "_RECORDS_LIMIT", 2_000)
    async with Peer(say(addresses("104.244.42.1"))) as peer, client() as doh:
        scene = make_scene()
        outcomes = [await doh.query(scene, url_of(peer), X, within()) for _ in range(30)]
        assert 1 == peer.accepted
    assert {("104.244.42.1",)} == {outcome.value for outcome in outcomes}
    assert scene.meter.received > 4_000


@pytest.mark.parametrize("end", ["fin", "rst"])
async def test_a_kept_connection_that_has_died_is_replaced_within_the_query(end: str) -> None:
    answered = asyncio.Event()

    async def answer_once(call: Call) -> None:
        secure = await call.secure(SERVER)
        _, _, body = (await secure.receive()).partition(b"\r\n\r\n")
        question = read_question(body)
        assert question is not None
        reply = to_wire(addresses("104.244.42.1"), question)
        await secure.send(response(reply))
        await answered.wait()
        if end == "rst":
            call.reset()

    async with Peer(answer_once) as peer, client() as doh:
        await doh.query(make_scene(), url_of(peer), X, within())
        answered.set()
        again = await doh.query(make_scene(), url_of(peer), X, within())
        assert (("104.244.42.1",), 2) == (again.value, peer.accepted)


async def test_a_new_connection_resumes_the_session_and_costs_less() -> None:
    async with Peer(say(addresses("104.244.42.1"))) as peer, client() as doh:
        first, second = make_scene(), make_scene()
        await doh.query(first, url_of(peer), X, within())
        await doh.close()
        await doh.query(second, url_of(peer), X, within())
        assert 2 == peer.accepted
    assert second.meter.received < first.meter.received - 300


@pytest.mark.parametrize("length", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"])
async def test_an_answer_without_end_costs_no_more_than_the_limit(length: bytes) -> None:
    async def script(call: Call) -> None:
        to = await call.secure(SERVER)
        await to.receive()
        await to.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        while True:
            await to.send(b"3e8\r\n" + bytes(1_000) + b"\r\n")

    scene = make_scene()
    async with Peer(script) as peer, client() as doh:
        outcome = await doh.query(scene, url_of(peer), X, within())
    assert "dns_server_misbehaving" == outcome.observation.failure
    assert scene.meter.received < 64 * 1024


async def test_the_resolver_that_answered_last_is_asked_first() -> None:
    async with Peer(say(addresses("104.244.42.1"))) as peer, client() as doh:
        dead, good = f"https://127.0.0.1:{free_port()}/", url_of(peer)
        assert (dead, good) == doh.in_order((dead, good))
        await doh.query(make_scene(), good, X, within())
        assert (good, dead) == doh.in_order((dead, good))
