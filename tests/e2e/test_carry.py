"""Measurements carried by hand: from a spool by a file to the journal, each once, whether a collector runs or not."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rabta_agent.contacts import contact_of
from rabta_agent.endpoint import parse_endpoint
from rabta_agent.home import Home
from rabta_agent.line import Road
from rabta_agent.spool import Spool
from rabta_collector.datadir import DataDir
from rabta_collector.registry import Invite, Registry
from rabta_proto.model import Measurement
from support.collector_server import LATER, journaled
from support.linked import Linked

COUNT = 450  # more than one batch


def command(program: object, *arguments: object, code: int = 0) -> str:
    """What it said, on both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "RABTA_LAB": "1", "HOME": "/nonexistent"},
    )
    assert code == done.returncode, done.stderr
    return done.stdout + done.stderr


class Place:
    """A collector's data directory, the collector, and one agent's home."""

    def __init__(self, path: Path) -> None:
        self.data, self.home, self.file = path / "data", Home(path=path / "home"), path / "carried.rabta"
        self.url = ""

    def token(self) -> str:
        registry = Registry(DataDir(self.data).state)
        token = registry.invite(Invite(isp="ptcl", expires_at=LATER), now=0.0)
        registry.close()
        return token

    def collector(self, *arguments: object, code: int = 0) -> str:
        return command("rabta_collector", *arguments, "--data", self.data, code=code)

    def agent(self, *arguments: object, code: int = 0) -> str:
        return command("rabta_agent", *arguments, "--home", self.home.path, code=code)

    def measure(self, count: int) -> None:
        spool = Spool(self.home.spool_file, limit_bytes=10**8, today=lambda: datetime.now(UTC))
        for _ in range(count):
            one = Measurement(
                target="https://x.com/", platform="x", started_at=datetime.now(UTC), duration_us=1, agent_version="1"
            )
            spool.append(one, contact_of(one))
        spool.close()

    def export(self) -> Path:
        assert "measurements are in" in self.agent("export", self.file)
        return self.file

    def sequences(self) -> list[int]:
        return sorted(sequence for _, _, sequence in journaled(self.data / "journal.sqlite"))

    def waiting(self) -> int:
        with sqlite3.connect(self.home.spool_file) as connection:
            return int(connection.execute("SELECT count(*) FROM measurement").fetchone()[0])

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """A collector process."""
        arguments = ("serve", "--lab", "--data", self.data, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "rabta_collector"),
            *map(str, arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(60):
                while not (line := (await process.stdout.readline()).decode()).startswith("ready: agents on "):
                    assert process.returncode is None
            self.url = "http://" + line.split(" ")[3].rstrip(",")
            yield
        finally:
            process.terminate()
            await process.communicate()


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """Where an agent has joined and measured, and no collector runs any more."""
    place = Place(tmp_path)
    async with place.served():
        await asyncio.to_thread(place.agent, "join", place.url, "--invite", place.token())
    place.measure(COUNT)
    return place


async def test_a_file_is_taken_once_whether_a_collector_runs_or_not(place: Place) -> None:
    file = place.export()
    assert COUNT == place.waiting()
    first = place.collector("import", file, "--lab")
    assert f"{COUNT} accepted, 0 duplicate, 0 rejected" in first
    assert list(range(1, COUNT + 1)) == place.sequences()
    place.measure(3)
    async with place.served():
        again = await asyncio.to_thread(place.collector, "import", file, place.export())
    assert f"0 accepted, {COUNT} duplicate, 0 rejected" not in again.splitlines()[1]
    assert f"3 accepted, {COUNT} duplicate, 0 rejected" in again
    assert list(range(1, COUNT + 4)) == place.sequences()
    assert "nothing new" in place.collector("import", file)


async def test_what_was_carried_is_a_duplicate_on_the_link_and_leaves_the_spool(place: Place) -> None:
    file = place.export()
    credential = place.home.joined()
    async with place.served():
        assert f"{COUNT} accepted" in await asyncio.to_thread(place.collector, "import", file)
        assert COUNT == place.waiting()
        authorization = f"Bearer {credential.agent_id}.{credential.secret}"
        endpoint = parse_endpoint(place.url, lab=True)
        async with Linked(place.home.path, authorization, [endpoint], Road()).running() as agent:
            await agent.delivered()
    assert 0 == place.waiting()
    assert list(range(1, COUNT + 1)) == place.sequences()


async def test_damaged_foreign_and_revoked_files_are_refused_and_nothing_of_them_is_taken(place: Place) -> None:
    whole = place.export().read_bytes()
    damaged, cut = place.file.with_name("damaged"), place.file.with_name("cut")
    damaged.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    cut.write_bytes(whole[:-100])
    said = place.collector("import", damaged, cut, place.file.with_name("none"), code=1)
    for problem in ("is damaged at byte", "is cut off at byte", "No such file"):
        assert problem in said
    assert 3 == said.count("nothing of it was taken")
    assert [] == place.sequences()
    (agent,) = Registry(place.data / "state.sqlite").agents()
    place.collector("revoke", agent.id)
    assert "whose credential was revoked" in place.collector("import", place.file, code=1)
    assert [] == place.sequences()


async def test_leaving_erases_both_ends_and_without_a_collector_only_by_force(place: Place) -> None:
    (place.home.path / "notes.txt").write_text("mine")
    assert "or with --force" in place.agent("leave", code=4)
    assert COUNT == place.waiting()
    said = place.agent("leave", "--force")
    assert "warning: the credential lives on" in said
    assert "notes.txt" in said
    assert ["notes.txt"] == [file.name for file in place.home.path.iterdir()]


async def test_leaving_revokes_the_credential(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.served():
        await asyncio.to_thread(place.agent, "join", place.url, "--invite", place.token())
        assert "is revoked at the collector" in await asyncio.to_thread(place.agent, "leave")
    assert not place.home.path.exists()
    (agent,) = Registry(place.data / "state.sqlite").agents()
    assert agent.revoked_at is not None
    assert "not joined" in place.agent("leave", code=3)
