"""A journal of any length, written directly in big groups, as a country of agents would have filled it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from fuzz.mutation import varint
from rabta_collector import journal_file
from rabta_collector.journal_file import Kind, Row
from rabta_proto.codec import to_message
from rabta_proto.v1 import measurement_pb2 as wire
from support.factories import NOON, RESET, Story, tls_trouble, works

AGENTS, BATCH, GROUP = 60, 10, 500
PACE_S = 5.0  # between two batches: every five minutes one of each agent, two months for ten million measurements
SPELL_S = 3600.0  # for which an ISP lets a site through, or does not
BLOCKED = 0.05  # share of the spells
SITES = 2 * BATCH
ISPS = ("ptcl", "nayatel", "jazz")
EPOCH = 7


def targets() -> str:
    """The targets file of what is in it."""
    return "".join(
        f'[[platform]]\nid = "{name}"\nname = "{name}"\ncategory = "SOCIAL"\n'
        f'[[platform.target]]\nurl = "https://{name}.example/"\n'
        for name in map(_name, range(SITES))
    )


def write_journal(path: Path, measurements: int, dice: Random) -> int:
    """Makes a journal of so many measurements of twenty sites; how many rows that is."""
    journal_file.prepare(path)
    rows, last = _rows(-(-measurements // BATCH), dice), 0
    with closing(journal_file.connect(path)) as connection:
        while group := list(islice(rows, GROUP)):
            journal_file.append(connection, last, group)
            last += len(group)
    return last


def _rows(batches: int, dice: Random) -> Iterator[Row]:
    open_, blocked = [_stories(SITES, told) for told in (works, partial(tls_trouble, RESET))]
    cut: set[tuple[str, int]] = set()
    spell = -1
    for number in range(batches):
        turn, agent = divmod(number, AGENTS)
        after_s = number * PACE_S
        if spell != (spell := int(after_s // SPELL_S)):
            cut = {(isp, site) for isp in ISPS for site in range(SITES) if dice.random() < BLOCKED}
        isp = "" if agent % 20 == 0 else ISPS[agent % len(ISPS)]
        payload = bytearray()
        for place in range(BATCH):
            site = turn % 2 * BATCH + place
            key = wire.Measurement(epoch=EPOCH, sequence=turn * BATCH + place + 1)
            key.started_at.FromMicroseconds(int((NOON + after_s - (BATCH - place)) * 1_000_000))
            # The bytes of two messages, one after the other, are those of both merged.
            one = (blocked if (isp, site) in cut else open_)[site] + key.SerializeToString()
            payload += b"\x0a" + varint(len(one)) + one
        yield Row(
            0,
            Kind.MEASURED,
            int((NOON + after_s) * 1_000_000),
            f"agent-{agent}",
            isp,
            "probe" if isp else "control",
            EPOCH,
            turn * BATCH + 1,
            turn * BATCH + BATCH,
            BATCH,
            bytes(payload),
        )


def _name(site: int) -> str:
    return f"site-{site}"


def _stories(count: int, told: Callable[..., Story]) -> list[bytes]:
    """What the measurements of each site have in common."""
    found = []
    for site in range(count):
        name = f"{_name(site)}.example"
        message = to_message(told(target=f"https://{name}/", name=name).measurement(at=NOON, platform=_name(site)))
        message.ClearField("started_at")
        found.append(message.SerializeToString())
    return found
