"""Agents' calls by POST: the answers of gRPC, refusals that name their reason, and no body that fills the memory."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from rabta_collector.admit import MAX_MESSAGE_BYTES
from rabta_collector.post import CONTENT_TYPE, AbortedError, unfold
from rabta_proto.v1 import collector_pb2 as link
from support.collector_server import Agent, Server, batch, outcomes

EXCHANGE = link.ExchangeRequest(
    requests=[link.SessionRequest(hello=link.Hello(epoch=7)), link.SessionRequest(batch=batch(1, 2))]
).SerializeToString()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(tmp_path / "data").running() as running:
        yield running


async def post(
    server: Server, name: str, body: bytes, *, content_type: str = CONTENT_TYPE, **headers: str
) -> tuple[int, bytes]:
    url = f"http://{server.web.endpoint}/rabta.v1.Collector/{name}"
    headers = {"Content-Type": content_type, **{key.replace("_", "-"): value for key, value in headers.items()}}
    async with aiohttp.ClientSession() as session, session.post(url, data=BytesIO(body), headers=headers) as answer:
        return answer.status, await answer.read()


def bearer(agent: Agent) -> str:
    return str(dict(agent.credential)["authorization"])


def error(body: bytes) -> tuple[str, str]:
    table = json.loads(body)["error"]
    return table["code"], table["message"]


async def test_an_agent_joins_measures_and_leaves(server: Server) -> None:
    request = link.EnrollRequest(invite_token=server.invite(), agent_version="0.1.0")
    status, body = await post(server, "Enroll", request.SerializeToString())
    enrolment = link.EnrollResponse.FromString(body)
    assert (200, "ptcl") == (status, enrolment.isp)
    credential = f"Bearer {enrolment.agent_id}.{enrolment.secret}"
    status, body = await post(server, "Exchange", EXCHANGE, authorization=credential)
    acks = [one.ack for one in link.ExchangeResponse.FromString(body).responses if one.HasField("ack")]
    assert (200, {1: 1, 2: 1}) == (status, outcomes(acks[0]))
    assert (200, b"") == await post(server, "Leave", b"", authorization=credential)
    status, body = await post(server, "Exchange", EXCHANGE, authorization=credential)
    assert (401, ("unauthenticated", "the credential was revoked")) == (status, error(body))


async def test_a_body_may_be_gzip(server: Server) -> None:
    credential = bearer(await server.join())
    status, body = await post(
        server, "Exchange", gzip.compress(EXCHANGE), authorization=credential, Content_Encoding="gzip"
    )
    assert (200, True) == (status, bool(link.ExchangeResponse.FromString(body).responses))


async def test_a_wrong_invitation_is_refused_with_its_reason(server: Server) -> None:
    status, body = await post(server, "Enroll", link.EnrollRequest(invite_token="rabta-0-0").SerializeToString())
    assert (403, ("permission_denied", "the invitation is not known here")) == (status, error(body))


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, {"content_type": "text/plain"}, EXCHANGE),
        (400, {"Content_Encoding": "br"}, EXCHANGE),
        (400, {"Content_Encoding": "gzip"}, b"no gzip at all" + bytes(4)),
        (429, {}, b"\0" * (MAX_MESSAGE_BYTES + 1)),
        (429, {"Content_Encoding": "gzip"}, gzip.compress(b"\0" * (MAX_MESSAGE_BYTES + 1))),
    ],
)
async def test_what_is_refused_is_refused_by_status(
    server: Server, status: int, headers: dict[str, str], body: bytes
) -> None:
    got, answer = await post(server, "Exchange", body, authorization=bearer(await server.join()), **headers)
    assert status == got
    assert all(error(answer))


@pytest.mark.parametrize(("name", "status"), [("Exchange", 401), ("Leave", 401), ("Enroll", 429)])
async def test_of_a_stranger_little_is_read(server: Server, name: str, status: int) -> None:
    got, answer = await post(server, name, bytes(MAX_MESSAGE_BYTES))
    assert status == got
    assert all(error(answer))


async def test_a_stranger_who_says_how_much_there_is_to_come_is_answered_at_once(server: Server) -> None:
    head = f"POST /rabta.v1.Collector/Exchange HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
    reader, writer = await asyncio.open_connection(server.web.endpoint.host, server.web.endpoint.port)
    writer.write(f"{head}Content-Length: 1000000\r\n\r\nhalf".encode())
    assert b"401" in await reader.readline()
    writer.close()


async def test_one_body_of_an_agent_is_read_at_a_time_and_the_older_gives_way(server: Server) -> None:
    credential = bearer(await server.join())
    head = f"POST /rabta.v1.Collector/Exchange HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
    reader, writer = await asyncio.open_connection(server.web.endpoint.host, server.web.endpoint.port)
    writer.write(f"{head}Authorization: {credential}\r\nContent-Length: 1000000\r\n\r\nhalf".encode())
    await writer.drain()
    while True:  # until the first is being read, a second one does not find it there
        assert 200 == (await post(server, "Exchange", EXCHANGE, authorization=credential))[0]
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                assert b"408" in await reader.readline()
                break
    writer.close()


async def test_what_is_not_readable_is_said_to_whom_it_concerns(server: Server) -> None:
    status, body = await post(server, "Exchange", b"\x0a\xff", authorization=bearer(await server.join()))
    assert (400, "a message cannot be read") == (status, error(body)[1])


async def test_nothing_is_taken_before_the_collector_is_ready(server: Server) -> None:
    credential = bearer(await server.join())
    server.ready = False
    assert 503 == (await post(server, "Exchange", EXCHANGE, authorization=credential))[0]


def test_a_bomb_is_refused_by_what_it_declares_before_anything_is_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024), compresslevel=9)
    assert len(bomb) < 100_000
    monkeypatch.setattr("rabta_collector.post.zlib.decompressobj", lambda _: pytest.fail("unfolds it"))
    with pytest.raises(AbortedError, match="at most"):
        unfold(bomb)


def test_a_bomb_that_lies_about_its_size_is_refused_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024))[:-4] + b"\1\0\0\0"
    unfolded: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, *settings: int) -> None:
            self._real = real(*settings)
            self.eof, self.unused_data = False, b""

        def decompress(self, data: bytes, most: int) -> bytes:
            unfolded.append(len(found := self._real.decompress(data, most)))
            return found

    monkeypatch.setattr("rabta_collector.post.zlib.decompressobj", Watched)
    with pytest.raises(AbortedError, match="at most"):
        unfold(bomb)
    assert [MAX_MESSAGE_BYTES + 1] == unfolded


@pytest.mark.parametrize(
    "body", [gzip.compress(b"whole", mtime=0)[:-9], gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)]
)
def test_half_a_body_or_two_are_refused(body: bytes) -> None:
    with pytest.raises(AbortedError):
        unfold(body)
