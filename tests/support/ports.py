"""Ports of this machine that nobody else gets while they are held, and where nobody listens.

A port that was free a moment ago may be another program's now. So a socket holds it, which does not listen: whoever
connects is refused, nobody is given that number, and a server that is started there may have it all the same, for it
binds with SO_REUSEADDR, as servers do.
"""

import socket
from collections import deque

MOST = 64
"""That are held at once; whoever has the oldest of more than these is long done."""

_held: deque[socket.socket] = deque()


def held(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Holds a port, or this one, until it is closed. Raises `OSError` where that is another's."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def hold(host: str = "127.0.0.1", port: int = 0) -> int:
    """Holds a port, or this one, for as long as it may be wanted."""
    _held.append(held(host, port))
    if len(_held) > MOST:
        _held.popleft().close()
    return int(_held[-1].getsockname()[1])


def free_ports(count: int) -> list[int]:
    return [hold() for _ in range(count)]
