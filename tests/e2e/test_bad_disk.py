"""The disk damages a spool under a running agent: what can be read arrives, what cannot is counted, and it goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from rabta_agent.endpoint import Endpoint
from rabta_agent.line import Road
from support.collector_server import Server, journaled
from support.linked import Linked

COUNT = 600


def damage(path: Path) -> None:
    """In the midst of the file, as it is on the disk."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xa5" * 4096)


async def test_a_spool_that_is_damaged_under_a_running_agent_is_opened_anew(tmp_path: Path) -> None:
    async with Server(tmp_path / "data", lab=True).running() as server:
        credential = dict((await server.join()).credential)["authorization"]
        endpoint = Endpoint(host="127.0.0.1", port=server.listener.endpoint.port, tls=False)
        agent = Linked(tmp_path / "home", str(credential), [endpoint], Road())
        await agent.measure(COUNT)
        epoch = agent.spool.counts.epoch
        damage(agent.file)
        async with agent.running():
            await agent.delivered()
            await agent.measure(5)
            await agent.delivered()
        counts = agent.spool.counts
    assert 1 == agent.spool.age
    found = sorted(number for _, of, number in journaled(tmp_path / "data" / "journal.sqlite") if of == epoch)
    anew = [number for _, of, number in journaled(tmp_path / "data" / "journal.sqlite") if of == counts.epoch]
    assert len(found) == len(set(found))
    assert sorted(anew) == [1, 2, 3, 4, 5]
    assert 0 < len(found) < COUNT
    assert counts.produced == counts.acked + counts.dropped
    assert 0 < counts.dropped_damaged == counts.dropped
