"""The first words of VPN protocols, without a socket: openvpn.py, wireguard.py, ikev2.py. Pure but for their keys."""

from typing import Protocol

from rabta_agent.clock import Clock
from rabta_agent.probes.vpns.ikev2 import Ikev2
from rabta_agent.probes.vpns.openvpn import OpenVpn
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
    raise ValueError(f"cannot speak {endpoint.protocol}")
