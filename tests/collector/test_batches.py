"""Recorded measurements come to the same events whether they are read as a batch, with what is known of others like
them, or each by itself and all of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import record
from bench.load import Maker
from bench.stand import targets_file
from rabta_collector.engine import Engine
from rabta_collector.entries import Measured
from rabta_collector.isps import load_isps
from rabta_collector.judging import read_batch
from rabta_collector.state import Event
from rabta_collector.targets import load_catalogue
from rabta_proto.codec import from_numbers
from rabta_proto.model import Measurement
from rabta_proto.v1.collector_pb2 import SessionRequest
from rabta_proto.v1.measurement_pb2 import Measurement as Message
from rabta_proto.vocabulary import Role, State

NOW, ROUNDS, ROUND_S = 1_800_000_000.0, 12, 20.0
AGENTS = [(f"{isp}{number}", isp, Role.PROBE) for isp in ("ptcl", "zong") for number in range(3)]
CREW = [*AGENTS, ("c0", "", Role.CONTROL), ("c1", "", Role.CONTROL)]


def cut(message: Message) -> Message:
    """Nobody answers its first connection, three times."""
    found, cut_at = Message(), next(n for n, one in enumerate(message.observations) if one.HasField("tcp"))
    found.CopyFrom(message)
    del found.observations[cut_at:]
    for attempt in (1, 2, 3):
        seen = found.observations.add()
        seen.CopyFrom(message.observations[cut_at])
        seen.attempt, seen.failure = attempt, "generic_timeout_error"
    return found


def entries() -> Iterator[Measured]:
    """What agents measure of the recorded targets; at one ISP one platform is cut off for a while."""
    told = record.load().measurements
    for number in range(ROUNDS):
        for place, (agent, isp, role) in enumerate(CREW):
            at = NOW + number * ROUND_S + place
            ours = [one for one in told if bool(one.network.isp) is (role is Role.PROBE)]
            blocked = isp == "ptcl" and 3 <= number < 8
            seen = [cut(one) if blocked and one.platform == "x" else one for one in ours]
            maker = Maker(number * len(CREW) + place, seen, began_us=int((at - 5) * 1e6))
            batch = SessionRequest.FromString(next(maker.batches(len(seen), 1))).batch
            for sequence, message in enumerate(batch.measurements, number * len(seen) + 1):
                message.epoch, message.sequence = place + 1, sequence
            came = read_batch(batch.SerializeToString())
            measurements = tuple(from_numbers(one.numbers, one.raw, one.key) for one in came)
            yield Measured(at=at, agent=agent, isp=isp, role=role, measurements=measurements)


def by_itself(measurement: Measurement) -> Measurement:
    """The same, of which nothing is known but what it says."""
    return replace(measurement)


def test_events_and_counts_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text(targets_file(), encoding="utf-8")
    catalogue = load_catalogue(tmp_path / "targets.toml")
    batched, single = (Engine(catalogue, load_isps(None)) for _ in range(2))
    events: tuple[list[Event], list[Event]] = ([], [])
    for entry in entries():
        assert all(one.alike is not None for one in entry.measurements)
        alone = replace(entry, measurements=tuple(map(by_itself, entry.measurements)))
        assert entry == alone
        assert all(one.alike is None for one in alone.measurements)
        for engine, taken, told in zip((batched, single), (entry, alone), events, strict=True):
            engine.apply(taken)
            told += engine.advance(entry.at + 0.5)
        assert batched.snapshot() == single.snapshot()
    assert events[0] == events[1]
    turns = [(event.isp, event.to_state) for event in events[0] if event.platform == "x"]
    assert {("ptcl", State.BLOCKED), ("ptcl", State.REACHABLE), ("zong", State.REACHABLE)} == set(turns)
