"""What an answer is, and that a cluster which has just come up is asked again."""

import json
from pathlib import Path
from typing import Any

import nats
import pytest

from lab.system import free_port
from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import ApiError, NoAnswerError, State
from support.nats import Node

HELD = {"first_seq": 3, "last_seq": 9, "bytes": 700}
FOLLOWERS = [{"name": "n1", "current": False, "active": 123_427_269_786}]


@pytest.mark.parametrize(
    ("cluster", "led"),
    [
        ({}, True),
        ({"cluster": {"name": "lab", "leader": "n0", "replicas": FOLLOWERS}}, True),
        ({"cluster": {"name": "lab", "replicas": FOLLOWERS}}, False),
        ({"cluster": {"name": "lab", "leader": "", "replicas": FOLLOWERS}}, False),
    ],
)
async def test_a_stream_that_nobody_leads_is_as_nobody_knows(
    tmp_path: Path, cluster: dict[str, Any], *, led: bool
) -> None:
    """As nats-server 2.9.10 answers that led it, was cut off, and says so in its log."""
    node = Node(tmp_path, "alone", free_port(), "# without JetStream")
    node.start()
    try:
        client = await nats.connect(f"nats://127.0.0.1:{node.port}", reconnect_time_wait=0.1)

        async def answer(message: Any) -> None:
            await message.respond(json.dumps({"state": HELD} | cluster).encode())

        await client.subscribe("$JS.API.STREAM.INFO.rabta", cb=answer)
        if led:
            assert State(3, 9, 700) == await link.state_of(client, "rabta")
        else:
            with pytest.raises(NoAnswerError, match="nobody leads"):
                await link.state_of(client, "rabta")
        assert link.is_unanswered(client) is not led
        await client.close()
    finally:
        node.kill()


async def test_who_gets_no_answer_asks_again() -> None:
    answers = iter([NoAnswerError("no suitable peers for placement"), NoAnswerError("no leader"), None])

    async def work() -> str:
        if wrong := next(answers):
            raise wrong
        return "made"

    assert "made" == await link.once_up(work)


async def test_an_answer_that_is_no_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Exception] = []

    async def work() -> None:
        asked.append(wrong)
        raise wrong

    wrong: Exception = ApiError(10023, "insufficient resources")
    with pytest.raises(ApiError):
        await link.once_up(work)
    monkeypatch.setattr(link, "START_S", -1.0)
    wrong = NoAnswerError("no leader")
    with pytest.raises(NoAnswerError):
        await link.once_up(work)
    assert len(asked) == 2
