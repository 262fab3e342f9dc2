"""The configuration for three NATS servers, on three that run: TLS both ways, a password, a journal on all of them."""

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.journal_file import UnusableJournalError
from rabta_proto.v1 import collector_pb2 as link
from support.journaling import Kept
from support.nats import Node, free_ports

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "nats"
NODES = 3


def certificates(folder: Path, ca: trustme.CA) -> tuple[Path, Path]:
    issued = ca.issue_cert("localhost", "127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


def machines(folder: Path, ports: list[int]) -> list[Node]:
    """The file of deploy/nats as it is, and beside it what an operator fills in."""
    cert, key = certificates(folder, ca := trustme.CA())
    ca.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "password").write_text("a long one\n")
    routes, nodes = free_ports(NODES), []
    known = ", ".join(f'"tls://127.0.0.1:{port}"' for port in routes)
    for number, port in enumerate(ports):
        own = folder / f"machine{number}"
        own.mkdir()
        shutil.copy(DEPLOY / "nats.conf", own / f"n{number}.conf")
        said = {line.partition(":")[0] for line in (DEPLOY / "machine.conf").read_text().splitlines() if line[0] != "#"}
        ours = {
            "OUR_NAME": f'"n{number}"',
            "OUR_LISTEN": f'"127.0.0.1:{port}"',
            "OUR_CLUSTER": f'"127.0.0.1:{routes[number]}"',
            "OUR_ROUTES": f"[{known}]",
            "OUR_CERT": f'"{cert}"',
            "OUR_KEY": f'"{key}"',
            "OUR_CA": f'"{folder / "ca.pem"}"',
            "OUR_STORE": f'"{own / "store"}"',
            "OUR_ROOM": "1GB",
            "OUR_PASSWORD": '"a long one"',
        }
        assert said == ours.keys()
        (own / "machine.conf").write_text("".join(f"{name}: {value}\n" for name, value in ours.items()))
        nodes.append(Node(own, f"n{number}", port))
    return nodes


def place(folder: Path, ports: list[int], **other: str) -> Place:
    query = {"replicas": "3", "user": "collector", "password_file": str(folder / "password")}
    query |= {"ca": str(folder / "ca.pem"), "cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")} | other
    servers = ",".join(f"localhost:{port}" for port in ports)
    return parse_place(f"tls://{servers}/rabta?" + "&".join(f"{key}={value}" for key, value in query.items()))


async def test_a_journal_is_kept_on_all_three_and_by_nobody_else(tmp_path: Path) -> None:
    ports = free_ports(NODES)
    nodes = machines(tmp_path, ports)
    for node in nodes:
        node.start()
    try:
        where = place(tmp_path, ports)
        async with Kept(where).running() as kept:
            assert {1: link.OUTCOME_ACCEPTED} == await kept.deliver(1)
        with closing(StreamRows(where)) as rows:
            assert 3 == rows.replicas()
        (tmp_path / "wrong").write_text("another")
        with pytest.raises(UnusableJournalError):
            await asyncio.to_thread(Kept, place(tmp_path, ports, password_file=str(tmp_path / "wrong")))
    finally:
        for node in nodes:
            node.kill()
