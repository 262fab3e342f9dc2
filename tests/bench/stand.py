"""Collectors to be measured, each a process of its own, with agents that have joined it."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import record
from bench.process import Server, python
from lab.authority import Authority
from lab.programs import COLLECTOR
from lab.system import free_port
from rabta_collector.registry import Invite, Newcomer, Registry
from rabta_proto.vocabulary import Role

ISPS = ("ptcl", "nayatel", "zong", "jazz")
CONTROLS = 2
PLANS_AFTER_S = 30.0
"""Outside of the lab."""

_NO_LIMIT = 1_000_000_000
UNBOUNDED = {
    f"agent_{burst}{what}{rate}": _NO_LIMIT
    for what in ("bytes", "messages", "measurements")
    for burst, rate in (("", "_per_s"), ("burst_", ""))
}
"""Limits for agents that send as fast as they can."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server to be measured: its process, its ports, and its sessions' credentials. `roots`: of its TLS, if any."""

    name: str
    server: Server
    port: int
    credentials: Path
    http: int = 0
    roots: Path | None = None

    @property
    def sessions(self) -> int:
        """That its credentials are for."""
        return len(self.credentials.read_text(encoding="utf-8").splitlines())

    def load(self, size: int, measurements: int, every_s: float) -> list[str]:
        """The command that sends so many measurements in batches of a size; `every_s`: between two of an agent."""
        batches = max(1, measurements // (size * self.sessions))
        about = (self.port, self.server.pid, self.credentials, size, batches, every_s)
        return python("bench.load", *map(str, about))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a collector is to be. `limits`: other than the defaults; `more`: further lines of targets.

    `plans_after_s`: from a change of agents to new plans; outside of the lab it is half a minute.
    """

    folder: Path
    agents_per_isp: int
    limits: Mapping[str, int] = field(default_factory=dict)
    tls: bool = False
    more: str = ""
    plans_after_s: float = 0.5

    @property
    def data(self) -> Path:
        return self.folder / "collector"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials"


def prepare(order: Order) -> None:
    """Writes targets, configuration and certificate, and has agents join."""
    (order.folder / "targets.toml").write_text(targets_file() + order.more, encoding="utf-8")
    lines = ['heartbeat = "60s"', f'share_pause = "{order.plans_after_s * 1000:.0f}ms"', "[limits]"]
    lines += [f"{name} = {bound}" for name, bound in order.limits.items()]
    (order.folder / "collector.toml").write_text("\n".join(lines), encoding="utf-8")
    if order.tls:
        make_certificate(order.folder)
    order.data.mkdir(mode=0o700)
    order.credentials.write_text("\n".join(_join(order)), encoding="utf-8")


def make_certificate(folder: Path) -> None:
    """`cert.pem` and `key.pem` for this machine, and `laboratory-root.pem` to trust."""
    authority = Authority()
    authority.roots(folder)
    leaf = authority.issue("127.0.0.1", "localhost")
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())


def _join(order: Order) -> Iterator[str]:
    """Credential and role of each agent, straight into the registry: thousands would each take a commit otherwise."""
    groups = [(order.agents_per_isp, Role.PROBE, isp) for isp in ISPS] + [(CONTROLS, Role.CONTROL, "")]
    now = time.time()
    with closing(Registry(order.data / "state.sqlite")) as registry:
        for count, role, isp in groups:
            token = registry.invite(Invite(role=role, isp=isp, uses=count, expires_at=now + 3600), now=now)
            newcomer = Newcomer(isp="", province="", version="bench")
            for _ in range(count):
                agent, secret = registry.enrol(token, newcomer, now=now)
                yield f"{agent.id}.{secret} {role}"


@contextmanager
def collector(order: Order, *, ports: tuple[int, int] | None = None, within_s: float = 180.0) -> Iterator[Side]:
    """A collector in lab mode, on what was prepared; `ports`: for agents and for readers, any where it is not said."""
    grpc, http = ports or (free_port(), free_port())
    folder = order.folder
    command = [COLLECTOR, "serve", "--data", str(order.data), "--config", str(folder / "collector.toml"), "--lab"]
    command += ["--targets", str(folder / "targets.toml")]
    command += ["--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}"]
    if order.tls:
        command += ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]
    server = Server(command, log=folder / "collector.log")
    try:
        server.until(lambda: answers(f"http://127.0.0.1:{http}/readyz"), within_s)
        roots = folder / "laboratory-root.pem" if order.tls else None
        yield Side("collector", server, grpc, order.credentials, http, roots)
    finally:
        server.end()


@contextmanager
def floor(folder: Path, credentials: Path, *, tls: bool = False) -> Iterator[Side]:
    """The floor, which takes anybody's credentials."""
    log = folder / "floor.log"
    words = [str(folder / "cert.pem"), str(folder / "key.pem")] if tls else []
    server = Server(python("bench.floor_server", str(folder / "floor.sqlite"), *words), log=log)
    try:
        server.until(lambda: log.stat().st_size > 0)
        port = int(log.read_text(encoding="utf-8").split()[0])
        yield Side("floor", server, port, credentials, roots=folder / "laboratory-root.pem" if tls else None)
    finally:
        server.end()


def answers(url: str) -> bool:
    """Whether it is a good answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def targets_file() -> str:
    """Every target of the recording."""
    lines: list[str] = []
    for platform, target in sorted({(one.platform, one.target) for one in record.load().measurements}):
        lines += ["[[reference]]"] if not platform else [f'[[platform]]\nid = "{platform}"\nname = "{platform}"']
        lines += [] if not platform else ["[[platform.target]]"]
        lines += [f'url = "{target}"', 'interval = "60s"']
    return "\n".join([*lines, ""])


def run_tool(order: Order, words: Sequence[str]) -> str:
    """What a command of the collector, beside it, prints."""
    command = [COLLECTOR, *words, "--data", str(order.data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
