"""The kernel's counts of the sockets that no probe has opened."""

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple

import pytest

from rabta_agent.linkmeter import CLOSING_BYTES, HEADERS, Cost, LinkMeter
from rabta_agent.traffic import LOOKUP_RECEIVED_BYTES, LOOKUP_SENT_BYTES, Traffic

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of this system does not tell")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as opened:
        yield opened


def test_what_goes_over_a_socket_is_counted_with_its_headers(listener: socket.socket) -> None:
    probes: set[int] = set()
    meter = LinkMeter(probes)
    assert meter.works
    before = meter.total()
    with closing(socket.create_connection(listener.getsockname())) as near, closing(listener.accept()[0]) as far:
        probes.add(far.fileno())  # the other end is in this process, too
        near.sendall(b"x" * 3000)
        far.sendall(b"y" * 500)
        assert b"y" * 500 == near.recv(1000)
        cost = meter.total()
        # SYN, ACK and one segment or more of data; SYN-ACK, data, acknowledgement
        assert 3000 + 3 * HEADERS <= cost.sent - before.sent <= 3000 + 8 * HEADERS
        assert 500 + 2 * HEADERS <= cost.received - before.received <= 500 + 6 * HEADERS
    closed = meter.total()
    assert cost.sent + cost.received + CLOSING_BYTES == closed.sent + closed.received


def test_what_went_over_a_line_until_it_was_closed_is_counted(listener: socket.socket) -> None:
    probes: set[int] = set()
    meter = LinkMeter(probes)
    traffic = Traffic(counted=lambda: astuple(meter.total()))
    with closing(socket.create_connection(listener.getsockname())) as near, closing(listener.accept()[0]) as far:
        probes.add(far.fileno())
        traffic.take()
        near.sendall(b"x" * 3000)
        assert b"x" * 3000 == far.recv(3000, socket.MSG_WAITALL)
        traffic.closing()
    assert 3000 + HEADERS <= traffic.take()[0]


def test_probes_are_counted_elsewhere(listener: socket.socket) -> None:
    probes: set[int] = set()
    meter = LinkMeter(probes)
    before = meter.total()
    with closing(socket.create_connection(listener.getsockname())) as near, closing(listener.accept()[0]) as far:
        probes |= {near.fileno(), far.fileno()}
        near.sendall(b"x" * 3000)
        assert before == meter.total()


def test_the_count_takes_the_place_of_the_reckoning_and_nothing_is_taken_twice() -> None:
    total = [Cost(sent=1000, received=200)]
    traffic = Traffic(counted=lambda: (total[0].sent, total[0].received))
    traffic.wrote(b"a" * 100_000)
    assert (1000, 200) == traffic.take()
    assert (0, 0) == traffic.take()
    traffic.opened(tls=True)
    total[0] = Cost(sent=1500, received=900)
    assert (500 + LOOKUP_SENT_BYTES, 700 + LOOKUP_RECEIVED_BYTES) == traffic.owed()
    assert (500 + LOOKUP_SENT_BYTES, 700 + LOOKUP_RECEIVED_BYTES) == traffic.take()
    assert (0, 0) == traffic.take()
