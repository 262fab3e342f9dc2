"""The filter lets through what belongs to one connection and nothing else, and it is read for what it is.

The programs are run here by an interpreter of the few instructions that they have; that a kernel takes them, and sees
the same in them, is in tests/lab/netns/test_tracing.py.
"""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from rabta_agent.probes.packets import HEADER_BYTES, Ends, Packet, filter_for, read_packet

ENDS4 = Ends(own="192.168.1.2", own_port=40_000, server="104.244.42.1", server_port=443)
ENDS6 = Ends(own="2400:adc0::2", own_port=40_000, server="2606:4700::1", server_port=443)
BOTH = pytest.mark.parametrize("ends", [ENDS4, ENDS6], ids=["IPv4", "IPv6"])
RECEIVED, SENT = 0, 4
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58


def run(ends: Ends, packet: bytes, kind: int = RECEIVED) -> int:
    """How many bytes the filter lets through; loads beyond a packet's end let none through, as in the kernel."""
    program, a, x, at = filter_for(ends), 0, 0, 0
    sizes = {0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4, 0x48: 2, 0x50: 1}
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == 0x06:
            return k
        if code in (0x15, 0x45):
            at += yes if (a == k if code == 0x15 else a & k) else no
        elif code == 0x54:
            a &= k
        elif code == 0xB1:
            x = 4 * (packet[k] & 15)
        elif k >= 0xFFFFF000:
            a = kind
        else:
            start, size = k + (x if code in (0x40, 0x48, 0x50) else 0), sizes[code]
            if start + size > len(packet):
                return 0
            a = int.from_bytes(packet[start : start + size])


def ip(source: str, target: str, protocol: int, payload: bytes, *, ttl: int = 57, options: bytes = b"") -> bytes:
    packed = ip_address(source).packed + ip_address(target).packed
    if ":" in source:
        return bytes([0x60, 0, 0, 0]) + len(payload).to_bytes(2) + bytes([protocol, ttl]) + packed + payload
    words = 5 + len(options) // 4
    head = bytes([0x40 | words, 0]) + (4 * words + len(payload)).to_bytes(2)
    return head + b"\x12\x34" + bytes([0, 0, ttl, protocol, 0, 0]) + packed + options + payload


def segment(source_port: int, target_port: int, flags: int = 0x10) -> bytes:
    return source_port.to_bytes(2) + target_port.to_bytes(2) + bytes(9) + bytes([flags]) + bytes(6) + b"payload"


def from_server(ends: Ends, flags: int = 0x10, *, ttl: int = 57) -> bytes:
    return ip(ends.server, ends.own, TCP, segment(ends.server_port, ends.own_port, flags), ttl=ttl)


def word_of_a_router(ends: Ends, *, router: str = "", type_: int | None = None, about: bytes | None = None) -> bytes:
    four = ends.version == 4
    quoted = about or ip(ends.own, ends.server, TCP, segment(ends.own_port, ends.server_port))
    kind = type_ if type_ is not None else 11 if four else 3
    source = router or ("100.64.0.1" if four else "2400:adc0::1")
    return ip(source, ends.own, ICMP if four else ICMP6, bytes([kind, 0]) + bytes(6) + quoted)


@BOTH
def test_what_the_server_s_address_sends_is_let_through(ends: Ends) -> None:
    for flags in (0x04, 0x14, 0x10, 0x12, 0x11):
        assert HEADER_BYTES == run(ends, from_server(ends, flags))


@BOTH
def test_a_router_s_word_about_the_connection_is_let_through(ends: Ends) -> None:
    assert HEADER_BYTES == run(ends, word_of_a_router(ends))


@BOTH
def test_what_this_machine_sends_is_not(ends: Ends) -> None:
    assert 0 == run(ends, from_server(ends), SENT)
    assert 0 == run(ends, ip(ends.own, ends.server, TCP, segment(ends.own_port, ends.server_port)))


@BOTH
def test_no_other_connection_is_seen(ends: Ends) -> None:
    strangers = [
        replace(ends, own_port=40_001),
        replace(ends, server_port=80),
        replace(ends, server="93.184.216.34" if ends.version == 4 else "2606:4700::2"),
        replace(ends, own="192.168.1.3" if ends.version == 4 else "2400:adc0::3"),
    ]
    for other in strangers:
        assert 0 == run(ends, from_server(other))
        assert 0 == run(ends, from_server(other, 0x04))
        if other.own == ends.own:
            assert 0 == run(ends, word_of_a_router(other))


@BOTH
def test_no_other_word_of_a_router_is_seen(ends: Ends) -> None:
    assert 0 == run(ends, word_of_a_router(ends, type_=8 if ends.version == 4 else 128))  # ping
    assert 0 == run(ends, word_of_a_router(ends, type_=3 if ends.version == 4 else 1))  # unreachable
    datagram = ip(ends.own, ends.server, UDP, segment(ends.own_port, ends.server_port))
    assert 0 == run(ends, word_of_a_router(ends, about=datagram))


@BOTH
def test_neither_datagrams_nor_fragments_nor_the_other_ip_are_seen(ends: Ends) -> None:
    assert 0 == run(ends, ip(ends.server, ends.own, UDP, segment(ends.server_port, ends.own_port)))
    other = ENDS6 if ends is ENDS4 else ENDS4
    assert 0 == run(ends, from_server(other))
    if ends is ENDS4:
        packet = bytearray(from_server(ends))
        packet[7] = 1  # the fragment's offset
        assert 0 == run(ends, bytes(packet))


@BOTH
def test_what_is_too_short_is_not_seen(ends: Ends) -> None:
    for whole in (from_server(ends), word_of_a_router(ends)):
        least = 24 if ends.version == 4 else 44
        assert all(run(ends, whole[:length]) == 0 for length in range(least))


def test_a_header_with_options_is_read_as_well() -> None:
    packet = ip(ENDS4.server, ENDS4.own, TCP, segment(443, 40_000, 0x04), options=b"\x01" * 8)
    assert HEADER_BYTES == run(ENDS4, packet)
    assert Packet(reset=True, ttl=57, ip_id=0x1234) == read_packet(packet[:HEADER_BYTES], ENDS4)


def test_what_came_is_told_apart() -> None:
    assert Packet(reset=True, ttl=61, ip_id=0x1234) == read_packet(from_server(ENDS4, 0x14, ttl=61), ENDS4)
    assert Packet(ttl=61, ip_id=0x1234) == read_packet(from_server(ENDS4, 0x10, ttl=61), ENDS4)
    assert Packet(reset=True, ttl=61) == read_packet(from_server(ENDS6, 0x04, ttl=61), ENDS6)
    assert Packet(ttl=61) == read_packet(from_server(ENDS6, ttl=61), ENDS6)


@BOTH
def test_of_a_router_nothing_is_kept_but_its_word(ends: Ends) -> None:
    assert Packet(expired=True) == read_packet(word_of_a_router(ends), ends)


@BOTH
def test_what_cannot_be_read_is_nothing(ends: Ends) -> None:
    assert [None] * 30 == [read_packet(from_server(ends)[:length], ends) for length in range(4, 34)]
