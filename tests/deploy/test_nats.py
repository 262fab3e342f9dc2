"""The configuration for three NATS servers, on three that run: TLS both ways, and a password for each part.

Each part does its work with its own account, and nothing that it asks for is refused; it can do no other's.
"""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from lab.programs import AGENT, COLLECTOR, Program, ProgramError, environment, run
from lab.waiting import until
from rabta_collector.isps import default_isps
from rabta_collector.jetstream import link
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.journal_file import UnusableJournalError
from rabta_proto.v1 import collector_pb2 as wire
from support.guarded import USERS, Guarded, configure, guarded, make_secrets
from support.journaling import Kept
from support.programs import require

WITHIN_S = 90.0


def test_the_server_itself_finds_nothing_wrong_with_the_file(tmp_path: Path) -> None:
    program = require("nats-server", "nats-server")
    make_secrets(tmp_path)
    for node in configure(tmp_path):
        file = tmp_path / f"machine{node.name[1:]}" / f"{node.name}.conf"
        done = subprocess.run([program, "-t", "-c", str(file)], capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr


async def test_a_journal_is_kept_on_all_three_and_by_nobody_else(tmp_path: Path) -> None:
    with guarded(tmp_path) as servers:
        where = servers.place("collector")
        async with Kept(where).running() as kept:
            assert {1: wire.OUTCOME_ACCEPTED} == await kept.deliver(1)
        with closing(StreamRows(where)) as rows:
            assert 3 == rows.replicas()
        (tmp_path / "wrong").write_text("another", encoding="utf-8")
        with pytest.raises(UnusableJournalError):
            await asyncio.to_thread(Kept, servers.place("collector", password_file=str(tmp_path / "wrong")))


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path) as made:
        yield made


class Parts:
    """A process that takes agents, one of each of two shares, and an archive, each part with its own account."""

    def __init__(self, servers: Guarded, folder: Path, target: str) -> None:
        self.folder, self.servers = folder, servers
        platform = '[[platform]]\nid = "x"\nname = "X"\ncategory = "GRP"\n[[platform.target]]\n'
        (folder / "targets.toml").write_text(f'{platform}url = "{target}"\n', encoding="utf-8")
        commands = {
            "ingest": self.command("ingest", "ingest"),
            "decide": self.command("decide", "decide", "--share=1/2"),
            "other": self.command("decide", "other", "--share=2/2"),
            "archive": self.command("archive", "archive", "--keep"),
        }
        self.programs = {
            name: Program(command, environment(), folder / f"{name}.log") for name, command in commands.items()
        }

    def command(self, part: str, name: str, *words: str) -> tuple[str, ...]:
        listens = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
        files = ("--data", str(self.folder / name), "--targets", str(self.folder / "targets.toml"))
        return (COLLECTOR, part, *files, *listens, *words, "--lab", "--journal", self.servers.url(part))

    async def operate(self, *words: str) -> str:
        command = (COLLECTOR, *words, "--data", str(self.folder / "decide"), "--journal", self.servers.url("operator"))
        return await run(*command, within=WITHIN_S)

    async def waits(self) -> bool:
        """Whether the first share's process has nothing to decide on yet, and stays for it."""
        program = self.programs["decide"]
        assert program.running, program.last_words()
        return "registry.awaited" in program.log.read_text(encoding="utf-8")

    def said(self, part: str, what: str) -> str:
        """An address that it tells where it begins, of its `agents` or its `page`; empty: it has not begun yet."""
        program = self.programs[part]
        assert program.running, program.last_words()
        log = program.log.read_text(encoding="utf-8")
        found = re.search(rf"^ready:.*{what} on (?:http://)?([\d.:]+).*\n", log, re.MULTILINE)  # a whole line
        return found[1] if found else ""


@pytest.fixture
async def parts(servers: Guarded, tmp_path: Path) -> AsyncIterator[Parts]:
    target = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    made = Parts(servers, tmp_path, f"tcp://127.0.0.1:{target.sockets[0].getsockname()[1]}")
    async with target:
        try:
            await made.programs["decide"].start()  # it may make nothing, and waits for who may
            await until(made.waits, within=WITHIN_S)
            for part, program in made.programs.items():
                if not program.running:
                    await program.start()
                what = "health" if part == "archive" else "page"
                await until(lambda part=part, what=what: asyncio.to_thread(made.said, part, what), within=WITHIN_S)
                if part == "ingest":
                    (tmp_path / "archive").mkdir()
                    shutil.copy(tmp_path / "ingest" / "plan.key", tmp_path / "archive" / "plan.key")
            yield made
        finally:
            await asyncio.gather(*(program.stop() for program in made.programs.values()))


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_every_part_does_its_work_with_its_own_account(parts: Parts, tmp_path: Path) -> None:
    token = (await parts.operate("invite", "--isp", "ptcl")).strip()
    home = environment(RABTA_HOME=str(tmp_path / "home"), RABTA_LAB="1")
    await run(AGENT, "join", f"http://{parts.said('ingest', 'agents')}", "--invite", token, env=home, within=WITHIN_S)
    await run(AGENT, "run", "--once", env=home, within=WITHIN_S)
    (joined,) = json.loads(await parts.operate("agents", "--json"))["agents"]
    await parts.operate("verify")
    await parts.operate("revoke", joined["agent"])

    async def lease() -> bool:
        answer = await asyncio.to_thread(urllib.request.urlopen, f"http://{parts.said('decide', 'page')}/metrics")
        return b"rabta_isp_info" in answer.read()

    async def answered(part: str) -> bool:
        """With what the other share knows, too."""
        try:
            url = f"http://{parts.said(part, 'page')}/api/v1/isps"
            isps = json.load(await asyncio.to_thread(urllib.request.urlopen, url))["isps"]
        except urllib.error.HTTPError:
            return False
        return len(isps) == len(default_isps())

    await until(lease, within=WITHIN_S)
    for part in ("ingest", "decide", "other"):
        await until(lambda part=part: answered(part), within=WITHIN_S)
    await until(lambda: ready(parts, "archive"), within=WITHIN_S)
    await who_has_other_keys_takes_no_agents(parts)
    assert [] == parts.servers.violations()
    await no_part_can_do_anothers_work(parts.servers)


