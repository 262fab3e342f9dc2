"""One timed read: what comes of it, when, and at whose expense."""

import asyncio
import contextlib
import ssl
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from rabta_agent.probes.transfer import POINTS_LIMIT, Order, read
from rabta_agent.urls import parse_url
from rabta_proto.model import Observation, Transfer
from rabta_proto.vocabulary import AddressSource, TransferKind
from support.objects import TOTAL, serve_object
from support.peers import Authority, Call, Peer, Script, reset_after_hello, say
from support.scenes import make_contexts, make_scene, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
SITE = AUTHORITY.server("site.example")
WANTED = 64 * 1024
ORDER = Order(
    kind=TransferKind.TARGET,
    turn=1,
    address="127.0.0.1",
    source=AddressSource.SYSTEM,
    url=parse_url("https://site.example/object"),
    server_name="site.example",
    wanted=WANTED,
    seconds=5.0,
)
CONTROL = replace(ORDER, kind=TransferKind.CONTROL, server_name="www.example.com")


async def read_from(script: Script, order: Order = ORDER) -> tuple[Observation, Transfer, Peer]:
    async with Peer(script) as peer:
        url = replace(order.url, port=peer.port)
        observed = (await read(make_scene(), CONTEXTS, replace(order, url=url), Random(1), within(8))).observation
    assert isinstance(observed.detail, Transfer)
    return observed, observed.detail, peer


async def test_a_read_takes_what_was_wanted_and_no_more() -> None:
    observed, seen, _ = await read_from(serve_object(SITE))
    assert (None, 206, TOTAL, WANTED, WANTED, True) == (
        observed.failure,
        seen.status,
        seen.declared_bytes,
        seen.wanted_bytes,
        seen.body_bytes,
        seen.verified,
    )


async def test_times_come_one_after_the_other() -> None:
    observed, seen, _ = await read_from(serve_object(SITE))
    times = (seen.connect_us, seen.handshake_us, seen.first_byte_us, seen.read_us)
    assert None not in times
    assert seen.first_byte_us <= seen.read_us <= observed.duration_us


async def test_the_curve_only_grows_and_ends_with_all_that_came() -> None:
    _, seen, _ = await read_from(serve_object(SITE, bytes_per_second=200_000))
    points = [(point.offset_us, point.bytes) for point in seen.curve]
    assert 8 <= len(points) <= POINTS_LIMIT
    assert all(before <= after for before, after in pairwise(points))
    assert all(before[1] <= after[1] for before, after in pairwise(points))
    assert seen.body_bytes == points[-1][1]


async def test_running_out_of_time_is_no_failure() -> None:
    slow = replace(ORDER, seconds=0.5)
    observed, seen, _ = await read_from(serve_object(SITE, bytes_per_second=20_000), slow)
    assert observed.failure is None
    assert 0 < seen.body_bytes < WANTED
    assert 500_000 <= seen.read_us
    assert seen.body_bytes == seen.curve[-1].bytes


async def test_a_stall_shows_as_bytes_that_stopped() -> None:
    observed, seen, _ = await read_from(serve_object(SITE, stall_after=16_000), replace(ORDER, seconds=0.5))
    assert observed.failure is None
    assert 16_000 <= seen.body_bytes < 17_000  # the head, and what TLS adds


async def test_less_than_a_record_of_tls_is_counted_as_it_comes() -> None:
    """It can be read when its last byte has come, which takes a second on a line held to 16 kB a second."""
    observed, seen, _ = await read_from(serve_in_crumbs(), replace(ORDER, seconds=0.6))
    assert observed.failure is None
    assert 2_000 < seen.body_bytes < 16_000


async def test_an_innocuous_name_is_said_in_the_hello_alone_and_not_verified() -> None:
    observed, seen, _ = await read_from(serve_object(SITE), CONTROL)
    assert (None, "www.example.com", False, WANTED) == (
        observed.failure,
        seen.server_name,
        seen.verified,
        seen.body_bytes,
    )


async def test_over_http_the_innocuous_name_stands_in_host() -> None:
    heard: list[bytes] = []

    async def script(call: object) -> None:
        heard.append(await call.peek())
        await serve_object()(call)

    plain = replace(CONTROL, url=parse_url("http://site.example/object"))
    await read_from(script, plain)
    assert b"\r\nHost: www.example.com\r\n" in heard[0]


async def test_a_certificate_for_another_name_fails_the_target_s_read() -> None:
    observed, seen, _ = await read_from(serve_object(AUTHORITY.server("other.example")))
    assert ("ssl_invalid_hostname", 0) == (observed.failure, seen.body_bytes)


@pytest.mark.parametrize(("script", "failure"), [(reset_after_hello, "connection_reset"), (say(b"no TLS"), None)])
async def test_what_breaks_on_the_way_is_a_failure(script: Script, failure: str | None) -> None:
    observed, seen, _ = await read_from(script)
    assert observed.failure is not None
    assert failure in (None, observed.failure)
    assert seen.status is None


async def test_another_status_is_a_fact_and_its_body_is_not_read() -> None:
    observed, seen, _ = await read_from(serve_object(SITE, status="404 Not Found"))
    assert (None, 404, 0) == (observed.failure, seen.status, seen.body_bytes)


def serve_in_crumbs() -> Script:
    """One record of TLS, 800 bytes of it at a time."""

    async def script(call: Call) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = SITE.wrap_bio(incoming, outgoing, server_side=True)
        for step in (server.do_handshake, lambda: server.read(4096)):
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    await call.send(outgoing.read())
                    incoming.write(await call.receive())
                else:
                    break
        await call.send(outgoing.read())
        server.write(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 65536\r\n\r\n" + b"o" * 16_000)
        record = outgoing.read()
        with contextlib.suppress(OSError):
            for at in range(0, len(record), 800):
                await call.send(record[at : at + 800])
                await asyncio.sleep(0.05)

    return script


async def test_a_server_that_sends_on_costs_no_more_than_the_buffer() -> None:
    async with Peer(serve_object(SITE, total=8_000_000, ranges=False)) as peer:
        scene = make_scene()
        url = replace(ORDER.url, port=peer.port)
        await read(scene, CONTEXTS, replace(ORDER, url=url), Random(1), within(8))
    assert WANTED < scene.meter.received < WANTED + 180_000


async def test_the_kernel_tells_of_the_way() -> None:
    _, seen, _ = await read_from(serve_object(SITE))
    assert None not in (seen.retransmits, seen.out_of_order)
    assert seen.rtt_us is not None
    assert seen.rtt_us > 0
