"""What the kernel tells of a TCP connection (Linux, `struct tcp_info` of linux/tcp.h); elsewhere nothing is known."""

import socket
import struct
import sys
from dataclasses import dataclass

_TCP_INFO = getattr(socket, "TCP_INFO", None)
_COUNTS = struct.Struct("=QII")  # bytes_received, segs_out, segs_in
_COUNTS_AT = 128
_RTT_AT, _RETRANSMITS_AT, _OUT_OF_ORDER_AT = 68, 100, 224
_SENT_AT = 200  # of payload, as a number of 64 bits
_BYTES = 232


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpFacts:
    """Segments sent again, segments that came out of order, smoothed round trip in microseconds; `None`: not told."""

    retransmits: int | None = None
    out_of_order: int | None = None
    rtt_us: int | None = None


def read_facts(opened: socket.socket) -> TcpFacts:
    info = _read(opened)
    return TcpFacts(
        retransmits=_number(info, _RETRANSMITS_AT),
        out_of_order=_number(info, _OUT_OF_ORDER_AT),
        rtt_us=_number(info, _RTT_AT),
    )


def read_counts(opened: socket.socket) -> tuple[int, int, int] | None:
    """Payload received, segments sent, segments received; `None` where the kernel does not tell."""
    info = _read(opened)
    if len(info) < _COUNTS_AT + _COUNTS.size:
        return None
    received, segments_out, segments_in = _COUNTS.unpack_from(info, _COUNTS_AT)
    return (received, segments_out, segments_in) if segments_out else None


def read_totals(opened: socket.socket) -> tuple[int, int, int, int] | None:
    """Payload sent, what was sent again included, payload received, segments sent, segments received."""
    info, counts = _read(opened), read_counts(opened)
    if counts is None or len(info) < _SENT_AT + 8:
        return None
    return (int.from_bytes(info[_SENT_AT : _SENT_AT + 8], sys.byteorder), *counts)


def _read(opened: socket.socket) -> bytes:
    """An older kernel tells less of it."""
    if _TCP_INFO is None:
        return b""
    try:
        return opened.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES)
    except OSError:
        return b""


def _number(info: bytes, at: int) -> int | None:
    return int.from_bytes(info[at : at + 4], sys.byteorder) if len(info) >= at + 4 else None
