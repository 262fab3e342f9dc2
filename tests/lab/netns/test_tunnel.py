"""The VPN carries what its agents send, and hides them from nobody at its exit."""

import pytest

from lab.netns.client import at
from lab.netns.lab import NetnsLab
from lab.netns.world import PUBLIC_UDP, World
from lab.scenario import Vantage
from lab.sites.site import INNOCUOUS_HOST

OPEN_HOST = "plain-https.example"

pytestmark = pytest.mark.root


def test_everything_goes_through_the_tunnel(lab: NetnsLab, world: World) -> None:
    network = world.network(Vantage.VPN)
    for number in (1, 2, 3):
        client = at(lab, Vantage.VPN, number)
        assert network.inner(number)[0] == client.source(PUBLIC_UDP)
        assert 200 == client.get_tls(world.address(OPEN_HOST), OPEN_HOST).status
        assert client.ask(OPEN_HOST)


def test_its_exit_is_blocked(lab: NetnsLab, world: World) -> None:
    client, address = at(lab, Vantage.VPN), world.address("vpn-blocked.example")
    with pytest.raises(ConnectionResetError):
        client.handshake(address, "vpn-blocked.example")
    assert client.handshake(address, INNOCUOUS_HOST, verify=False)


def test_a_long_page_comes_through(lab: NetnsLab, world: World) -> None:
    with at(lab, Vantage.VPN).connect(world.address("big-http.example"), 80) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: big-http.example\r\n\r\n")
        read = 0
        while read < 1_000_000:
            read += len(connection.recv(65_536))
