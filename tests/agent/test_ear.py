"""Without the right to raw sockets, or without Linux, it is said why nothing can be heard."""

import errno
import os
import socket
from typing import Any

import pytest

from rabta_agent.probes import ear
from rabta_agent.probes.ear import NOT_ALLOWED, NOT_HERE, Ear, find_obstacle
from rabta_agent.probes.packets import Ends

ENDS = Ends(own="127.0.0.1", own_port=1, server="127.0.0.1", server_port=2)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EAFNOSUPPORT])
def test_without_the_right_it_is_said(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(ear.socket, "socket", refuse)
    assert NOT_ALLOWED == find_obstacle()
    with pytest.raises(OSError, match=r"permitted|family"):
        Ear(ENDS)


def test_without_packet_sockets_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear, "_FAMILY", None)
    assert NOT_HERE == find_obstacle()
    with pytest.raises(OSError, match="Linux has"):
        Ear(ENDS)


@pytest.mark.root
async def test_one_connection_is_heard_and_no_other() -> None:
    """On loopback, where every packet goes by twice, once as it is sent and once as it comes in."""
    if find_obstacle():
        pytest.skip("needs root, or CAP_NET_RAW")
    with socket.create_server(("127.0.0.1", 0)) as server:
        here, stranger = socket.create_connection(server.getsockname()), socket.create_connection(server.getsockname())
        (there, _), (other, _) = server.accept(), server.accept()
        with here, stranger:
            (own, own_port), (address, port) = here.getsockname(), here.getpeername()
            heard = Ear(Ends(own=own, own_port=own_port, server=address, server_port=port))
            try:
                for end in (other, there):  # the stranger's first
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    end.close()
                packet = await heard.hear()
                assert (True, False, 64) == (packet.reset, packet.expired, packet.ttl)
                with pytest.raises(BlockingIOError):
                    heard._socket.recv(80)
            finally:
                heard.close()
