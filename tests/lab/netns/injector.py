"""A filter beside the way: sees what comes into a router, stops none of it, and resets what names NAME.

`python -m lab.netns.injector NAME TTL IP_ID ...`: one RST for each IP_ID, at once, in the server's name (IPv4). At
SIGTERM it says by how many seconds it was late at most, from when the kernel had seen a packet: `late 0.001`.
"""

import asyncio
import contextlib
import signal
import socket
import struct
import sys
import time

_ALL_IP = 0x0800
_TCP, _RST_ACK = 6, 0x14
_HTTPS = 443
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; what comes with a packet is a `struct timespec`
_TIMESPEC = struct.Struct("@qq")


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_reset(packet: bytes, ttl: int, ip_id: int) -> bytes:
    """What the server might have answered to a packet."""
    head = 4 * (packet[0] & 15)
    client, server = packet[12:16], packet[16:20]
    own_port, port, sequence, acknowledged = struct.unpack_from("!HHII", packet, head)
    length = int.from_bytes(packet[2:4]) - head - 4 * (packet[head + 12] >> 4)
    told = struct.pack("!HHIIBBHHH", port, own_port, acknowledged, sequence + length, 5 << 4, _RST_ACK, 0, 0, 0)
    pseudo = server + client + struct.pack("!BBH", 0, _TCP, len(told))
    segment = told[:16] + struct.pack("!H", checksum(pseudo + told)) + told[18:]
    fields = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), ip_id, 0, ttl, _TCP, 0, server, client)
    return fields + segment


def concerns(packet: bytes, name: bytes) -> bool:
    port = 4 * (packet[0] & 15) + 2
    return packet[9] == _TCP and name in packet and int.from_bytes(packet[port : port + 2]) == _HTTPS


class Filter:
    """`late_s`: the longest from a packet to the resets that it set off."""

    def __init__(self, seeing: socket.socket, saying: socket.socket, name: bytes, ttl: int, ids: list[int]) -> None:
        self._seeing, self._saying = seeing, saying
        self._name, self._ttl, self._ids = name, ttl, ids
        self.late_s = 0.0
        seeing.setblocking(False)
        seeing.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def take(self) -> None:
        """All that has come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, told, _, (_, _, kind, *_) = self._seeing.recvmsg(65_535, socket.CMSG_SPACE(_TIMESPEC.size))
                if kind != socket.PACKET_OUTGOING and concerns(packet, self._name):
                    self._reset(packet)
                    self._note(told)

    def _reset(self, packet: bytes) -> None:
        for ip_id in self._ids:
            self._saying.sendto(make_reset(packet, self._ttl, ip_id), (socket.inet_ntoa(packet[12:16]), 0))

    def _note(self, told: list[tuple[int, int, bytes]]) -> None:
        now = time.time()
        for level, kind, data in told:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, rest = _TIMESPEC.unpack(data)
                self.late_s = max(self.late_s, now - seconds - rest / 1e9)


async def inject(name: bytes, ttl: int, ids: list[int]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_IP)) as seeing,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as saying,
    ):
        injecting = Filter(seeing, saying, name, ttl, ids)
        loop.add_reader(seeing, injecting.take)
        print("ready", flush=True)
        await stop.wait()
        loop.remove_reader(seeing)
        injecting.take()
        print(f"late {injecting.late_s:.3f}", flush=True)


if __name__ == "__main__":
    asyncio.run(inject(sys.argv[1].encode(), int(sys.argv[2]), [int(text) for text in sys.argv[3:]]))
