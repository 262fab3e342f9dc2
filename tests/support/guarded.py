"""Three NATS servers with the configuration that ships: TLS both ways, a password for each part, a cluster."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from rabta_collector.jetstream.place import Place, parse_place
from support.nats import Node
from support.ports import free_ports

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "nats"
NODES = 3
USERS = ("collector", "ingest", "decide", "archive", "operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """`folder` has certificates and, as NAME.password, what each user is known by."""

    folder: Path
    nodes: Sequence[Node]

    def url(self, user: str, **other: str) -> str:
        """Of the journal, as this user."""
        own = self.folder
        query = {"replicas": "3", "user": user, "password_file": str(own / f"{user}.password")}
        query |= {"ca": str(own / "ca.pem"), "cert": str(own / "cert.pem"), "key": str(own / "key.pem")} | other
        servers = ",".join(f"localhost:{node.port}" for node in self.nodes)
        return f"tls://{servers}/rabta?" + "&".join(f"{key}={value}" for key, value in query.items())

    def place(self, user: str, **other: str) -> Place:
        return parse_place(self.url(user, **other))

    def violations(self) -> list[str]:
        """What the servers refused to anybody."""
        return [line for node in self.nodes for line in node.log.splitlines() if "Violation" in line]


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """All three, started; they have to choose their leaders yet. What the folder holds already is taken as it is."""
    if not (folder / "ca.pem").exists():
        make_secrets(folder)
    made = Guarded(folder=folder, nodes=configure(folder))
    for node in made.nodes:
        node.start()
    try:
        yield made
    finally:
        for node in made.nodes:
            node.kill()


def make_secrets(folder: Path) -> None:
    """Certificates, and a password for each user."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for user in USERS:
        (folder / f"{user}.password").write_text(f"a long one of {user}\n", encoding="utf-8")
    passwords = "".join(f'OUR_PASSWORD_{user.upper()}: "a long one of {user}"\n' for user in USERS)
    (folder / "passwords.conf").write_text(passwords, encoding="utf-8")


def configure(folder: Path) -> list[Node]:
    """The file of deploy/nats as it is, and beside it what an operator fills in."""
    ports, routes, monitors = (free_ports(NODES) for _ in range(3))
    return [_node(folder, number, ports[number], routes, monitors[number]) for number in range(NODES)]


def _node(folder: Path, number: int, port: int, routes: Sequence[int], monitor: int) -> Node:
    own = folder / f"machine{number}"
    own.mkdir()
    shutil.copy(DEPLOY / "nats.conf", own / f"n{number}.conf")
    said = set(re.findall(r"^(OUR_\w+):", (DEPLOY / "machine.conf").read_text(encoding="utf-8"), re.MULTILINE))
    known = ", ".join(f'"tls://localhost:{route}"' for route in routes)
    ours = {
        "OUR_NAME": f'"n{number}"',
        "OUR_LISTEN": f'"127.0.0.1:{port}"',
        "OUR_MONITOR": f'"127.0.0.1:{monitor}"',
        "OUR_CLUSTER": f'"127.0.0.1:{routes[number]}"',
        "OUR_ROUTES": f"[{known}]",
        "OUR_CERT": f'"{folder / "cert.pem"}"',
        "OUR_KEY": f'"{folder / "key.pem"}"',
        "OUR_CA": f'"{folder / "ca.pem"}"',
        "OUR_STORE": f'"{own / "store"}"',
        "OUR_ROOM": "1GB",
    }
    assert said == ours.keys()
    text = "".join(f"{name}: {value}\n" for name, value in ours.items())
    (own / "machine.conf").write_text(text + 'include "passwords.conf"\n', encoding="utf-8")
    shutil.copy(folder / "passwords.conf", own)
    return Node(own, f"n{number}", port)
