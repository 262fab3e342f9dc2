import pytest
from h2.connection import H2Connection

from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.step import Outcome, Scene
from support.dns_server import addresses
from support.http2 import Respond, http2_context, reply, resolve, serve_http2
from support.peers import Authority, Peer, Script
from support.scenes import make_contexts, make_scene, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
SERVER = http2_context(AUTHORITY, "127.0.0.1")
X = Question(hostname="x.com", type="A")
HONEST = resolve(lambda question, client: [addresses("104.244.42.1")])


async def look_up(scene: Scene, host: str, deadline: float) -> tuple[str, ...]:
    return ()


async def ask(script: Script, times: int = 1) -> tuple[list[Outcome[tuple[str, ...]]], int]:
    """Queries one after another; what came of each, and how many connections they took."""
    client = DohClient(CONTEXTS, look_up)
    async with Peer(script) as peer:
        url = f"https://127.0.0.1:{peer.port}/dns-query"
        outcomes = [await client.query(make_scene(), url, X, within()) for _ in range(times)]
        await client.close()
        return outcomes, peer.accepted


async def test_a_resolver_that_speaks_http_2_alone_is_understood() -> None:
    (outcome,), _ = await ask(serve_http2(SERVER, HONEST))
    assert (("104.244.42.1",), None) == (outcome.value, outcome.observation.failure)


async def test_queries_share_one_connection() -> None:
    outcomes, accepted = await ask(serve_http2(SERVER, HONEST), times=3)
    assert ([("104.244.42.1",)] * 3, 1) == ([outcome.value for outcome in outcomes], accepted)


def goes_away(connection: H2Connection, stream: int, body: bytes) -> None:
    HONEST(connection, stream, body)
    connection.close_connection(last_stream_id=stream)


async def test_a_resolver_that_goes_away_is_asked_on_a_new_connection() -> None:
    outcomes, accepted = await ask(serve_http2(SERVER, goes_away), times=2)
    assert ([("104.244.42.1",)] * 2, 2) == ([outcome.value for outcome in outcomes], accepted)


def refuses(connection: H2Connection, stream: int, body: bytes) -> None:
    connection.close_connection(last_stream_id=0)


def resets(connection: H2Connection, stream: int, body: bytes) -> None:
    connection.reset_stream(stream)


def is_endless(connection: H2Connection, stream: int, body: bytes) -> None:
    for _ in range(9_000):
        connection.ping(b"12345678")


@pytest.mark.parametrize(
    ("respond", "failure", "detail"),
    [
        (refuses, "eof_error", ""),
        (resets, "dns_server_misbehaving", "stream reset"),
        (is_endless, "http_invalid_response", "too long"),
        (lambda connection, stream, body: reply(connection, stream, b"", "503"), "dns_server_misbehaving", "HTTP 503"),
        (lambda connection, stream, body: reply(connection, stream, b"junk"), "dns_server_misbehaving", "ShortHeader"),
    ],
    ids=["goes away", "resets the stream", "endless", "http error", "no dns message"],
)
async def test_each_failure_keeps_its_own_name(respond: Respond, failure: str, detail: str) -> None:
    (outcome,), _ = await ask(serve_http2(SERVER, respond))
    assert (failure, detail) == (outcome.observation.failure, outcome.observation.failure_detail)


async def test_bytes_that_are_no_http_2_are_an_invalid_response() -> None:
    async def script(call: object) -> None:
        secure = await call.secure(SERVER)  # type: ignore[attr-defined]
        await secure.receive()
        await secure.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        await secure.receive()

    (outcome,), _ = await ask(script)
    assert "http_invalid_response" == outcome.observation.failure
