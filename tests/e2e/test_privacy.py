"""Nothing that tells who a volunteer is, or where, is kept, logged, shown or sent on; and an agent listens to nobody.

A real agent measures for a real collector, both as talkative as they can be. Everything about the volunteer is marked:
the address that the collector sees, the one that sites see, the resolver's, the machine's and the account's name, the
home's path, the environment. Sites write the visitor's address into all that they answer.
"""

import asyncio
import gzip
import json
import re
import sqlite3
import sys
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from lab.system import free_port
from rabta_proto.v1 import collector_pb2, measurement_pb2, plan_pb2
from support import marks
from support.kernel import own_names, sleeps, sockets_of
from support.marks import contents, find_marks, layers

PEER, SOURCE, RESOLVER = "127.66.77.88", "127.66.99.11", "127.66.55.44"
MARKS = {
    "the peer's address": PEER,
    "the source address": SOURCE,
    "the resolver's address": RESOLVER,
    "the machine's name": "gulzar-ka-laptop",
    "the account's name": "gulzar.ahmed.mark",
    "the home's path": "ghar-mark-path",
    "the environment": "mahol-secret-mark",
} | {f"this machine's name ({name})": name for name in own_names()}
KINDS = (
    collector_pb2.MeasurementBatch,
    measurement_pb2.Measurement,
    plan_pb2.SignedPlan,
)
PATHS = (
    *("/", "/?part=main", "/healthz", "/readyz", "/nothing", "/api/v1/openapi.json", "/api/v1/verdicts"),
    *("/api/v1/isps", "/api/v1/events", "/api/v1/timeline", "/api/v1/platforms", "/api/v1/events?since=never"),
    *("/api/v1/verdicts?format=csv", "/metrics"),
)
RUDE = (
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/1.1\r\n\r\n",
    b"NONSENSE\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
POST = (
    b"POST /rabta.v1.Collector/Leave HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    b"authorization: Bearer a.b\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
)
PATIENCE_S = 60.0
LOOKS = 100
ACCEPTED = re.compile(r'^rabta_collector_ingest_measurements_total\{result="accepted"\} (\d+)', re.MULTILINE)
Process = asyncio.subprocess.Process


@asynccontextmanager
async def site() -> AsyncIterator[int]:
    """A page that writes the visitor's address wherever it can."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        body = f"<html><title>Blocked for {peer}</title><p>Your address {peer} was noted</html>".encode()
        head = f"HTTP/1.1 200 OK\r\nServer: filter {peer}\r\nX-{peer}: {peer}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if b" /sent-on" in request:
                head = (
                    f"HTTP/1.1 302 Found\r\nLocation: /page?ip={peer}&u={peer}\r\nContent-Length: {len(body)}\r\n\r\n"
                )
            writer.write(head.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def relay(to: int) -> AsyncIterator[int]:
    """A port whose callers the other side sees as PEER."""
    works: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection("127.0.0.1", to, local_addr=(PEER, 0))
        except OSError:
            writer.close()
            return
        works.update({asyncio.create_task(pump(reader, onward[1])), asyncio.create_task(pump(onward[0], writer))})

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


async def fetch(port: int, request: bytes, *, ending: bool = False) -> bytes:
    """What is answered to PEER, whole; `ending`: it says that it has no more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(PEER, 0))
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(request)
            if ending:
                writer.write_eof()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def get(port: int, path: str) -> bytes:
    return await fetch(port, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())