async def who_has_other_keys_takes_no_agents(parts: Parts) -> None:
    """Agents would seal exports for a key that the others have not."""
    (parts.folder / "second").mkdir()
    shutil.copy(parts.folder / "ingest" / "plan.key", parts.folder / "second" / "plan.key")
    with pytest.raises(ProgramError, match=r"import\.key: agents know another one"):
        await run(*parts.command("ingest", "second"), within=WITHIN_S)


async def ready(parts: Parts, part: str) -> bool:
    """Whether it has looked at all that it has to, and found nothing wrong."""
    with contextlib.suppress(OSError):  # a 503 is one of these
        await asyncio.to_thread(urllib.request.urlopen, f"http://{parts.said(part, 'health')}/readyz")
        return True
    return False


REFUSED = {
    "ingest": (
        "rabta.lease.decide",
        "rabta.marks.a",
        "rabta.now.held",
        "rabta.now.page",
        "rabta.now.ask.1",
        "rabta.now.part.a",
        "_INBOX.decide.a",
        "$JS.API.STREAM.PURGE.rabta",
        "$JS.API.STREAM.DELETE.rabta",
        "$JS.API.STREAM.UPDATE.rabta",
        "$JS.API.STREAM.MSG.DELETE.rabta",
        "$JS.API.STREAM.CREATE.other",
    ),
    "decide": (
        "rabta.journal.ptcl.a",
        "rabta.journal._.a",
        "rabta.now.roll",
        "_INBOX.ingest.a",
        "$KV.rabta_registry.agent.a",
        "$KV.rabta_registry.invite.a",
        "$JS.API.STREAM.CREATE.rabta",
        "$JS.API.STREAM.DELETE.rabta",
        "$JS.API.STREAM.UPDATE.rabta",
        "$JS.API.STREAM.MSG.DELETE.rabta",
        "$JS.API.STREAM.PURGE.KV_rabta_registry",
        "$JS.API.STREAM.PURGE.rabta",
        "$JS.API.STREAM.PURGE.rabta_EVENTS",
        "rabta.marks.a",
        "rabta.need.archive.1.1.a",
    ),
    "archive": (
        "rabta.journal.ptcl.a",
        "rabta.journal._.a.here",
        "rabta.lease.decide",
        "rabta.event.ptcl",
        "rabta.need.decide.1.1.a",
        "rabta.now.held",
        "$KV.rabta_registry.agent.a",
        "$JS.API.STREAM.DELETE.rabta",
        "$JS.API.STREAM.PURGE.KV_rabta_registry",
        "$JS.API.STREAM.CREATE.rabta",
    ),
    "operator": (
        "rabta.journal.ptcl.a",
        "rabta.journal._.a.here",
        "rabta.lease.decide",
        "rabta.now.ask.1",
        "$JS.API.STREAM.PURGE.rabta",
        "$JS.API.STREAM.DELETE.KV_rabta_registry",
    ),
}
UNHEARD = {
    "ingest": ("rabta.journal.>", "$KV.>", "_INBOX.decide.>", "_INBOX.>", ">"),
    "decide": ("rabta.journal.>", "$KV.>", "_INBOX.ingest.>", "_INBOX.>", ">"),
    "archive": ("rabta.journal.>", "rabta.now.>", "$KV.>", "_INBOX.decide.>", "_INBOX.>", ">"),
    "operator": ("rabta.now.>", "$KV.>", "_INBOX.ingest.>", ">"),
}


async def no_part_can_do_anothers_work(servers: Guarded) -> None:
    """With the very passwords: whatever is published or heard beside it is refused, each of them."""
    assert set(REFUSED) == set(UNHEARD) == set(USERS) - {"collector"}
    for user in REFUSED:
        refusals: list[str] = []

        async def note(wrong: Exception, refusals: list[str] = refusals) -> None:
            refusals.append(str(wrong))

        place = servers.place(user)
        client: Client = await nats.connect(
            list(place.servers),
            user=user,
            password=(servers.folder / f"{user}.password").read_text(encoding="utf-8").strip(),
            tls=link._context(place),
            error_cb=note,
        )
        for subject in REFUSED[user]:
            await client.publish(subject, b"{}")
        for subject in UNHEARD[user]:
            await client.subscribe(subject)
        await client.flush()
        await until(lambda user=user, said=refusals: _all_refused(user, said), within=WITHIN_S)
        await client.close()


async def _all_refused(user: str, said: list[str]) -> bool:
    text = "\n".join(said).lower()
    published = all(f'publish to "{subject.lower()}"' in text for subject in REFUSED[user])
    return published and all(f'subscription to "{subject.lower()}"' in text for subject in UNHEARD[user])
