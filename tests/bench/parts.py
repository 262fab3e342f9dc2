"""A collector in parts on real NATS servers, to be measured: so many that take agents, and two that decide.

One of these decides on everything; the other one has a share of the ISPs at which nobody is.
"""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import stand
from bench.process import BenchError, Server, cpu_s
from lab.programs import COLLECTOR
from lab.system import free_port
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.isps import default_isps
from support.nats import Nats

KEYS = ("plan.key", "import.key")
LISTED = [isp.id for isp in default_isps()]
NOBODYS = next(IspShare(place, len(LISTED)) for place, isp in enumerate(LISTED, 1) if isp not in stand.ISPS)
"""The share of an ISP at which nobody is."""

LOAD_S = 300.0  # after which something hangs


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`credentials`: one file for each process that takes agents. `passes`: leaves all measurements unread."""

    nats: Nats
    ingests: Sequence[stand.Side]
    decide: stand.Side
    passes: stand.Side

    def nats_cpu_s(self) -> float:
        return sum(cpu_s(node.pid) for node in self.nats.nodes)

    def load(self, size: int, measurements: int, every_s: float = 0.0) -> list[dict[str, float]]:
        """One run against all of them at once; what each load said. `every_s`: between two batches of an agent."""
        each = measurements // len(self.ingests)
        commands = [side.load(size, each, every_s) for side in self.ingests]
        loads = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        try:
            said = [load.communicate(timeout=LOAD_S)[0] for load in loads]
        except subprocess.TimeoutExpired:
            raise BenchError(f"load: not done after {LOAD_S:g} s") from None
        finally:
            for load in loads:
                load.kill()
        if any(load.returncode for load in loads):
            raise BenchError("a load failed")
        return [json.loads(text) for text in said]

    def stored_bytes(self) -> int:
        """Of the stream on each of its nodes."""

        async def ask() -> int:
            async with self.nats.client() as client:
                answer = await client.request("$JS.API.STREAM.INFO.rabta", b"", timeout=10)
                return int(json.loads(answer.data)["state"]["bytes"])

        return asyncio.run(ask())


@contextmanager
def parts(order: stand.Order, *, replicas: int, ingests: int) -> Iterator[Parts]:
    """On so many nodes as there are replicas; what `stand.prepare` wrote is where the first one begins."""
    with ExitStack() as stack:
        nats = Nats(order.folder, nodes=replicas)
        for node in nats.nodes:
            node.start()
            stack.callback(node.kill)
        asyncio.run(nats.ready())
        lines = order.credentials.read_text(encoding="utf-8").splitlines()
        sides = []
        for number in range(ingests):
            data = order.data if number == 0 else order.folder / f"ingest{number}"
            if number:
                data.mkdir(mode=0o700)
                for key in KEYS:
                    shutil.copy(order.data / key, data / key)
            own = order.folder / f"credentials{number}"
            own.write_text("\n".join(lines[number::ingests]), encoding="utf-8")
            sides.append(stack.enter_context(_process(order, "ingest", number, data, nats, own)))
        decide = _process(order, "decide", 0, order.folder / "decide", nats, order.credentials)
        passes = _process(order, "decide", 1, order.folder / "passes", nats, order.credentials, share=NOBODYS)
        yield Parts(nats=nats, ingests=sides, decide=stack.enter_context(decide), passes=stack.enter_context(passes))


@contextmanager
def _process(
    order: stand.Order,
    part: str,
    number: int,
    data: Path,
    nats: Nats,
    credentials: Path,
    *,
    share: IspShare = WHOLE,
) -> Iterator[stand.Side]:
    grpc, http, folder = free_port(), free_port(), order.folder
    command = [COLLECTOR, part, "--data", str(data), "--config", str(folder / "collector.toml"), "--lab"]
    command += ["--targets", str(folder / "targets.toml"), "--journal", nats.url()]
    command += [] if share.whole else ["--share", str(share)]
    command += ["--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}"]
    server = Server(command, log=folder / f"{part}{number}.log")
    try:
        server.until(lambda: stand.answers(f"http://127.0.0.1:{http}/readyz"))
        yield stand.Side(part, server, grpc, credentials, http)
    finally:
        server.end()
