"""Days are sealed from the streams, whoever is killed; rows go when all that need them have them, and not before."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from lab.programs import COLLECTOR, Program, environment, run
from rabta_collector.archive import child
from rabta_collector.archive.keeping import DECIDES, SEALS, Keeping, Need
from rabta_collector.archive.reading import days_of, read_rows
from rabta_collector.config import Config, Endpoint
from rabta_collector.datadir import DataDir
from rabta_collector.ending import end
from rabta_collector.jetstream.announcing import Announcer
from rabta_collector.jetstream.needs import Needs
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.record.file import RecordFile
from rabta_collector.roles import archiving
from rabta_collector.roles.archiving import ArchiveRole
from rabta_collector.roles.ground import OtherKeyError
from rabta_collector.rows import Where
from rabta_collector.signing import load_signer
from rabta_collector.state import IngestStats
from support.country import make_event, make_events
from support.nats import Nats
from support.sealing import DAY_S, append, entries, make_shared, say, turned
from support.waiting import PATIENCE_S, until

DAYS = 4
EVENTS = tuple(sorted(make_events(), key=lambda event: event.at))


@pytest.fixture(autouse=True)
def unhindered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What seals gives way to whoever else is busy, and beside other tests that is for long."""
    monkeypatch.setattr(child, "NICENESS", 0)


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path).running() as running:
        yield running


@pytest.fixture
async def place(nats: Nats, tmp_path: Path) -> Place:
    """Of a stream of some days that are over, and of events that are of today."""
    place = parse_place(nats.url())
    data = tmp_path / "data"
    data.mkdir()
    await asyncio.to_thread(make_shared, place, data)
    await append(place, entries(DAYS))
    await say(place, EVENTS)
    return place


