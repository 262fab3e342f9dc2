"""The page for a server: its backup and its restore, typed as they stand there, on a collector that runs."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.programs import AGENT, COLLECTOR, Program, environment, run
from lab.system import free_port
from lab.watch import Watch
from support import typed
from support.programs import require

VPS = Path(__file__).parents[2] / "deploy" / "vps.md"
READY_S = 60.0


def commands(heading: str, which: int, places: dict[str, str]) -> str:
    return typed.commands(VPS, heading, which, places)


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """The data of a collector that runs, and that one agent has joined."""
    folder, grpc, http = tmp_path / "data", free_port(), free_port()
    serve = ("serve", "--data", str(folder), "--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}")
    program = Program((COLLECTOR, *serve), environment(), tmp_path / "collector.log")
    try:
        await program.start()
        async with Watch(f"http://127.0.0.1:{http}/") as watch:
            await watch.until_ready(READY_S)
        token = (await run(COLLECTOR, "invite", "--data", str(folder), "--isp", "ptcl")).strip()
        home = environment(RABTA_HOME=str(tmp_path / "home"))
        await run(AGENT, "join", f"http://127.0.0.1:{grpc}", "--invite", token, env=home)
        yield folder
    finally:
        await program.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_backup_of_a_running_collector_is_all_that_a_restore_needs(data: Path, tmp_path: Path) -> None:
    require("sqlite3", "sqlite3")
    backup, restored = str(tmp_path / "backup"), tmp_path / "restored"
    agents = await listed(data)
    (data / "archive" / "chain").mkdir(parents=True)
    (data / "archive" / "chain" / "2024-02-17.txt").write_text("sealed", encoding="utf-8")
    typed.type_in(commands("Backup and restore", 0, {"/var/lib/rabta": str(data), "/var/backups/rabta": backup}))
    typed.type_in(f"mkdir -p {restored} && touch {restored}/journal.sqlite-wal")  # what another collector left behind
    typed.type_in(commands("Backup and restore", 1, {"/var/lib/rabta": str(restored), "/var/backups/rabta": backup}))
    whole(data, restored)
    assert 1 == len(agents)
    assert agents == await listed(restored)
    connection = sqlite3.connect(restored / "journal.sqlite")
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


async def listed(data: Path) -> list[object]:
    found: list[object] = json.loads(await run(COLLECTOR, "agents", "--json", "--data", str(data)))
    return found


def whole(data: Path, restored: Path) -> None:
    """Databases, every key and the archive, and nothing of another collector; for their owner alone."""
    keys = {path.name: path.read_bytes() for path in data.glob("*.key")}
    assert "plan.key" in keys
    assert keys == {path.name: path.read_bytes() for path in restored.glob("*.key")}
    databases = {"journal.sqlite", "state.sqlite", "record.sqlite"}
    assert {*databases, *keys, "archive"} == {path.name for path in restored.iterdir()} - {"checkpoint"}
    assert "sealed" == (restored / "archive" / "chain" / "2024-02-17.txt").read_text(encoding="utf-8")
    assert {0o600} == {path.stat().st_mode & 0o777 for path in restored.iterdir() if path.is_file()}
