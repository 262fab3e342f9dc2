"""What comes back of one TCP connection, packet by packet: which packets a trace is to see, and what in them. Pure.

`filter_for` is a program of the kernel's packet filter (Linux, Documentation/networking/filter.rst), to be attached
before a socket hears anything. It lets through, of what this machine receives and does not send: TCP from the server's
address and port to the connection's own; and word of a router (ICMP time exceeded, RFC 792; ICMPv6, RFC 4443) about a
packet of this connection. Of either the headers alone come through, and no other connection's are seen. A router's own
address is in them, and is not read.

Packets begin with the IP header. Those with options of IPv4 are read, fragments and extension headers of IPv6 are not.
"""

from dataclasses import dataclass
from ipaddress import ip_address

HEADER_BYTES = 80  # of IPv4 with all options, and of TCP
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD, _LOAD_HEADER = 0x30, 0x28, 0x20, 0xB1  # ld and ldx, absolute; 4 * (byte & 15)
_HALF_AFTER, _BYTE_AFTER, _WORD_AFTER = 0x48, 0x50, 0x40  # the same, the header's length further on
_EQUAL, _ANY_BIT, _AND, _GIVE = 0x15, 0x45, 0x54, 0x06
_PACKET_TYPE, _OUTGOING = 0xFFFFF000 + 4, 4  # SKF_AD_OFF + SKF_AD_PKTTYPE of linux/filter.h, PACKET_OUTGOING
_TCP, _ICMP, _ICMP6 = 6, 1, 58
_TIME_EXCEEDED = {4: 11, 6: 3}
_RST, _TCP_FLAGS_AT = 0x04, 13

Line = tuple[int, int, int, int]
"""An instruction: code, how many to pass over where it holds, and where it does not, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A connection: this machine's end of it, and the server's."""

    own: str
    own_port: int
    server: str
    server_port: int

    @property
    def version(self) -> int:
        return ip_address(self.server).version


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What came: a router's word, or a segment from the server's address, by RST told apart. `ip_id`: not in IPv6."""

    expired: bool = False
    reset: bool = False
    ttl: int = 0
    ip_id: int | None = None


def filter_for(ends: Ends) -> tuple[Line, ...]:
    """The program for one connection."""
    return _assemble(_lines4(ends) if ends.version == 4 else _lines6(ends))


_Step = tuple[int, int] | tuple[int, int, str]
"""Code and number; for a comparison also where it leads if it does not hold: `next` to the other half, `drop`."""


def _lines4(ends: Ends) -> tuple[list[_Step], list[_Step]]:
    own, server = _words(ends.own)[0], _words(ends.server)[0]
    received: list[_Step] = [(_LOAD_WORD, _PACKET_TYPE), (_EQUAL, _OUTGOING, "not"), (_LOAD_BYTE, 0), (_AND, 0xF0)]
    received += [(_EQUAL, 0x40, "drop"), (_LOAD_HALF, 6), (_ANY_BIT, 0x1FFF, "not"), (_LOAD_HEADER, 0)]
    received += [(_LOAD_WORD, 16), (_EQUAL, own, "drop"), (_LOAD_BYTE, 9)]
    segment: list[_Step] = [(_EQUAL, _TCP, "next"), (_LOAD_WORD, 12), (_EQUAL, server, "drop")]
    segment += [(_HALF_AFTER, 0), (_EQUAL, ends.server_port, "drop"), (_HALF_AFTER, 2), (_EQUAL, ends.own_port, "drop")]
    word: list[_Step] = [(_EQUAL, _ICMP, "drop"), (_BYTE_AFTER, 0), (_EQUAL, _TIME_EXCEEDED[4], "drop")]
    word += [(_BYTE_AFTER, 8), (_EQUAL, 0x45, "drop"), (_BYTE_AFTER, 8 + 9), (_EQUAL, _TCP, "drop")]
    word += [(_WORD_AFTER, 8 + 16), (_EQUAL, server, "drop"), (_HALF_AFTER, 28), (_EQUAL, ends.own_port, "drop")]
    word += [(_HALF_AFTER, 30), (_EQUAL, ends.server_port, "drop")]
    return received + segment, word


def _lines6(ends: Ends) -> tuple[list[_Step], list[_Step]]:
    received: list[_Step] = [(_LOAD_WORD, _PACKET_TYPE), (_EQUAL, _OUTGOING, "not"), (_LOAD_BYTE, 0), (_AND, 0xF0)]
    received += [(_EQUAL, 0x60, "drop"), *_address_at(24, ends.own), (_LOAD_BYTE, 6)]
    segment: list[_Step] = [(_EQUAL, _TCP, "next"), *_address_at(8, ends.server)]
    segment += [(_LOAD_HALF, 40), (_EQUAL, ends.server_port, "drop"), (_LOAD_HALF, 42), (_EQUAL, ends.own_port, "drop")]
    word: list[_Step] = [(_EQUAL, _ICMP6, "drop"), (_LOAD_BYTE, 40), (_EQUAL, _TIME_EXCEEDED[6], "drop")]
    word += [(_LOAD_BYTE, 48 + 6), (_EQUAL, _TCP, "drop"), *_address_at(48 + 24, ends.server)]
    word += [(_LOAD_HALF, 88), (_EQUAL, ends.own_port, "drop"), (_LOAD_HALF, 90), (_EQUAL, ends.server_port, "drop")]
    return received + segment, word


def _address_at(at: int, address: str) -> list[_Step]:
    steps: list[_Step] = []
    for number, word in enumerate(_words(address)):
        steps += [(_LOAD_WORD, at + 4 * number), (_EQUAL, word, "drop")]
    return steps


def _words(address: str) -> tuple[int, ...]:
    packed = ip_address(address).packed
    return tuple(int.from_bytes(packed[at : at + 4]) for at in range(0, len(packed), 4))


def _assemble(halves: tuple[list[_Step], list[_Step]]) -> tuple[Line, ...]:
    """Writes the way of each comparison as a number: `not` means that it is to fail."""
    first, second = halves
    whole: list[_Step] = [*first, (_GIVE, HEADER_BYTES), *second, (_GIVE, HEADER_BYTES), (_GIVE, 0)]
    places = {"next": len(first) + 1, "drop": len(whole) - 1, "not": len(whole) - 1}
    lines: list[Line] = []
    for at, step in enumerate(whole):
        if len(step) == 2:
            lines.append((step[0], 0, 0, step[1]))
            continue
        code, number, way = step
        far = places[way] - at - 1
        lines.append((code, far, 0, number) if way == "not" else (code, 0, far, number))
    return tuple(lines)


def read_packet(data: bytes, ends: Ends) -> Packet | None:
    """What the filter let through; `None` for what cannot be read after all."""
    try:
        return _read4(data) if ends.version == 4 else _read6(data)
    except IndexError:
        return None


def _read4(data: bytes) -> Packet:
    if data[9] == _ICMP:
        return Packet(expired=True)
    after = 4 * (data[0] & 15)
    return Packet(reset=bool(data[after + _TCP_FLAGS_AT] & _RST), ttl=data[8], ip_id=int.from_bytes(data[4:6]))


def _read6(data: bytes) -> Packet:
    if data[6] == _ICMP6:
        return Packet(expired=True)
    return Packet(reset=bool(data[40 + _TCP_FLAGS_AT] & _RST), ttl=data[7])
