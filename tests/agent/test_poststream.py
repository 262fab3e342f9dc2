"""A session's messages in calls: each once, in order, the Hello in every call, and no answer lost between reads."""

import asyncio

import grpc
import pytest

from rabta_agent.post import CallError
from rabta_agent.poststream import MAX_REQUEST_BYTES, MAX_REQUESTS, PostStream
from rabta_agent.stream import RefusedError, SessionEndedError
from rabta_proto.v1 import collector_pb2 as wire

HELLO = wire.SessionRequest(hello=wire.Hello(epoch=7))


class FakeLink:
    """Answers each call with a welcome and an acknowledgement for each batch, once it is let go."""

    def __init__(self) -> None:
        self.calls: list[wire.ExchangeRequest] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failure: CallError | None = None
        self.closed = False

    async def call(self, name: str, message: bytes, authorization: str = "") -> bytes:
        assert ("Exchange", "Bearer a.s") == (name, authorization)
        request = wire.ExchangeRequest.FromString(message)
        self.calls.append(request)
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        answers = [wire.SessionResponse(welcome=wire.Welcome(heartbeat_interval_s=1))]
        answers += [
            wire.SessionResponse(ack=wire.Ack(epoch=one.batch.measurements[0].epoch)) for one in batches(request)
        ]
        return wire.ExchangeResponse(responses=answers).SerializeToString()

    def close(self) -> None:
        self.closed = True


def batches(request: wire.ExchangeRequest) -> list[wire.SessionRequest]:
    return [one for one in request.requests if one.WhichOneof("message") == "batch"]


def batch(epoch: int, size: int = 0) -> wire.SessionRequest:
    message = wire.SessionRequest()
    message.batch.measurements.add(epoch=epoch, target="x" * size)
    return message


async def opened(link: FakeLink) -> PostStream:
    stream = PostStream(link, "Bearer a.s")  # type: ignore[arg-type] # what it uses of a link
    await stream.write(HELLO)
    assert "welcome" == (await stream.read()).WhichOneof("message")
    return stream


async def test_every_call_begins_with_the_hello_and_only_the_first_welcome_is_heard() -> None:
    link = FakeLink()
    stream = await opened(link)
    for number in (1, 2):
        await stream.write(batch(number))
        assert number == (await stream.read()).ack.epoch
    await stream.close()
    assert [HELLO] * 3 == [call.requests[0] for call in link.calls]
    assert link.closed


async def test_what_is_written_during_a_call_goes_with_the_next_in_order() -> None:
    link = FakeLink()
    stream = await opened(link)
    link.go.clear()
    for number in range(1, 6):
        await stream.write(batch(number))
        await asyncio.sleep(0)
    link.go.set()
    assert [1, 2, 3, 4, 5] == [(await stream.read()).ack.epoch for _ in range(5)]
    await stream.close()
    assert len(link.calls) <= 3


async def test_a_call_is_bounded_and_so_is_what_waits() -> None:
    link = FakeLink()
    stream = await opened(link)
    link.go.clear()
    writing = asyncio.create_task(write_all(stream, [batch(number, 200_000) for number in range(1, 201)]))
    await asyncio.sleep(0.05)
    assert not writing.done()  # what waits is bounded, too
    link.go.set()
    assert list(range(1, 201)) == [(await stream.read()).ack.epoch for _ in range(200)]
    await writing
    await stream.close()
    assert max(len(call.requests) for call in link.calls) <= MAX_REQUESTS + 1
    assert max(call.ByteSize() for call in link.calls) <= MAX_REQUEST_BYTES + 200_000


async def write_all(stream: PostStream, requests: list[wire.SessionRequest]) -> None:
    for request in requests:
        await stream.write(request)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(grpc.StatusCode.UNAUTHENTICATED, RefusedError), (grpc.StatusCode.UNAVAILABLE, SessionEndedError)],
)
async def test_a_call_that_fails_ends_the_stream_for_its_reader(code: grpc.StatusCode, kind: type[Exception]) -> None:
    link = FakeLink()
    stream = await opened(link)
    link.failure = CallError(code, "why")
    await stream.write(batch(1))
    for _ in range(2):  # and says so again
        with pytest.raises(kind, match="why"):
            await stream.read()
    await stream.write(batch(2))  # is told by the reader alone
    await stream.close()


async def test_closing_ends_a_call_that_is_on_its_way() -> None:
    link = FakeLink()
    stream = await opened(link)
    link.go.clear()
    await stream.write(batch(1))
    async with asyncio.timeout(30):
        while len(link.calls) < 2:  # noqa: ASYNC110 - a test has no event to wait for
            await asyncio.sleep(0.001)
        await stream.close()
    with pytest.raises(SessionEndedError):
        await stream.read()
