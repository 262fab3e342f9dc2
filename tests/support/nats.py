"""Real nats-servers with JetStream, on ports of this machine that nobody else has."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from support.ports import free_ports
from support.programs import require

ACCOUNT = """jetstream {{
    store_dir: "{store}"
    max_memory_store: 64MB
    max_file_store: {room}
}}
"""
CLUSTER = """cluster {{
    name: lab
    listen: "127.0.0.1:{own}"
    routes: [{routes}]
}}
"""


def version() -> tuple[int, ...]:
    """Of the server that is installed."""
    said = subprocess.run([require("nats-server", "nats-server"), "--version"], capture_output=True, check=True).stdout
    return tuple(map(int, re.findall(rb"(\d+)\.(\d+)\.(\d+)", said)[0]))


class Node:
    """One server. Its log lies beside its configuration."""

    def __init__(
        self,
        folder: Path,
        name: str,
        port: int,
        text: str = "",
        *,
        host: str = "127.0.0.1",
        through: Sequence[str] = (),
    ) -> None:
        """Without `text` the configuration lies in the folder already. `through`: what it is started through."""
        self.name, self.port, self._through = name, port, through
        self._file, self._log = folder / f"{name}.conf", folder / f"{name}.log"
        if text:
            self._file.write_text(f'server_name: {name}\nlisten: "{host}:{port}"\nmax_payload: 2MB\n{text}')
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        program = require("nats-server", "nats-server")
        with self._log.open("ab") as log:
            command = [*self._through, program, "-c", self._file]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stand_still(self) -> None:
        """As a server behind a cut: connections stay, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        while any((one / "stat").read_text().rpartition(")")[2].split()[0] != "T" for one in threads.iterdir()):
            time.sleep(0.001)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once, as a power cut does but for what the kernel holds."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """As an operator does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


class Nats:
    """One server or a cluster of them."""

    def __init__(self, folder: Path, *, nodes: int = 1, room: str = "1GB") -> None:
        """`room`: for all streams of a node."""
        ports, routes = free_ports(nodes), free_ports(nodes if nodes > 1 else 0)
        self.nodes = []
        for number in range(nodes):
            text = ACCOUNT.format(store=folder / f"store{number}", room=room)
            if nodes > 1:
                known = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
                text += CLUSTER.format(own=routes[number], routes=known)
            self.nodes.append(Node(folder, f"n{number}", ports[number], text))

    @property
    def servers(self) -> str:
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def url(self, stream: str = "rabta", **query: object) -> str:
        """Of a journal there; in a cluster on three nodes."""
        query = ({"replicas": 3} if len(self.nodes) > 1 else {}) | query
        words = "&".join(f"{key}={value}" for key, value in query.items())
        return f"nats://{self.servers}/{stream}" + (f"?{words}" if words else "")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Nats"]:
        """Until the block ends; every node answers, and JetStream has a leader."""
        for node in self.nodes:
            node.start()
        try:
            await self.ready()
            yield self
        finally:
            for node in self.nodes:
                node.kill()

    async def ready(self) -> None:
        async with asyncio.timeout(60), self.client() as client:
            while await self._streams(client) is None:  # noqa: ASYNC110 - of a server, no event
                await asyncio.sleep(0.05)

    async def _streams(self, client: Client) -> dict[str, Any] | None:
        try:
            answer = json.loads((await client.request("$JS.API.INFO", b"", timeout=1)).data)
        except (nats.errors.Error, TimeoutError):
            return None
        return None if "error" in answer else answer

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A connection of the test's own."""
        client = await nats.connect(
            [f"nats://127.0.0.1:{node.port}" for node in self.nodes],
            reconnect_time_wait=0.1,
            max_reconnect_attempts=600,
            error_cb=_hush,
        )
        try:
            yield client
        finally:
            await client.close()

    async def whole(self) -> None:
        """Until every node has every stream as its leader has it."""
        async with asyncio.timeout(120), self.client() as client:
            while not await self._caught_up(client):  # noqa: ASYNC110 - of a server, no event
                await asyncio.sleep(0.1)

    async def _caught_up(self, client: Client) -> bool:
        with suppress(nats.errors.Error, TimeoutError):
            told = json.loads((await client.request("$JS.API.STREAM.LIST", b"", timeout=1)).data)
            clusters = [one.get("cluster", {}) for one in told.get("streams", ())]
            return bool(clusters) and not told.get("missing") and all(map(_is_whole, clusters))
        return False

    async def leader(self, stream: str = "rabta") -> Node:
        """The node that leads a stream."""
        async with self.client() as client:
            while True:
                with suppress(nats.errors.Error, TimeoutError):
                    info = json.loads((await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=1)).data)
                    if name := info.get("cluster", {}).get("leader"):
                        return next(node for node in self.nodes if node.name == name)
                await asyncio.sleep(0.05)


LAG = 20
"""Writes under way, by which a replica is behind its leader at any moment while agents send; one that lacks something
older lacks more, or has not been heard of and tells no lag."""


def _is_whole(cluster: dict[str, Any]) -> bool:
    replicas = cluster.get("replicas", ())
    return bool(cluster.get("leader")) and all(
        (one.get("current") or 0 < one.get("lag", 0) <= LAG) and not one.get("offline") for one in replicas
    )


async def _hush(_: Exception) -> None:
    """Servers that are down are the test's doing."""
