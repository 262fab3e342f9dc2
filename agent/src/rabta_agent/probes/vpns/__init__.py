"""The first words of VPN protocols and the like, without a socket: a module for each. Pure but for their keys."""

import os
from base64 import b32encode
from typing import Protocol

from rabta_agent.clock import Clock
from rabta_agent.probes.vpns.ikev2 import Ikev2
from rabta_agent.probes.vpns.openvpn import OpenVpn, OverTcp
from rabta_agent.probes.vpns.tlshello import TlsHello
from rabta_agent.urls import VpnEndpoint
from rabta_proto.vocabulary import VpnProtocol


class Opening(Protocol):
    """One client's beginning of a conversation."""

    @property
    def verified(self) -> bool:
        """Whether the answer proves that its sender holds the server's key."""

    def say(self) -> bytes:
        """The first message; said again, it may be another."""

    def is_answer(self, data: bytes) -> bool:
        """Whether a message is the server's answer to what was said."""


class Streamed(Protocol):
    """The same over a connection, where messages have no bounds of their own."""

    @property
    def verified(self) -> bool:
        """As of an opening."""

    def write(self) -> bytes:
        """The first bytes."""

    def read(self, heard: bytes) -> bool | None:
        """Whether what has come is the server's answer; `None` while that cannot be told."""


def open_stream(endpoint: VpnEndpoint) -> Streamed:
    """A beginning over a connection. Raises `ValueError` for a protocol that this agent does not speak there."""
    match endpoint.protocol:
        case VpnProtocol.OPENVPN:
            return OverTcp(OpenVpn())
        case VpnProtocol.TOR:  # tor's clients name a site that does not exist, another one each time
            return TlsHello(f"www.{b32encode(os.urandom(10)).decode().lower()}.com")
        case VpnProtocol.ECH:
            return TlsHello(endpoint.host, ech=True)
    raise ValueError(endpoint.protocol)


def open_with(endpoint: VpnEndpoint, clock: Clock) -> Opening:
    """A beginning in the endpoint's protocol. Raises `ValueError` for one that this agent does not speak."""
    match endpoint.protocol:
        case VpnProtocol.OPENVPN:
            return OpenVpn()
        case VpnProtocol.IKEV2:
            return Ikev2()
        case VpnProtocol.WIREGUARD if endpoint.keys is not None:
            from rabta_agent.probes.vpns.wireguard import WireGuard  # HMAC, X25519: loaded by whoever needs it

            return WireGuard(endpoint.keys, clock)
    raise ValueError(endpoint.protocol)
