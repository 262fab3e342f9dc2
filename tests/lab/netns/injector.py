"""A filter beside the way: sees what comes into a router, stops none of it, and resets what names NAME.

`python -m lab.netns.injector NAME TTL IP_ID ...`: one RST for each IP_ID, at once, in the server's name (IPv4).
"""

import asyncio
import socket
import struct
import sys

_ALL_IP = 0x0800
_TCP, _RST_ACK = 6, 0x14
_HTTPS = 443


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


async def inject(name: bytes, ttl: int, ids: list[int]) -> None:
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_IP)) as seeing,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as saying,
    ):
        seeing.setblocking(False)
        print("ready", flush=True)
        while True:
            packet, (_interface, _protocol, kind, *_) = await loop.sock_recvfrom(seeing, 65_535)
            head = 4 * (packet[0] & 15)
            ours = kind != socket.PACKET_OUTGOING and packet[9] == _TCP and name in packet
            if ours and int.from_bytes(packet[head + 2 : head + 4]) == _HTTPS:
                for ip_id in ids:
                    saying.sendto(make_reset(packet, ttl, ip_id), (socket.inet_ntoa(packet[12:16]), 0))


if __name__ == "__main__":
    asyncio.run(inject(sys.argv[1].encode(), int(sys.argv[2]), [int(text) for text in sys.argv[3:]]))
