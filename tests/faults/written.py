"""A journal of any length, written directly in big groups, as a country of agents would have filled it."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

from fuzz.mutation import varint

from rabta_collector import journal_file
from rabta_collector.journal_file import Kind, Row
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire
from support.factories import NOON, RESET, tls_trouble, works

AGENTS, BATCH, GROUP = 60, 10, 500
PACE_S = 0.5  # between two batches
ISPS = ("ptcl", "nayatel", "jazz")
EPOCH = 7


def write_journal(path: Path, measurements: int, dice: Random) -> int:
    """Makes a journal of so many measurements of X; how many rows that is."""
    journal_file.prepare(path)
    rows, last = _rows(-(-measurements // BATCH), dice), 0
    with closing(journal_file.connect(path)) as connection:
        while group := list(islice(rows, GROUP)):
            journal_file.append(connection, last, group)
            last += len(group)
    return last


def _rows(batches: int, dice: Random) -> Iterator[Row]:
    stories = [_untimed(told.measurement(at=NOON)) for told in (works(), works(), works(), tls_trouble(RESET))]
    for number in range(batches):
        turn, agent = divmod(number, AGENTS)
        control, at = agent % 10 == 0, NOON + number * PACE_S
        payload = bytearray()
        for place in range(BATCH):
            key = wire.Measurement(epoch=EPOCH, sequence=turn * BATCH + place + 1)
            key.started_at.FromMicroseconds(int((at - (BATCH - place)) * 1_000_000))
            # The bytes of two messages, one after the other, are those of both merged.
            one = dice.choice(stories[:1] if control else stories) + key.SerializeToString()
            payload += b"\x0a" + varint(len(one)) + one
        yield Row(
            0,
            Kind.MEASURED,
            int(at * 1_000_000),
            f"agent-{agent}",
            "" if control else ISPS[agent % len(ISPS)],
            "control" if control else "probe",
            EPOCH,
            turn * BATCH + 1,
            turn * BATCH + BATCH,
            BATCH,
            bytes(payload),
        )


def _untimed(measurement: Measurement) -> bytes:
    """What many measurements have in common."""
    message = to_message(measurement)
    message.ClearField("started_at")
    return message.SerializeToString()
