"""Two regions, each a network namespace, with NATS servers, a process of each part and agents; the link can be cut.

    TAG-north 10.78.0.2 ── 10.78.0.1 TAG-way 10.78.1.1 ── 10.78.1.2 TAG-south
    two servers, ingest, decide                one server, ingest, decide

A cut loses packets both ways and tells nobody, as a line does that somebody dug up.
"""

import asyncio
import contextlib
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import nats

from faults.asked import PATIENCE_S
from faults.fleet import KEYS
from faults.rig import BEAT_S, CHECKPOINT, TESTS, Answer, Member, _ask
from lab.netns import namespaces
from lab.netns.namespaces import inside, new_tag, remove, run_ip, sweep, write_settings
from lab.programs import AGENT, COLLECTOR, Program, environment, run
from lab.waiting import until
from rabta_collector.jetstream.place import Place, parse_place
from support.nats import Node

T = TypeVar("T")
ADDRESSES = {"north": "10.78.0.2", "south": "10.78.1.2"}
NODES = (("n0", "north"), ("n1", "north"), ("n2", "south"))
CLIENTS, ROUTES, GRPC, HTTP = 4222, 6222, 50051, {"ingest": 8081, "decide": 8080}
STREAMS = ("rabta", "rabta_LEASES", "KV_rabta_registry")
SERVER = """write_deadline: "5s"
jetstream {{
    store_dir: "{store}"
    max_memory_store: 64MB
    max_file_store: 1GB
}}
cluster {{
    name: lab
    listen: "{host}:{port}"
    routes: [{routes}]
}}
"""


def port_of(node: str, base: int) -> int:
    return base + int(node[1:])


@dataclass(frozen=True, slots=True)
class Part:
    """A process of one region."""

    region: "Region"
    role: str
    data: Path
    program: Program

    async def start(self) -> None:
        await self.program.start()

        async def ready() -> bool:
            assert self.program.running, f"{self.region.name} {self.role} ended: {self.program.last_words()}"
            return (await self.ask("readyz")).status == 200

        await until(ready, within=PATIENCE_S, beat=BEAT_S)

    async def ask(self, path: str) -> Answer:
        return await asyncio.to_thread(_ask, f"http://127.0.0.1:{HTTP[self.role]}/{path}", self.region.namespace)

    async def tells(self) -> bool:
        """Whether this process tells Prometheus of the country."""
        return "rabta_isp_info{" in (await self.ask("metrics")).text


class Region:
    """One of the two."""

    def __init__(self, name: str, tag: str) -> None:
        self.name, self.namespace, self.address = name, f"{tag}-{name}", ADDRESSES[name]
        self.through = ("ip", "netns", "exec", self.namespace)
        self.nodes: list[Node] = []
        self.ingest: Part
        self.decide: Part
        self.crowd: Program
        self.member: Member

    async def within(self, work: Callable[[], T]) -> T:
        """Does something that blocks in this region, on a thread of its own, whose threads are there, too."""

        def there() -> T:
            with inside(self.namespace):
                return work()

        return await asyncio.to_thread(there)

    def told(self, since: float, until: float) -> dict[str, float]:
        """What the first agent of the crowd was told between two moments, Unix seconds, and when first."""
        lines = re.findall(r"^(\d+\.\d+) (\w+)\n", self.crowd.log.read_text(encoding="utf-8"), re.MULTILINE)
        found = [(word, float(at)) for at, word in lines if since <= float(at) < until]
        return dict(reversed(found))