async def answered(port: int, path: str) -> bytes:
    """The answer, once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await get(port, path)
            except OSError:
                await asyncio.sleep(0.05)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "USER": MARKS["the account's name"],
        "LOGNAME": MARKS["the account's name"],
        "HOSTNAME": MARKS["the machine's name"],
        "SOME_TOKEN": MARKS["the environment"],
        **more,
    }


@asynccontextmanager
async def program(
    module: str, *words: str, env: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program whose output goes to a file; ended with SIGTERM, and waited for."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *words, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def done(module: str, *words: str, env: dict[str, str], log: Path) -> None:
    async with program(module, *words, env=env, log=log) as process, asyncio.timeout(PATIENCE_S):
        assert 0 == await process.wait()


async def measured(pid: int, admin: int, least: int) -> list[str]:
    """Waits for measurements to arrive; what the process was found listening on while it waited meanwhile."""
    heard: list[str] = []
    looks = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for _ in range(50):
                before, found = sleeps(pid), sockets_of(pid)
                if before is not None and before == sleeps(pid):
                    heard += [f"{one.kind} {one.local}" for one in found if one.listening]
                    looks += 1
                await asyncio.sleep(0.002)
            text = (await get(admin, "/metrics")).decode()
            taken = ACCEPTED.search(text)
            if taken and int(taken[1]) >= least and looks >= LOOKS:
                return heard


def targets(port: int) -> str:
    urls = (f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/sent-on", f"tcp://127.0.0.1:{port}", "dns:x.example")
    return "\n".join(
        f'[[platform]]\nid = "p{number}"\n[[platform.target]]\nurl = "{url}"\ninterval = "1s"'
        for number, url in enumerate(urls)
    )


def leaks(places: Sequence[tuple[str, bytes]]) -> list[str]:
    return sorted({f"{where}: {found}" for where, data in places for found in find_marks(data, MARKS)})


def secrets_of(home: Path) -> dict[str, str]:
    """What lets others speak for the volunteer: in the home, and nowhere else."""
    return {"the secret": json.loads((home / "credential.json").read_text(encoding="utf-8"))["secret"]}


@pytest.mark.skipif(sys.platform != "linux", reason="any address of 127.0.0.0/8 is this machine on Linux alone")
async def test_no_mark_of_a_volunteer_is_anywhere_and_the_agent_listens_to_nobody(tmp_path: Path) -> None:
    folder = tmp_path / MARKS["the home's path"]
    home, data, logs = folder / "home", tmp_path / "data", tmp_path / "logs"
    folder.mkdir()
    logs.mkdir()
    grpc_port, http_port, admin_port = free_port(), free_port(), free_port()
    answers: list[tuple[str, bytes]] = []
    here = environment(tmp_path, RABTA_DATA=str(data))
    async with site() as port, relay(grpc_port) as way:
        (tmp_path / "targets.toml").write_text(targets(port), encoding="utf-8")
        places = ("--grpc", f"127.0.0.1:{grpc_port}", "--http", f"127.0.0.1:{http_port}")
        serve = ("serve", "--lab", "--log-level", "debug", "--targets", str(tmp_path / "targets.toml"), *places)
        admin = ("--admin", f"127.0.0.1:{admin_port}")
        there = environment(
            folder,
            RABTA_LAB="1",
            RABTA_HOME=str(home),
            RABTA_LOG_LEVEL="debug",
            RABTA_SOURCE_ADDRESS=SOURCE,
            RABTA_RESOLVER=f"{RESOLVER}:53",
        )
        async with program("rabta_collector", *serve, *admin, env=here, log=logs / "collector"):
            await answered(http_port, "/healthz")
            await done("rabta_collector", "invite", env=here, log=tmp_path / "token")
            token = (tmp_path / "token").read_text(encoding="utf-8").strip()
            join = ("join", f"http://127.0.0.1:{way}", "--invite", token, "--isp", "ptcl")
            await done("rabta_agent", *join, env=there, log=logs / "agent")
            async with program("rabta_agent", "run", env=there, log=logs / "agent") as agent:
                heard = await measured(agent.pid, admin_port, least=6)
                for request in RUDE:
                    for side in (grpc_port, http_port):
                        answer = await fetch(side, request, ending=True)
                        answers.append((f"answer to {request[:9]!r}", answer))
                answers.append(("answer to POST", await fetch(http_port, POST)))
                answers += [(path, await get(http_port, path)) for path in PATHS]
                answers.append(("/metrics of operators", await get(admin_port, "/metrics")))
    said = [(file.name, file.read_bytes()) for file in logs.iterdir()]
    kept = [*contents(home, KINDS), *contents(data, KINDS)]
    assert [] == heard
    assert_worth_looking_at(answers, said, kept)
    assert [] == leaks(answers)
    assert [] == leaks(said)
    assert [] == leaks(kept)
    secrets = secrets_of(home) | {"the invitation": token}
    elsewhere = [*answers, *said, *contents(data, KINDS)]
    assert [] == [(where, found) for where, text in elsewhere if (found := find_marks(text, secrets))]


def assert_worth_looking_at(
    answers: list[tuple[str, bytes]], said: list[tuple[str, bytes]], kept: list[tuple[str, bytes]]
) -> None:
    """Or nothing would be found because there was nothing."""
    assert sum(b"200 OK" in text for _, text in answers) >= 12
    logged = b"".join(text for _, text in said)
    assert all(event in logged for event in (b"session.start", b"measurement.done", b"agent.enrolled", b"call.refused"))
    stored = b"".join(text for _, text in kept)
    assert b"[address]" in stored, "what the site wrote of its visitor was recorded, without the address"
    assert b"sent-on" in stored


@pytest.mark.parametrize("name", sorted(MARKS))
def test_a_mark_is_found_however_it_is_written(name: str) -> None:
    for way, written in marks.ways_of(MARKS[name]).items():
        assert f"{name} as {way}" in find_marks(b"\x00before" + written + b"after\xff", MARKS), way


def test_a_mark_is_found_in_what_is_folded_and_serialised(tmp_path: Path) -> None:
    batch = collector_pb2.MeasurementBatch()
    batch.measurements.add(target=f"https://{PEER}/")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (?)", (zlib.compress(batch.SerializeToString()),))
        database.commit()
    (tmp_path / "b.gz").write_bytes(gzip.compress(MARKS["the environment"].encode()))
    found = leaks(list(contents(tmp_path, KINDS)))
    assert ["a.sqlite: t: the peer's address as text", "b.gz: the environment as text"] == found
    assert len(list(layers(zlib.compress(batch.SerializeToString()), KINDS))) > 3
