"""What volunteers, operators and networks do wrong, at the programs' doors: one clear line or a recorded failure."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.authority import Authority
from lab.ledger import journaled
from lab.listening import Listener
from lab.programs import AGENT, COLLECTOR, Program, environment, run
from lab.system import free_port
from lab.waiting import until
from lab.watch import Watch
from rabta_collector import journal_file
from rabta_collector.journal_file import Row
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from rabta_proto.v1.measurement_pb2 import Measurement
from support.dns_server import DnsServer, addresses, raw

GOOD, FAILED, WRONG_USAGE = 0, 1, 2
TARGETS = '[[platform]]\nid = "x"\nname = "X"\n[[platform.target]]\nurl = "http://x.example/"\ninterval = "60s"\n'
IN_TIME_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a program ended, and what it said."""

    code: int
    out: str
    errors: str

    @property
    def line(self) -> str:
        """The one line that it said; more than one, or a traceback, is a failure of its own."""
        assert "Traceback" not in self.errors + self.out
        (line,) = self.errors.strip().splitlines()
        return line


async def say(*command: str, env: Mapping[str, str] | None = None) -> Said:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment() if env is None else env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(IN_TIME_S):
        out, errors = await process.communicate()
    return Said(code=process.returncode or 0, out=out.decode(), errors=errors.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A collector at work."""

    data: Path
    grpc: int
    http: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.grpc}"

    async def invite(self) -> str:
        return (await run(COLLECTOR, "invite", "--data", str(self.data), "--isp", "ptcl", "--uses", "1")).strip()

    async def start(self) -> None:
        await self.program.start()
        async with Watch(f"http://127.0.0.1:{self.http}/") as watch:
            await watch.until_ready(IN_TIME_S)


def serving(folder: Path, *, grpc: int, http: int) -> list[str]:
    listening = ["--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}"]
    return [COLLECTOR, "serve", "--data", str(folder), *listening, "--lab"]


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """The URL of a site that answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    server = Listener("127.0.0.1", serve)
    await server.open()
    yield f"http://127.0.0.1:{server.port}/"
    await server.end()


@pytest.fixture
async def collector(tmp_path: Path, site: str) -> AsyncIterator[Collector]:
    data, grpc, http = tmp_path / "collector", free_port(), free_port()
    targets = tmp_path / "targets.toml"
    targets.write_text(TARGETS.replace("http://x.example/", site), encoding="utf-8")
    command = [*serving(data, grpc=grpc, http=http), "--targets", str(targets)]
    program = Program(command, environment(), tmp_path / "collector.log")
    collector = Collector(data=data, grpc=grpc, http=http, program=program)
    await collector.start()
    yield collector
    await program.stop()


def agent_environment(home: Path) -> dict[str, str]:
    return environment(RABTA_HOME=str(home), RABTA_LAB="1")


async def probe(url: str, **more: str) -> dict[str, Any]:
    """The measurement that `rabta-agent probe --json` prints; bound to loopback, it can ask no public resolver."""
    env = environment(RABTA_LAB="1", RABTA_SOURCE_ADDRESS="127.0.0.1", **more)
    said = await say(AGENT, "probe", url, "--json", env=env)
    assert "Traceback" not in said.errors
    measurement = json.loads(said.out)
    assert isinstance(measurement, dict)
    return measurement


def failures(measurement: Mapping[str, Any], step: str) -> list[str | None]:
    """Failures of a step's observations in order; `None` is success."""
    return [entry.get("failure") for entry in measurement["observations"] if step in entry]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (TARGETS.replace('"60s"', '"sixty"'), 6, "interval"),
        (TARGETS.replace("http://x.example/", "x.example"), 5, "url"),
        (TARGETS + "speed = 3\n", 7, "speed"),
    ],
)
async def test_a_malformed_targets_file_is_refused_by_file_line_and_key(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    targets = tmp_path / "wrong.toml"
    targets.write_text(text, encoding="utf-8")
    for command in (
        [COLLECTOR, "targets", "check", str(targets)],
        [*serving(tmp_path, grpc=free_port(), http=free_port()), "--targets", str(targets)],
    ):
        said = await say(*command)
        assert FAILED == said.code
        assert f"wrong.toml:{line}" in said.line
        assert key in said.line


@pytest.mark.parametrize("taken", ["grpc", "http"])
async def test_a_port_in_use_is_named(tmp_path: Path, taken: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {"grpc": free_port(), "http": free_port()} | {taken: other.getsockname()[1]}
        said = await say(*serving(tmp_path / "data", grpc=ports["grpc"], http=ports["http"]))
    assert FAILED == said.code
    assert str(ports[taken]) in said.line


async def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")  # root may write anywhere but into a file
    said = await say(*serving(tmp_path / "file" / "data", grpc=free_port(), http=free_port()))
    assert FAILED == said.code
    assert str(tmp_path / "file") in said.line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write there")
async def test_a_data_directory_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    said = await say(*serving(tmp_path / "data", grpc=free_port(), http=free_port()))
    assert FAILED == said.code
    assert str(tmp_path / "data") in said.line


async def test_a_second_collector_on_the_same_data_is_refused(collector: Collector) -> None:
    said = await say(*serving(collector.data, grpc=free_port(), http=free_port()))
    assert FAILED == said.code
    assert str(collector.data) in said.line
    assert collector.program.running


async def test_a_wrong_invitation_is_refused(collector: Collector, tmp_path: Path) -> None:
    said = await say(AGENT, "join", collector.url, "--invite", "wrong", env=agent_environment(tmp_path / "home"))
    assert FAILED == said.code
    assert "invitation" in said.line


async def test_a_used_up_invitation_is_refused(collector: Collector, tmp_path: Path) -> None:
    token = await collector.invite()
    first = await say(AGENT, "join", collector.url, "--invite", token, env=agent_environment(tmp_path / "first"))
    said = await say(AGENT, "join", collector.url, "--invite", token, env=agent_environment(tmp_path / "second"))
    assert (GOOD, FAILED) == (first.code, said.code)
    assert "invitation" in said.line


async def test_a_second_agent_on_the_same_home_is_refused(collector: Collector, tmp_path: Path) -> None:
    env = agent_environment(tmp_path / "home")
    await run(AGENT, "join", collector.url, "--invite", await collector.invite(), env=env)
    first = Program([AGENT, "run"], env, tmp_path / "first.log")
    await first.start()

    async def at_work() -> bool:
        return bool(json.loads(await run(AGENT, "status", "--json", env=env))["running"])

    try:
        await until(at_work, within=IN_TIME_S)
        said = await say(AGENT, "run", env=env)
        assert FAILED == said.code
        assert str(tmp_path / "home") in said.line
        assert first.running
    finally:
        assert GOOD == await first.stop()


@pytest.mark.parametrize("url", ["x.com", "//x.com/", "https://", "gopher://x.com/"])
async def test_a_url_that_cannot_be_measured_is_wrong_usage(url: str) -> None:
    said = await say(AGENT, "probe", url)
    assert WRONG_USAGE == said.code
    assert url in said.line


async def test_a_resolver_that_answers_garbage_is_a_recorded_failure() -> None:
    async with DnsServer(lambda question, client: [raw(question.query.to_wire()[:2] + b"\xff garbage")]) as resolver:
        measurement = await probe("http://x.example/", RABTA_RESOLVER=resolver.text)
    system = [e["failure"] for e in measurement["observations"] if "SYSTEM" in e.get("dns", {}).get("resolverKind", "")]
    assert {"dns_server_misbehaving"} == set(system)


async def test_a_server_that_sends_a_gigabyte_costs_no_more_than_the_cap() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while sent < 1 << 30:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    server = Listener("127.0.0.1", flood)
    await server.open()
    measurement = await probe(f"http://127.0.0.1:{server.port}/")
    await server.end()
    (http,) = [entry["http"] for entry in measurement["observations"] if "http" in entry]
    assert (True, "1073741824") == (http["truncated"], http["declaredBytes"])
    assert int(http["bodyBytes"]) <= 32 * 1024
    assert sent < 8 << 20  # what the two sockets' buffers hold, and no more


async def test_a_certificate_from_the_future_is_a_recorded_failure(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    authority = Authority()
    server = Listener("127.0.0.1", serve, tls=authority.server("x.example", days_ahead=400))
    await server.open()
    async with DnsServer(lambda question, client: [addresses("127.0.0.1")]) as resolver:
        measurement = await probe(
            f"https://x.example:{server.port}/",
            RABTA_RESOLVER=resolver.text,
            SSL_CERT_FILE=str(authority.roots(tmp_path)),
        )
    await server.end()
    assert failures(measurement, "tls")[0] == "ssl_invalid_certificate"
    (certificate, *_) = [
        e["tls"]["certificate"] for e in measurement["observations"] if "certificate" in e.get("tls", {})
    ]
    assert certificate["notBefore"] > measurement["startedAt"]


async def test_a_journal_whose_end_is_torn_off_keeps_what_can_be_read_and_says_what_was_lost(
    collector: Collector,
) -> None:
    await collector.program.stop()
    journal = collector.data / "journal.sqlite"
    fill(journal, rows=300)
    os.truncate(journal, journal.stat().st_size * 2 // 3)
    await collector.start()
    log = collector.program.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "journal.salvaged" in log
    assert list(collector.data.glob("journal.damaged-*"))
    assert 100 < len(journaled(journal)) < 300


def fill(journal: Path, *, rows: int) -> None:
    """Appends a measurement in each row."""
    with closing(journal_file.connect(journal)) as connection:
        last, at_us = journal_file.last_position(connection)
        measurements = [Measurement(target="http://x.example/", epoch=7, sequence=n) for n in range(1, rows + 1)]
        batches = [MeasurementBatch(measurements=[one]).SerializeToString() for one in measurements]
        entries = [Row(0, 1, at_us, "agent", "ptcl", "probe", 7, n, n, 1, batch) for n, batch in enumerate(batches, 1)]
        journal_file.append(connection, last, entries)


async def test_a_spool_whose_end_is_torn_off_is_set_aside_and_the_agent_goes_on(
    collector: Collector, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    env = agent_environment(home)
    await run(AGENT, "join", collector.url, "--invite", await collector.invite(), env=env)
    await run(AGENT, "run", "--once", env=env)
    (spool,) = [path for path in home.glob("spool*") if not path.name.endswith(("-wal", "-shm"))]
    os.truncate(spool, spool.stat().st_size - 1000)
    said = await say(AGENT, "run", "--once", env=env)
    assert GOOD == said.code
    assert "Traceback" not in said.errors + said.out