class Regions:
    """Both."""

    def __init__(self, root: Path, tag: str) -> None:
        self.root, self._tag, self._way = root, tag, f"{tag}-way"
        self.north, self.south = Region("north", tag), Region("south", tag)
        self.both = (self.north, self.south)
        self.place: Place = parse_place(f"nats://{self._servers(CLIENTS)}/rabta?replicas=3")
        self.targets, self.logs = root / "targets.toml", root / "logs"
        self.logs.mkdir()
        self.urls = [f"tcp://127.0.0.1:{port}" for port in range(1000, 1005)]
        platform = '[[platform]]\nid = "x"\nname = "X"\ncategory = "GRP"\n'
        each = (f'[[platform.target]]\nurl = "{url}"\ninterval = "5s"\n' for url in self.urls)
        self.targets.write_text(platform + "".join(each), encoding="utf-8")
        for name, side in NODES:
            region = self._region(side)
            region.nodes.append(self._node(name, region))
        for region in self.both:
            region.ingest, region.decide = self._part(region, "ingest"), self._part(region, "decide")

    def _region(self, name: str) -> Region:
        return self.north if name == "north" else self.south

    def _servers(self, base: int, scheme: str = "") -> str:
        return ",".join(f"{scheme}{ADDRESSES[side]}:{port_of(name, base)}" for name, side in NODES)

    def _node(self, name: str, region: Region) -> Node:
        routes = ", ".join(f'"{one}"' for one in self._servers(ROUTES, "nats://").split(","))
        store, own = self.root / name, port_of(name, ROUTES)
        text = SERVER.format(store=store, host=region.address, port=own, routes=routes)
        return Node(self.root, name, port_of(name, CLIENTS), text, host=region.address, through=region.through)

    def _part(self, region: Region, role: str) -> Part:
        data = self.root / f"{region.name}-{role}"
        where = [f"--grpc=0.0.0.0:{GRPC}", f"--http=0.0.0.0:{HTTP[role]}"]
        command = [*region.through, COLLECTOR, role, f"--data={data}", *where, f"--targets={self.targets}", "--lab"]
        endpoints = ",".join(f"http://{one.address}:{GRPC}" for one in self.both)
        env = environment(
            RABTA_LOG_LEVEL="debug",
            RABTA_CHECKPOINT=CHECKPOINT,
            RABTA_JOURNAL=str(self.place),
            RABTA_ENDPOINTS=endpoints,
        )
        return Part(region, role, data, Program(command, env, self.logs / f"{region.name}-{role}.log"))

    # The link

    async def lay(self) -> None:
        names = (self.north.namespace, self._way, self.south.namespace)
        await run_ip(f"netns add {name}" for name in names)
        for number, region in enumerate(self.both):
            await run_ip([f"link add {region.name} netns {self._way} type veth peer name way netns {region.namespace}"])
            up = ["link set lo up", f"address add {region.address}/24 dev way", "link set way up"]
            await run_ip([*up, f"route add default via 10.78.{number}.1"], region.namespace)
            ours = f"address add 10.78.{number}.1/24 dev {region.name}"
            await run_ip([ours, f"link set {region.name} up"], self._way)
        write_settings(self._way, {"ipv4/ip_forward": "1"})

    async def cut(self) -> None:
        await namespaces.run("ip", "netns", "exec", self._way, "iptables", "-A", "FORWARD", "-j", "DROP")

    async def mend(self) -> None:
        await namespaces.run("ip", "netns", "exec", self._way, "iptables", "-F", "FORWARD")

    def empty(self, region: Region) -> None:
        """Ends a region's servers, and takes what they have."""
        for node in region.nodes:
            node.kill()
            shutil.rmtree(self.root / node.name)

    # Their life

    async def start(self, first: Region) -> None:
        """Everything; the process that decides in `first` is the one that tells."""
        for region in self.both:
            for node in region.nodes:
                node.start()
        await self._led()
        await self.north.ingest.start()
        self.south.ingest.data.mkdir(mode=0o700)
        for key in KEYS:
            shutil.copy(self.north.ingest.data / key, self.south.ingest.data / key)
        (second,) = (region for region in self.both if region is not first)
        await asyncio.gather(self.south.ingest.start(), first.decide.start())
        await until(first.decide.tells, within=PATIENCE_S, beat=BEAT_S)
        await second.decide.start()

    async def _led(self) -> None:
        """Until JetStream has a leader."""

        async def led() -> bool:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                return "error" not in await self._asked("INFO")
            return False

        await until(led, within=PATIENCE_S)

    async def _asked(self, what: str, text: bytes = b"") -> dict[str, Any]:
        """JetStream's answer, over a server in the north."""

        async def ask() -> dict[str, Any]:
            client = await nats.connect(f"nats://{self.north.address}:{CLIENTS}", error_cb=_hush, connect_timeout=2)
            try:
                answer: dict[str, Any] = json.loads((await client.request(f"$JS.API.{what}", text, timeout=2)).data)
                return answer
            finally:
                await client.close()

        return await self.north.within(lambda: asyncio.run(ask()))

    async def lead_from(self, region: Region) -> None:
        """Has a server of a region lead every stream."""
        names = {node.name for node in region.nodes}
        for stream in STREAMS:

            async def leads(stream: str = stream) -> bool:
                with contextlib.suppress(nats.errors.Error, TimeoutError):
                    if (await self._asked(f"STREAM.INFO.{stream}"))["cluster"].get("leader") in names:
                        return True
                    await self._asked(f"STREAM.LEADER.STEPDOWN.{stream}")
                return False

            await until(leads, within=PATIENCE_S)

    def gather(self, region: Region, credentials: list[str]) -> None:
        """A crowd of a region's own, that has joined."""
        file = self.root / f"{region.name}.credentials"
        file.write_text("\n".join(credentials), encoding="utf-8")
        errand = {"ports": [GRPC], "credentials": str(file), "targets": self.urls, "batch": 5, "every_s": 1.0}
        command = [*region.through, sys.executable, "-m", "faults.witness", json.dumps(errand)]
        region.crowd = Program(command, environment(PYTHONPATH=str(TESTS)), self.logs / f"{region.name}-crowd.log")

    async def join(self, region: Region, token: str) -> None:
        """An agent with a spool and a diary, which knows both sides."""
        home, diary = self.root / f"{region.name}-agent", self.root / f"{region.name}.diary"
        env = environment(RABTA_HOME=str(home), RABTA_LAB="1", PYTHONPATH=str(TESTS))
        produce = [*region.through, sys.executable, "-m", "faults.producer", str(diary)]
        program = Program(produce, env, self.logs / f"{region.name}-agent.log")
        url = f"http://{region.address}:{GRPC}"
        await run(*region.through, AGENT, "join", url, "--invite", token, env=env)
        region.member = Member(name=region.name, home=home, diary=diary, program=program)
        region.member.id = str(json.loads((home / "credential.json").read_text(encoding="utf-8"))["agent_id"])

    async def end(self) -> None:
        for region in self.both:
            programs = [region.ingest.program, region.decide.program]
            programs += [region.crowd] if hasattr(region, "crowd") else []
            programs += [region.member.program] if hasattr(region, "member") else []
            await asyncio.gather(*(program.stop() for program in programs))
            for node in region.nodes:
                node.kill()


@contextlib.asynccontextmanager
async def regions(root: Path) -> AsyncIterator[Regions]:
    """Taken away in the end with all processes in them; what a killed run left behind goes first."""
    await sweep()
    tag = new_tag()
    made = Regions(root, tag)
    try:
        await made.lay()
        yield made
    finally:
        await made.end()
        await remove(tag)


async def _hush(_: Exception) -> None:
    """Servers beyond the cut are the test's doing."""
