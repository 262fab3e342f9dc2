"""What a plain client gets of an object where packets are policed, queued, dropped or late, and where they are not."""

import contextlib
import ssl
import time
from dataclasses import dataclass

import pytest

from lab.netns.client import Client, Find, at
from lab.netns.lab import NetnsLab
from lab.netns.shaping import core_queues, router_queues, weather
from lab.netns.world import World
from lab.scenario import CensorKind, Scenario, Scheme, Vantage
from lab.sites.pages import OBJECT_BYTES, OBJECT_PATH
from lab.sites.site import INNOCUOUS_HOST

pytestmark = pytest.mark.root

WITHIN_S = 1.2
"""How long is read: at 128 kbit/s 20 kB come in it, and a burst."""

TRIES = 10
"""A machine that does other work is slow at times, and never quicker than it is: what counts is the best of some."""

TRICKLE, LATE_S = 90_000, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What came of an object in a second or so, and how long the handshake took."""

    count: int
    handshake_s: float

    @property
    def whole(self) -> bool:
        return self.count >= OBJECT_BYTES


def read(client: Client, address: str, host: str, name: str = "", *, tls: bool = True) -> Got:
    """Reads a site's object; `name` stands in the ClientHello in place of the host's, over http in Host."""
    context = ssl.create_default_context(cafile=client.roots)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(client.connect(address, 443 if tls else 80))
        begun = time.monotonic()
        if tls:
            stream = stack.enter_context(context.wrap_socket(stream, server_hostname=name or host))
        shaken = time.monotonic()
        said = host if tls else name or host
        stream.sendall(f"GET {OBJECT_PATH} HTTP/1.1\r\nHost: {said}\r\n\r\n".encode())
        count, until = 0, time.monotonic() + WITHIN_S
        with contextlib.suppress(TimeoutError):
            while count < OBJECT_BYTES and (left := until - time.monotonic()) > 0:
                stream.settimeout(left)
                count += len(stream.recv(16_384))  # no more than that of what came while this did not run
    return Got(count=count, handshake_s=shaken - begun)


def best(
    client: Client, address: str, host: str, name: str = "", *, tls: bool = True, least: int = OBJECT_BYTES
) -> Got:
    """The read that got most of several, of which the first that got so much is the last."""
    tries = [read(client, address, host, name, tls=tls)]
    while max(one.count for one in tries) < least and len(tries) < TRIES:
        tries.append(read(client, address, host, name, tls=tls))
    return max(tries, key=lambda one: one.count)


def address_of(world: World, scenario: Scenario) -> str:
    return world.address(scenario.host)


@pytest.mark.parametrize("kind", [CensorKind.THROTTLE_SNI, CensorKind.SHAPE_SNI, CensorKind.STALL_SNI])
def test_after_a_name_bytes_come_at_a_trickle_and_after_another_all_at_once(
    client: Client, world: World, find: Find, kind: CensorKind
) -> None:
    scenario = find(kind)
    address = address_of(world, scenario)
    assert 10_000 < best(client, address, scenario.host, least=10_001).count < TRICKLE
    assert best(client, address, scenario.host, INNOCUOUS_HOST).whole


def test_the_same_after_a_host(client: Client, world: World, find: Find) -> None:
    scenario = find(CensorKind.THROTTLE_HOST, Scheme.HTTP)
    address = address_of(world, scenario)
    assert 10_000 < best(client, address, scenario.host, tls=False, least=10_001).count < TRICKLE
    assert best(client, address, scenario.host, INNOCUOUS_HOST, tls=False).whole


def test_of_an_address_whatever_the_name(client: Client, world: World, find: Find) -> None:
    scenario = find(CensorKind.THROTTLE_IP)
    assert read(client, address_of(world, scenario), scenario.host, INNOCUOUS_HOST).count < TRICKLE


def test_a_handshake_alone_is_late(client: Client, world: World, find: Find) -> None:
    scenario = find(CensorKind.DELAY_SNI)
    late = best(client, address_of(world, scenario), scenario.host)
    assert late.handshake_s > LATE_S
    assert late.whole
    others = (read(client, address_of(world, scenario), scenario.host, INNOCUOUS_HOST) for _ in range(TRIES))
    assert any(one.handshake_s < LATE_S for one in others)


def test_a_slow_line_is_slow_for_everything(lab: NetnsLab, world: World) -> None:
    assert read(at(lab, Vantage.SLOW_LINE), world.address(INNOCUOUS_HOST), INNOCUOUS_HOST).count < TRICKLE


def test_queues_are_made_where_somebody_is_slow_and_nowhere_else(world: World) -> None:
    for network in world.networks:
        lines = list(router_queues(network, world.blocks(network)))
        assert bool(lines) == (network.vantage in (Vantage.PLAIN, Vantage.SLOW_LINE)), network.id
        assert bool(list(weather(network, world.blocks(network), congested=True))) == (network.id == "plain")
    assert ["slow_isp"] == [line.split()[3] for line in core_queues(world.networks)]
