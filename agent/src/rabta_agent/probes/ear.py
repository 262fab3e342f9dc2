"""Hears the packets of one connection of ours as they come in (packet(7)), which takes CAP_NET_RAW on Linux.

Invariant: the filter (packets.py) is attached before the socket is bound to a protocol; until then nothing is heard. So
no packet of another connection is ever seen, not for an instant. Nothing is sent from here.
"""

import asyncio
import errno
import os
import socket
import struct

from rabta_agent.probes.packets import HEADER_BYTES, Ends, Packet, filter_for, read_packet
from rabta_agent.words import mark

_PROTOCOLS = {4: 0x0800, 6: 0x86DD}  # ETH_P_IP, ETH_P_IPV6
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of asm-generic/socket.h
_FAMILY = getattr(socket, "AF_PACKET", None)

NOT_HERE = mark("this system has no packet sockets; Linux has")
NOT_ALLOWED = mark("it takes the right to open raw sockets (CAP_NET_RAW), which this agent does not have")


def find_obstacle() -> str:
    """Why nothing can be heard here, to be translated; empty: it can."""
    if _FAMILY is None:
        return NOT_HERE
    try:
        with socket.socket(_FAMILY, socket.SOCK_DGRAM, 0):
            return ""
    except OSError:  # EPERM without the right; EAFNOSUPPORT where a service may not make such sockets
        return NOT_ALLOWED


class Ear:
    """Open from the moment that it is made until `close`. Raises `OSError` where it cannot be opened."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        if _FAMILY is None:
            raise OSError(errno.EAFNOSUPPORT, NOT_HERE)
        self._socket = socket.socket(_FAMILY, socket.SOCK_DGRAM, 0)
        try:
            self._socket.setblocking(False)
            _attach(self._socket, ends)
            _bind(self._socket, _PROTOCOLS[ends.version])
        except BaseException:
            self._socket.close()
            raise

    async def hear(self) -> Packet:
        """The next packet that says something."""
        while True:
            data = await asyncio.get_running_loop().sock_recv(self._socket, HEADER_BYTES)
            if (packet := read_packet(data, self._ends)) is not None:
                return packet

    def close(self) -> None:
        self._socket.close()


def _attach(opened: socket.socket, ends: Ends) -> None:
    """Hands the program over as `struct sock_fprog` of linux/filter.h: how many lines, and where they lie."""
    import ctypes  # only for who traces: it takes memory, and on systems with an old libffi may not be had in a service

    lines = filter_for(ends)
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(lines), ctypes.addressof(program)))


def _bind(opened: socket.socket, protocol: int) -> None:
    """To every interface, which is number 0 of `struct sockaddr_ll` and has no name: Python asks for one."""
    import ctypes

    address = struct.pack("=HHiHBB8s", opened.family, socket.htons(protocol), 0, 0, 0, 0, b"")
    if ctypes.CDLL(None, use_errno=True).bind(opened.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
