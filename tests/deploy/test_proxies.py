"""nginx and Caddy in front of a collector, as shipped: agents, readers and POST get through, and no address is kept.

Both are the real programs on loopback with a throw-away authority; only names, ports and paths are put in their place.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest
import trustme

from lab.programs import AGENT, COLLECTOR, Program, environment, run
from lab.system import free_port
from lab.waiting import until
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import collector_pb2_grpc as stubs
from support.collector_server import Link, measurement
from support.programs import require

DEPLOY = Path(__file__).parents[2] / "deploy"
READER = "127.0.0.9"  # an address of loopback that is nobody else's
WITHIN_S = 120.0
WHERE_A_BODY_ENDS = 1024 * 1024  # nginx's own default; a session's bytes pass it within hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A collector with a proxy in front of it."""

    folder: Path
    port: int
    collector: Program
    proxy: Program
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def roots(self) -> Path:
        return self.folder / "roots.pem"

    async def invite(self) -> str:
        return (await run(COLLECTOR, "invite", "--data", str(self.folder / "data"), "--isp", "ptcl")).strip()

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=self.trust, local_addr=(READER, 0))
        async with aiohttp.ClientSession(self.url, connector=connector) as session:
            yield session

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[grpc.aio.Channel]:
        credentials = grpc.ssl_channel_credentials(self.roots.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{self.port}", credentials) as channel:
            yield channel


def put(text: str, places: dict[str, str]) -> str:
    """The text with each `old` replaced by `new`; all have to be there, so that a test never tries another file."""
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, ports: dict[str, str]) -> tuple[str, ...]:
    lines = (DEPLOY / "nginx" / "rabta.conf").read_text(encoding="utf-8").splitlines()
    shipped = "\n".join(line for line in lines if "[::]" not in line)
    live = "/etc/letsencrypt/live/collector.example"
    places = {
        "listen 443": f"listen 127.0.0.1:{ports['443']}",
        "listen 80": f"listen 127.0.0.1:{ports['80']}",
        f"{live}/fullchain.pem": str(folder / "chain.pem"),
        f"{live}/privkey.pem": str(folder / "key.pem"),
        "server_name collector.example": "server_name localhost",
        "/var/log/nginx": str(folder),
        "127.0.0.1:50051": f"127.0.0.1:{ports['50051']}",
        "127.0.0.1:8080": f"127.0.0.1:{ports['8080']}",
    }
    (folder / "rabta.conf").write_text(put(shipped, places), encoding="utf-8")
    stores = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{stores}include {folder}/rabta.conf;\n}}\n",
        encoding="utf-8",
    )
    return (require("nginx", "nginx-light"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf"))


def caddy(folder: Path, ports: dict[str, str]) -> tuple[str, ...]:
    shipped = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    own = f"https://localhost:{ports['443']} {{\n\tbind 127.0.0.1\n\ttls {folder}/chain.pem {folder}/key.pem\n"
    places = {
        "\tadmin off\n": f"\tadmin off\n\thttp_port {ports['80']}\n",
        "\ncollector.example {\n": f"\n{own}",
        "127.0.0.1:50051": f"127.0.0.1:{ports['50051']}",
        "127.0.0.1:8080": f"127.0.0.1:{ports['8080']}",
    }
    (folder / "Caddyfile").write_text(put(shipped, places), encoding="utf-8")
    return (require("caddy", "caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile")


def issue(folder: Path) -> ssl.SSLContext:
    """Writes the proxy's certificate and the roots that agents trust; returns what readers trust."""
    authority = trustme.CA(organization_name="Rabta tests")
    certificate = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    (folder / "roots.pem").write_bytes(authority.cert_pem.bytes())
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return trust


def collector(folder: Path, ports: dict[str, str], target: str) -> Program:
    shipped = (DEPLOY / "collector.toml").read_text(encoding="utf-8")
    places = {"/var/lib/rabta": str(folder / "data")} | {
        f"127.0.0.1:{port}": f"127.0.0.1:{ports[port]}" for port in ("50051", "8080", "9150")
    }
    (folder / "collector.toml").write_text(put(shipped, places), encoding="utf-8")
    platform = '[[platform]]\nid = "x"\nname = "X"\ncategory = "GRP"\n[[platform.target]]\n'
    (folder / "targets.toml").write_text(f'{platform}url = "{target}"\n', encoding="utf-8")
    files = ("--config", str(folder / "collector.toml"), "--targets", str(folder / "targets.toml"))
    return Program((COLLECTOR, "serve", *files, "--lab"), environment(), folder / "collector.log")


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    ports = {port: str(free_port()) for port in ("443", "80", "50051", "8080", "9150")}
    command = request.param(tmp_path, ports)
    trust = issue(tmp_path)
    homes = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    target = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    behind = collector(tmp_path, ports, f"tcp://127.0.0.1:{target.sockets[0].getsockname()[1]}")
    proxy = Program(command, environment(**homes), tmp_path / "proxy.log")
    made = Site(folder=tmp_path, port=int(ports["443"]), collector=behind, proxy=proxy, trust=trust)
    async with target:
        try:
            await asyncio.gather(behind.start(), proxy.start())
            await until(lambda: is_ready(made), within=WITHIN_S)
            yield made
        finally:
            await asyncio.gather(proxy.stop(), behind.stop())


async def is_ready(site: Site) -> bool:
    assert site.proxy.running, site.proxy.last_words()
    assert site.collector.running, site.collector.last_words()
    with contextlib.suppress(aiohttp.ClientError):
        async with site.reader() as reader, reader.get("/readyz") as answer:
            return answer.status == 200
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)  # six programs start one after another, on whatever machine
async def test_agents_and_readers_get_through_and_no_log_has_their_address(site: Site) -> None:
    await an_agent_joins_measures_and_delivers(site)
    await a_session_passes_the_size_of_any_body(site)
    async with site.reader() as reader:
        await a_reader_sees_the_page_and_no_metrics(reader)
        await an_agent_joins_by_post(reader, await site.invite())
        await site.collector.stop()
        async with reader.get("/") as answer:
            assert 502 == answer.status
    await somebody_speaks_no_tls(site)
    await site.proxy.stop()
    logs = [path for path in site.folder.iterdir() if path.suffix == ".log"]
    assert [] == [path.name for path in logs if READER in path.read_text(encoding="utf-8")]


async def an_agent_joins_measures_and_delivers(site: Site) -> None:
    env = environment(RABTA_HOME=str(site.folder / "home"), RABTA_LAB="1", SSL_CERT_FILE=str(site.roots))
    await run(AGENT, "join", site.url, "--invite", await site.invite(), env=env, within=WITHIN_S)
    await run(AGENT, "run", "--once", env=env, within=WITHIN_S)
    async with site.reader() as reader:

        async def delivered() -> bool:
            async with reader.get("/api/v1/verdicts?isp=ptcl") as answer:
                return any(one["measurements"] for one in (await answer.json())["verdicts"])

        await until(delivered, within=WITHIN_S)


async def a_session_passes_the_size_of_any_body(site: Site) -> None:
    request = link.EnrollRequest(invite_token=await site.invite(), agent_version="0.1.0")
    sent = 0
    async with site.channel() as channel, asyncio.timeout(WITHIN_S):
        stub = stubs.CollectorStub(channel)
        enrolled = await stub.Enroll(request)
        session = Link(stub.Session(metadata=(("authorization", f"Bearer {enrolled.agent_id}.{enrolled.secret}"),)))
        await session.send(link.SessionRequest(hello=link.Hello(agent_version="0.1.0")))
        for first in range(1, 10_000, 200):
            batch = link.MeasurementBatch(measurements=[measurement(n) for n in range(first, first + 200)])
            for message in batch.measurements:
                message.observations.extend([message.observations[0]] * 20)
            sent += batch.ByteSize()
            assert (await session.acknowledged(batch)).ranges
            if sent > WHERE_A_BODY_ENDS * 5 // 4:
                return
    raise AssertionError(f"only {sent} bytes")


async def a_reader_sees_the_page_and_no_metrics(reader: aiohttp.ClientSession) -> None:
    async with reader.get("/") as answer:
        assert (200, True) == (answer.status, "Platforms by ISP" in await answer.text())
    async with reader.get("/metrics") as answer:
        assert 404 == answer.status


async def an_agent_joins_by_post(reader: aiohttp.ClientSession, token: str) -> None:
    request = link.EnrollRequest(invite_token=token, agent_version="0.1.0")
    kind = {"Content-Type": "application/x-protobuf"}
    async with reader.post("/rabta.v1.Collector/Enroll", data=request.SerializeToString(), headers=kind) as answer:
        assert 200 == answer.status
        assert link.EnrollResponse.FromString(await answer.read()).secret


async def somebody_speaks_no_tls(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, local_addr=(READER, 0))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