class Role:
    """A process of the role, with its own environment, which dies with all that it started."""

    def __init__(self, place: Place, data: Path, env: Mapping[str, str]) -> None:
        self.root, self._log = data / "archive", data / "log"
        anywhere = ("--http", "127.0.0.1:0")
        self._command = (COLLECTOR, "archive", "--keep", "--data", str(data), "--journal", str(place), *anywhere)
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=dict(self._env), stdout=log, stderr=log, start_new_session=True
            )

    async def kill(self) -> None:
        """At once, and the process that seals with it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    @property
    def address(self) -> str:
        """Of the last one that was started."""
        found = re.findall(r"^ready: health on (\S+)/healthz$", self._log.read_text(encoding="utf-8"), re.MULTILINE)
        return found[-1] if found else ""

    def scrape(self) -> str:
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    @property
    def days(self) -> int:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text(encoding="utf-8")
        return len(days_of(self.root))


async def verified(place: Place, data: Path) -> str:
    return await run(COLLECTOR, "verify", "--archive", "--data", str(data), "--journal", str(place))


@pytest.mark.timeout(300)
async def test_days_are_sealed_with_rows_of_all_isps_and_events_whoever_is_killed(place: Place, tmp_path: Path) -> None:
    role = Role(place, tmp_path / "data", turned(tmp_path, DAY_S))
    await role.start()
    try:
        await until(lambda: role.days)
        await role.kill()
        done = len(days_of(role.root))
        await role.start()
        await until(lambda: role.days == DAYS + 1)
        assert 1 <= done
        await until(lambda: role.address)
        sealed = re.compile(r"^rabta_collector_archive_sealed_timestamp_seconds (\d+)$", re.MULTILINE)
        told = ""
        while not (found := sealed.search(told)) or int(found[1]) < time.time():  # until it has looked what is sealed
            told = await asyncio.to_thread(role.scrape)
    finally:
        await role.kill()
    assert (await verified(place, tmp_path / "data")).endswith("nothing was altered\n")
    with closing(StreamRows(place)) as rows:
        expected = [(row.id, row.isp, row.agent) for row, _ in await asyncio.to_thread(rows.read_after, 0, 10_000)]
    found = [(row.id, row.isp, row.agent) for row in read_rows(sorted(role.root.glob("measurements/*/*.parquet")), 0)]
    assert expected == found
    (told,) = role.root.glob("events/*.jsonl")
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    assert [(one.isp, one.platform, one.to_state) for one in EVENTS] == [
        (line["event"]["isp"], line["event"]["platform"], line["event"]["to"]) for line in lines
    ]
    assert [{"of": one.id} for one in EVENTS] == [line["evidence"] for line in lines]


@pytest.mark.timeout(300)
async def test_two_archives_of_one_stream_say_the_same(place: Place, tmp_path: Path) -> None:
    folders, env = [tmp_path / "data", tmp_path / "other"], turned(tmp_path, DAY_S)
    folders[1].mkdir()
    shutil.copy(folders[0] / "plan.key", folders[1] / "plan.key")
    for folder in folders:
        command = (sys.executable, "-m", "rabta_collector", "archive", "--data", str(folder))
        await run(*command, env={**env, "RABTA_JOURNAL": str(place)})
        await verified(place, folder)
    texts = [sorted((path.name, path.read_bytes()) for path in one.glob("archive/events/*")) for one in folders]
    assert texts[0]
    assert texts[0] == texts[1]
    assert days_of(folders[0] / "archive") == days_of(folders[1] / "archive")


async def test_another_key_than_the_one_that_agents_know_signs_nothing(place: Place, tmp_path: Path) -> None:
    data = DataDir(tmp_path / "other")
    load_signer(data.plan_key)
    with pytest.raises(OtherKeyError):
        ArchiveRole(Config(data=data.path, journal=str(place)), data)


class Giving:
    """A process of the role within this one, by whose clock all of it is old."""

    def __init__(self, place: Place, folder: Path) -> None:
        anywhere = Endpoint(host="127.0.0.1", port=0)
        config = Config(data=folder, http=anywhere, journal=str(place), archive=Keeping(journal_days=1))
        self._role = ArchiveRole(config, DataDir(folder), clock=lambda: time.time() + 3 * DAY_S)
        self._place = place

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Giving"]:
        serving = asyncio.create_task(self._role.serve())
        try:
            yield self
        finally:
            self._role.stop()
            await serving

    async def looked(self) -> None:
        """Until it has looked twice more with the lease."""
        looks, look = 0, self._role._giver.give_up

        async def count(*given: object) -> None:
            nonlocal looks
            await look(*given)  # type: ignore[arg-type] # whatever it was given
            looks += 1

        self._role._giver.give_up = count  # type: ignore[method-assign]
        await until(lambda: looks >= 2)

    async def first(self) -> int:
        """The stream's first row."""
        with closing(await asyncio.to_thread(StreamRows, self._place)) as rows:
            return (await asyncio.to_thread(rows.first_position))[0]

    async def gives_up_to(self, row: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.first() <= row:  # noqa: ASYNC110 - of a server, no event
                await asyncio.sleep(0.05)
        assert row + 1 == await self.first()


async def one_more_is_said(place: Place, folder: Path) -> None:
    """By who knows all that was said before the stream gave it up, and one more."""
    news, stats = make_event(99, -5, ("x", "ptcl"), ("blocked", "reachable", None)), IngestStats()
    with closing(RecordFile(folder / "record.sqlite")) as record, record.transaction():
        for event in (*EVENTS, news):
            record.append(event, None, event.at)
    announcer = Announcer(place, folder / "record.sqlite", stats=stats, may=lambda: True)
    saying = asyncio.create_task(announcer.run())
    await until(lambda: stats.events_said and not stats.events_unsaid)
    await end(saying)
    await announcer.close()
    assert 1 == stats.events_said


@pytest.mark.timeout(300)
async def test_rows_go_when_every_share_and_every_archive_has_them(
    nats: Nats, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "WAKE_S", 0.1)
    monkeypatch.setenv("PYTHONPATH", turned(tmp_path, 3 * DAY_S)["PYTHONPATH"])
    others = {name: Needs(place, name) for name in ("first", "second", "archive")}
    try:
        async with Giving(place, tmp_path / "data").running() as giving:
            await giving.looked()
            assert 1 == await giving.first()
            await others["first"].say(Need(part=DECIDES, share=(1, 2), row=90))
            await giving.looked()
            assert 1 == await giving.first(), "nobody decides on the second half"
            await others["second"].say(Need(part=DECIDES, share=(2, 2), row=10))
            await giving.gives_up_to(10)
            await others["archive"].say(Need(part=SEALS, row=15))
            await others["second"].say(Need(part=DECIDES, share=(2, 2), row=20))
            await giving.gives_up_to(15)
            await others["archive"].say(Need(part=SEALS, row=10**6, event=10**6))
            await giving.gives_up_to(20)
            await until(lambda: giving._role._giver._given)
        async with nats.client() as client:
            info = json.loads(
                (await client.request(f"$JS.API.STREAM.INFO.{place.events}", b'{"subjects_filter":">"}')).data
            )
        isps = {place.event_of(event.isp): 1 for event in EVENTS}
        assert isps == info["state"]["subjects"], "the last one of each stays"
        await one_more_is_said(place, tmp_path)
    finally:
        for one in others.values():
            await one.close()
    for name, gap in (("new", True), ("copied", False)):
        if not gap:
            shutil.copytree(tmp_path / "data" / "archive", tmp_path / name / "archive")
        assert gap == ("journal.gap" in await said_at_its_start(place, tmp_path / name))
    needs = Needs(place, "")
    rows = [one.row for one in await needs.all() if one.part == DECIDES and one.share == (1, 1)]
    await needs.close()
    assert [0, 0] == rows, "they have no checkpoint yet, and need all there is"


@pytest.mark.timeout(300)
async def test_nothing_goes_that_an_archive_has_yet_to_read_which_is_at_its_first_days(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "WAKE_S", 0.1)
    monkeypatch.setenv("PYTHONPATH", turned(tmp_path, 3 * DAY_S)["PYTHONPATH"])
    second = tmp_path / "second"
    second.mkdir()
    shutil.copy(tmp_path / "data" / "plan.key", second)
    begun, going_on, seal = asyncio.Event(), asyncio.Event(), child.seal

    async def slowly(data: DataDir, where: Where) -> bool:
        if data.path == second:
            begun.set()
            await going_on.wait()
        return await seal(data, where)

    monkeypatch.setattr(child, "seal", slowly)
    needs = Needs(place, "decides")
    async with Giving(place, tmp_path / "data").running() as giving:
        await giving.looked()
        async with Giving(place, second).running():
            await asyncio.wait_for(begun.wait(), PATIENCE_S)
            await needs.say(Need(part=DECIDES, row=10))
            await giving.looked()
            assert 1 == await giving.first()
            going_on.set()
            await giving.gives_up_to(10)
    await needs.close()


@pytest.mark.timeout(300)
async def test_a_start_finds_its_checkpoints_row_when_all_before_it_is_given_up(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "WAKE_S", 0.1)
    monkeypatch.setenv("PYTHONPATH", turned(tmp_path, 3 * DAY_S)["PYTHONPATH"])
    needs, data = Needs(place, ""), tmp_path / "decides"

    async def needed_no_more() -> int:
        return max((one.row for one in await needs.all() if one.part == DECIDES), default=0)

    command = (COLLECTOR, "decide", "--lab", "--http", "127.0.0.1:0", "--data", str(data), "--journal", str(place))
    decides = Program(command, environment(RABTA_CHECKPOINT="500ms"), tmp_path / "first.log")
    await decides.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (row := await needed_no_more()):  # noqa: ASYNC110 - of another process, no event
                await asyncio.sleep(0.2)
    finally:
        decides.kill()
        await decides.ended()
    await needs.close()
    await append(place, entries(DAYS + 1)[-5:])
    async with Giving(place, tmp_path / "data").running() as giving:
        await giving.gives_up_to(row)
    log = await said_at_its_start(place, data)
    assert "checkpoint.taken_up" in log
    assert "journal.gap" not in log


async def said_at_its_start(place: Place, data: Path) -> str:
    """The log of a process that decides, with nothing but what the folder holds, up to when it is ready."""
    listens, log = ("--http", "127.0.0.1:0"), data.with_suffix(".log")
    command = (COLLECTOR, "decide", "--lab", *listens, "--data", str(data), "--journal", str(place))
    decides = Program(command, environment(), log)
    await decides.start()
    try:
        await until(lambda: "ready: page on" in log.read_text(encoding="utf-8"))
    finally:
        await decides.stop()
    return log.read_text(encoding="utf-8")
