"""What sockets a process has, as the kernel tells it (proc(5), Linux)."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"  # TCP_LISTEN of linux/tcp_states.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """`kind` is tcp, tcp6, udp or udp6. `connected`: it hears one peer alone."""

    kind: str
    local: str
    connected: bool
    listening: bool


def sockets_of(pid: int) -> list[Socket]:
    """Those of one process, of the network that it is in; none once it has ended."""
    root = Path("/proc") / str(pid)
    inodes = set(_inodes(root / "fd"))
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        with suppress(OSError):
            for line in (root / "net" / kind).read_text(encoding="ascii").splitlines()[1:]:
                _, local, remote, state, *rest = line.split()
                if rest[5] in inodes:
                    found.append(_socket(kind, local, remote, state))
    return found


def sleeps(pid: int) -> int | None:
    """How often its first thread has gone to sleep so far; `None` where it does not sleep now.

    What a process has while it sleeps is what it waits with: between two calls that make a socket it does not.
    """
    root = Path("/proc") / str(pid)
    try:
        state = (root / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
        counted = re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", (root / "status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(counted[1]) if counted and state == "S" else None


def _socket(kind: str, local: str, remote: str, state: str) -> Socket:
    connected = not remote.endswith(":0000")
    return Socket(
        kind=kind,
        local=local,
        connected=connected,
        # A UDP socket with a port and without a peer hears everybody.
        listening=state == _LISTEN if kind.startswith("tcp") else not connected and not local.endswith(":0000"),
    )


def _inodes(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in folder.iterdir():
            with suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield target.removeprefix("socket:[").removesuffix("]")


def own_names() -> tuple[str, ...]:
    """What this machine is called, where that is long enough to be told from other words."""
    return tuple(name for name in {socket.gethostname(), socket.getfqdn()} if len(name) > 7)
