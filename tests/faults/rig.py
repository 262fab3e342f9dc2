"""A collector and agents in processes of their own on loopback, to be killed and started again, and their accounts.

A producer (producer.py) is an agent that makes its measurements up, quickly; `whole` is `rabta-agent` itself.
"""

import asyncio
import contextlib
import http.client
import json
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.asked import PATIENCE_S
from faults.books import SpoolBook, count_rows, read_journal, read_spool
from faults.diary import read_diary
from faults.oracle import Finding, compare
from lab.netns.namespaces import inside
from lab.programs import AGENT, COLLECTOR, Program, environment, run
from lab.system import free_port
from lab.waiting import until
from rabta_collector.jetstream.place import Place
from rabta_collector.rows import Where

TESTS = Path(__file__).resolve().parent.parent
TARGETS = 20
INTERVAL = "200ms"
CHECKPOINT = "500ms"
BEAT_S = 0.02
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the web side said; status 0: nobody was there."""

    status: int
    text: str


@dataclass(slots=True, kw_only=True)
class Member:
    """One agent: its home, its program, and the diary that its producer keeps."""

    name: str
    home: Path
    diary: Path
    program: Program
    id: str = ""

    @property
    def spool(self) -> Path:
        return self.home / "spool.sqlite"

    def book(self) -> SpoolBook | None:
        """What its spool holds; `None` where there is none yet, or it is being made."""
        try:
            return read_spool(self.spool) if self.spool.exists() else None
        except sqlite3.OperationalError as wrong:
            if "no such table" in str(wrong):
                return None
            raise

    @property
    def waiting(self) -> int:
        return len(book.waiting) if (book := self.book()) else 0

    def produced(self) -> int:
        return book.last if (book := self.book()) else 0


class Rig:
    """A collector with one data directory, and its agents."""

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        data: Path | None = None,
        namespace: str = "",
        prefix: Sequence[str] = (),
        site: int = 9,
        stream: Place | None = None,
        interval: str = INTERVAL,
    ) -> None:
        """`host`: where the collector listens, in its network namespace; `data`: its directory, if it is elsewhere.

        `prefix`: what the collector is started through; `site`: the port on loopback that is to be measured; `stream`:
        where its journal is, if it is on NATS; `interval`: between two measurements of a target.
        """
        self.root, self.host, self.data, self._namespace = root, host, data or root / "data", namespace
        self.grpc, self.http = free_port(), free_port()
        self.logs = root / "logs"
        self.logs.mkdir()
        self.targets = root / "targets.toml"
        self.targets.write_text(_targets(site, interval), encoding="utf-8")
        self._through = [*prefix, *(["ip", "netns", "exec", namespace] if namespace else [])]
        self.move(stream)
        self.members: list[Member] = []

    def move(self, stream: Place | None) -> None:
        """Has the next start of the collector find its journal there."""
        self._stream = stream
        env = environment(RABTA_CHECKPOINT=CHECKPOINT, RABTA_JOURNAL="sqlite" if stream is None else str(stream))
        self.collector = Program([*self._through, *self._serve()], env, self.logs / "collector.log")

    def _serve(self) -> list[str]:
        where = [f"--grpc={self.host}:{self.grpc}", f"--http={self.host}:{self.http}"]
        return [COLLECTOR, "serve", f"--data={self.data}", *where, f"--targets={self.targets}", "--lab"]

    @property
    def journal(self) -> Where:
        return self.data / "journal.sqlite" if self._stream is None else self._stream

    @property
    def checkpoint(self) -> Path:
        return self.data / "checkpoint"

    def where(self) -> list[str]:
        """What commands beside the collector are told of it."""
        return [f"--data={self.data}"]

    def rows(self) -> int:
        return count_rows(self.journal)

    # The collector

    async def start(self) -> None:
        """Starts the collector and waits until it takes agents."""
        await self.collector.start()
        await self.until_ready()

    async def until_ready(self, within: float = PATIENCE_S) -> None:
        async def ready() -> bool:
            assert self.collector.running, f"the collector ended: {self.collector.last_words()}"
            return (await self.ask("readyz")).status == 200

        await until(ready, within=within, beat=BEAT_S)

    async def ask(self, path: str) -> Answer:
        """Asks the web side."""
        return await asyncio.to_thread(_ask, f"http://{self.host}:{self.http}/{path}", self._namespace)

    # Agents

    async def join(
        self,
        name: str,
        *,
        url: str = "",
        home: Path | None = None,
        whole: bool = False,
        control: bool = False,
        isp: str = "ptcl",
        prefix: Sequence[str] = (),
        **settings: str,
    ) -> Member:
        """Lets an agent join; `url` is where it finds the collector, `home` where it lives, if these are elsewhere.

        `settings`: more variables of its environment.
        """
        home, diary = home or self.root / name, self.root / f"{name}.diary"
        env = environment(RABTA_HOME=str(home), RABTA_LAB="1", PYTHONPATH=str(TESTS), **settings)
        program = [AGENT, "run"] if whole else [sys.executable, "-m", "faults.producer", str(diary)]
        member = Member(
            name=name, home=home, diary=diary, program=Program([*prefix, *program], env, self.logs / f"{name}.log")
        )
        whose = "--role=control" if control else f"--isp={isp}"
        token = (await run(COLLECTOR, "invite", *self.where(), whose)).split()[0]
        await run(*prefix, AGENT, "join", url or f"http://{self.host}:{self.grpc}", "--invite", token, env=env)
        member.id = str(json.loads((home / "credential.json").read_text(encoding="utf-8"))["agent_id"])
        self.members.append(member)
        return member

    # Accounts

    async def account(self) -> Finding:
        """Everybody's accounts as the files are now."""
        return await asyncio.to_thread(self._account)

    def _account(self) -> Finding:
        read = [(m.id, read_diary(m.diary), m.book()) for m in self.members]
        books = [(id_, diary, book) for id_, diary, book in read if book]
        journal = read_journal(self.journal)
        last = {m.id: m.produced() for m in self.members}
        found = (compare(diary, spool, journal.get(id_, {}), last=last[id_]) for id_, diary, spool in books)
        return sum(found, Finding())

    async def until_rows(self, count: int) -> None:
        """Until the journal is so long."""

        async def there() -> bool:
            return self.rows() >= count

        await until(there, within=PATIENCE_S, beat=BEAT_S)

    async def until_produced(self, more: int) -> None:
        """Until everybody has given so many more numbers, whatever becomes of what they measured."""
        least = {member.name: member.produced() + more for member in self.members}

        async def there() -> bool:
            ended = [member for member in self.members if not member.program.running]
            assert not ended, f"{ended[0].name} ended: {ended[0].program.last_words()}"
            return all(member.produced() >= least[member.name] for member in self.members)

        await until(there, within=PATIENCE_S, beat=BEAT_S)

    async def deliver(self) -> None:
        await deliver(self.members)

    async def end(self) -> None:
        for member in self.members:
            member.program.kill()
            await member.program.stop()
        await self.collector.stop()


