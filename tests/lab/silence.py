"""Silence in answer to a SYN: a socket filter drops a listener's incoming packets, as a firewall's DROP would.

A classic BPF program (bpf(4), Linux `SO_ATTACH_FILTER`, no privilege needed) on the listening socket matches the
packet's source address; a dropped SYN is never answered, so the client's connect runs into its own timeout.
Connections accepted later inherit the filter, which by then lets them pass; those accepted earlier keep theirs.
"""

import ctypes
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Network

_SO_ATTACH_FILTER = 26
_NETWORK_HEADER = 0xFFF00000  # SKF_NET_OFF: offsets from here count from the IP header
_SOURCE_ADDRESS = _NETWORK_HEADER + 12
_LOAD_WORD, _AND, _JUMP_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_DROP, _PASS = 0, 0xFFFFFFFF

Instruction = tuple[int, int, int, int]


def program(sources: Sequence[IPv4Network]) -> list[Instruction]:
    """Drops what comes from one of these networks, passes the rest."""
    instructions: list[Instruction] = []
    for source in sources:
        instructions += [
            (_LOAD_WORD, 0, 0, _SOURCE_ADDRESS),
            (_AND, 0, 0, int(source.netmask)),
            (_JUMP_EQUAL, 0, 1, int(source.network_address)),
            (_RETURN, 0, 0, _DROP),
        ]
    return [*instructions, (_RETURN, 0, 0, _PASS)]


def drop_from(listener: socket.socket, sources: Sequence[IPv4Network]) -> None:
    """From now on the listener hears nothing from these networks; an empty sequence lifts the silence."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program(sources))
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
