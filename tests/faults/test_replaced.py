"""A machine whose disk is gone: who decides on a new one goes on from where another one was, as the page says."""

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S
from faults.crowd import EACH
from faults.fleet import Fleet, Part, fleet
from faults.gathering import assemble, balance, gather
from faults.rig import TESTS
from faults.test_crowd import RESOLVED, SETTINGS
from faults.truth import ISPS, PLATFORMS, WALLED, Truth, targets_file
from lab.waiting import until
from rabta_collector.checkpoint import read
from rabta_collector.jetstream.place import parse_place
from rabta_collector.rows import open_rows
from support import typed
from support.nats import Nats
from support.programs import require

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

PAGE = TESTS.parent / "deploy" / "scale.md"
AGENTS, RATE, CONTROL_S = 42, 100.0, 0.1
NEVER = (4e9, 5e9)
FILES = {"checkpoint", "record.sqlite"}


async def verdicts(part: Part) -> dict[tuple[str, str], str]:
    rows = json.loads((await part.ask("api/v1/verdicts")).text)["verdicts"]
    return {(row["platform"], row["isp"]): row["state"] for row in rows}


async def events(part: Part) -> list[dict[str, object]]:
    return list(json.loads((await part.ask("api/v1/events?limit=1000")).text)["events"])


def hand_on(system: Fleet, old: Part, new: Part) -> int:
    """What the page has one type on the machine that lives, has it go over; the row its checkpoint goes to."""
    handed = system.root / "handed"
    places = {"/var/lib/rabta-handed": str(handed), "/var/lib/rabta-decide": str(old.data)}
    typed.type_in(typed.commands(PAGE, "Replacing a machine", 0, places))
    assert FILES == {file.name for file in handed.iterdir()}
    handed.rename(new.data)
    kept = read(new.data / "checkpoint")
    assert kept is not None
    return kept.head.row


def last_row(system: Fleet) -> int:
    with closing(open_rows(system.journal)) as rows:
        return rows.last_position()[0]


def told(part: Part, event: str) -> list[dict[str, int]]:
    """Lines of its log."""
    lines = part.program.log.read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, (one for one in lines if one[:1] == "{")) if line.get("event") == event]


async def test_who_starts_on_a_new_machine_goes_on_from_where_another_one_was(tmp_path: Path) -> None:
    require("sqlite3", "sqlite3")
    async with (
        Nats(tmp_path).running() as nats,
        fleet(tmp_path, parse_place(nats.url()), ingests=1, settings=SETTINGS) as system,
    ):
        system.targets.write_text(targets_file(), encoding="utf-8")
        credentials, (old, new) = assemble(system, AGENTS), system.decides
        for part in (*system.ingests, old):
            await part.start()
        pace = (EACH * AGENTS / RATE, CONTROL_S)
        crowd = gather(system, credentials, pace=pace, begin=time.time() + 1.0, truth=Truth(blocked=NEVER))
        await crowd.program.start()
        right = {(one, isp): "blocked" if one in WALLED else "reachable" for one in PLATFORMS for isp in ISPS}

        async def decided() -> bool:
            return await verdicts(old) == right

        await until(decided, within=PATIENCE_S, beat=0.5)
        seen = await events(old)
        handed = await asyncio.to_thread(hand_on, system, old, new)
        await crowd.goes_on()
        old.program.kill()
        await old.program.ended()
        await new.start()
        (taken_up,), (replayed,) = told(new, "checkpoint.taken_up"), told(new, "replay.done")
        assert 0 < handed == taken_up["row"]
        assert replayed["rows"] <= await asyncio.to_thread(last_row, system) - handed
        assert seen == (await events(new))[: len(seen)]
        assert right == await verdicts(new)
        assert new is await system.ruler()
        found = await balance(await crowd.end(), system.journal)
        operations = RESOLVED * found.of_probes

        async def counted() -> bool:
            return operations == await new.sum_of("rabta_measurements_total", step="dns")

        await until(counted, within=PATIENCE_S, beat=0.5)
