"""What a session learns of the clock: only from the answer to its own last question."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from rabta_agent.clockwatch import Clocks, Offset
from rabta_agent.timekeeping import Timekeeper
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as wire

NOW = to_timestamp(datetime(2026, 1, 2, tzinfo=UTC))
WALL_US = NOW.seconds * 1_000_000


@dataclass(slots=True)
class Clocked:
    """A spool of which only the clocks are asked; a question takes 200 ms."""

    learned: list[Offset] = field(default_factory=list)
    asked: int = 0

    def clocks(self) -> Clocks:
        self.asked += 1
        return Clocks(wall_us=WALL_US + 200_000 * self.asked, steady_us=200_000 * self.asked)

    async def learn(self, offset: Offset) -> None:
        self.learned.append(offset)


def make() -> tuple[Timekeeper, Clocked]:
    spool = Clocked()
    return Timekeeper(spool), spool  # type: ignore[arg-type] # as much of a spool as is asked


async def test_a_welcome_tells_how_far_the_clock_is_off() -> None:
    keeper, spool = make()
    keeper.ask()
    await keeper.hear_welcome(wire.Welcome(now=Timestamp(seconds=NOW.seconds + 3600)))
    assert [Offset(offset_us=3_600_000_000 - 300_000, error_us=100_000, steady_us=400_000)] == spool.learned


async def test_the_answer_to_the_last_heartbeat_does_so_once() -> None:
    keeper, spool = make()
    keeper.ask(NOW)
    for _ in range(2):
        await keeper.hear(wire.HeartbeatAnswer(agent_now=NOW, now=NOW))
    assert 1 == len(spool.learned)


async def test_an_answer_to_another_question_tells_nothing() -> None:
    keeper, spool = make()
    await keeper.hear_welcome(wire.Welcome(now=NOW))
    keeper.ask(NOW)
    await keeper.hear(wire.HeartbeatAnswer(agent_now=Timestamp(seconds=5), now=NOW))
    await keeper.hear_welcome(wire.Welcome(now=NOW))
    assert [] == spool.learned


async def test_a_collector_that_does_not_tell_the_time_tells_nothing() -> None:
    keeper, spool = make()
    keeper.ask()
    await keeper.hear_welcome(wire.Welcome())
    assert [] == spool.learned
