"""Which connections the transparent proxy minds, and that it reads what a rule on single packets cannot."""

import socket
import ssl

import pytest

from lab.netns.client import Client
from lab.netns.middlebox import concerns
from lab.netns.world import Block, World
from lab.opening import Opening, Speech
from lab.scenario import CensorKind, Scenario

HOST = "a.example"


@pytest.mark.parametrize(
    ("kind", "opening", "minds"),
    [
        (CensorKind.SNI_CLOSE, Opening(speech=Speech.TLS, name=HOST), True),
        (CensorKind.SNI_CLOSE, Opening(speech=Speech.TLS, name="b.example"), False),
        (CensorKind.SNI_CLOSE, Opening(speech=Speech.HTTP, name=HOST), False),
        (CensorKind.TLS_CLOSE, Opening(speech=Speech.TLS, name="b.example"), True),
        (CensorKind.TLS_CLOSE, Opening(speech=Speech.TLS), True),
        (CensorKind.TLS_CLOSE, Opening(speech=Speech.OTHER), False),
        (CensorKind.HOST_CLOSE, Opening(speech=Speech.HTTP, name=HOST), True),
        (CensorKind.HOST_CLOSE, Opening(speech=Speech.TLS, name=HOST), False),
    ],
)
def test_a_block_is_about_what_was_said(kind: CensorKind, opening: Opening, minds: bool) -> None:
    assert minds == concerns(Block(kind=kind, host=HOST, addresses=()), opening)


def split_handshake(client: Client, address: str, host: str) -> bytes:
    """What a server says first to a ClientHello in two segments, cut in the middle of the name."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=host).do_handshake()
    hello = outgoing.read()
    cut = hello.index(host.encode()) + len(host) // 2
    with client.connect(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # two segments, whatever comes back
        connection.sendall(hello[:cut])
        connection.sendall(hello[cut:])
        return connection.recv(1)


@pytest.mark.parametrize(
    ("kind", "answer"), [(CensorKind.SNI_RESET, b"\x16"), (CensorKind.SNI_ALERT, b"\x15"), (CensorKind.SNI_CLOSE, b"")]
)
def test_a_split_name_gets_by_a_rule_on_packets_and_not_by_the_proxy(
    client: Client, world: World, scenarios: tuple[Scenario, ...], kind: CensorKind, answer: bytes
) -> None:
    host = next(scenario.host for scenario in scenarios if scenario.censor is kind)
    assert answer == split_handshake(client, world.address(host), host)