async def deliver(members: Sequence[Member]) -> None:
    """Has everybody stop, and then send what they have, to the last measurement."""
    await asyncio.gather(*(member.program.stop() for member in members))
    for member in members:
        await _empty(member)


async def _empty(member: Member) -> None:
    """An agent that is stopped sends what it can in its last seconds; it is let do so until nothing waits."""
    tries, left = 0, member.waiting
    while left:
        await member.program.start()

        async def delivers() -> bool:
            return member.waiting == 0

        with contextlib.suppress(TimeoutError):
            await until(delivers, within=30.0, beat=BEAT_S)
        await member.program.stop()
        tries = tries + 1 if member.waiting >= left else 0
        left = member.waiting
        assert tries < 10, f"{member.name}: {left} measurements are not delivered"


@contextlib.asynccontextmanager
async def rig(root: Path, **how: object) -> AsyncIterator[Rig]:
    """Ends every process in the end."""
    made = Rig(root, **how)  # type: ignore[arg-type] # as it takes them
    try:
        yield made
    finally:
        await made.end()


def _targets(port: int, interval: str) -> str:
    lines = ['[[platform]]\nid = "x"\nname = "X"\ncategory = "SOCIAL"']
    lines += [
        f'[[platform.target]]\nurl = "http://127.0.0.1:{port}/{n}"\ninterval = "{interval}"' for n in range(TARGETS)
    ]
    return "\n".join(lines) + "\n"


def _ask(url: str, namespace: str) -> Answer:
    with inside(namespace) if namespace else contextlib.nullcontext():
        return _answer(url)


def _answer(url: str) -> Answer:
    try:
        with _OPENER.open(url, timeout=10) as answer:
            return Answer(status=answer.status, text=answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(status=refused.code, text=refused.read().decode())
    except (OSError, http.client.HTTPException):  # also where it was killed in the middle of an answer
        return Answer(status=0, text="")
