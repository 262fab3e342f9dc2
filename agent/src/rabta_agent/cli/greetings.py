"""First messages in plain words: to a VPN's server or a Tor relay, and with Encrypted Client Hello."""

from collections.abc import Iterable

from rabta_agent.words import mark, tr
from rabta_proto.model import Observation, VpnHandshake
from rabta_proto.vocabulary import VpnProtocol

SERVERS = {VpnProtocol.OPENVPN: "OpenVPN", VpnProtocol.WIREGUARD: "WireGuard", VpnProtocol.IKEV2: "IPsec (IKEv2)"}
"""As their makers write them, in every language."""

_ASKED = {
    VpnProtocol.TOR: mark("Asked the Tor relay at {address}, port {port}, for encryption, as Tor does"),
    VpnProtocol.ECH: mark("Asked {address}, port {port}, for encryption in a way that can hide the site's name (ECH)"),
    VpnProtocol.TLS: mark("Asked {address}, port {port}, for encryption in the usual way, to compare"),
    VpnProtocol.UNKNOWN: mark("Spoke to {address}, port {port}, in a protocol that this version does not know"),
}
_HELLOS = {
    VpnProtocol.TOR: "Tor",
    VpnProtocol.ECH: mark("ClientHello with ECH"),
    VpnProtocol.TLS: mark("ClientHello without ECH"),
    VpnProtocol.UNKNOWN: mark("unknown protocol"),
}
_LABELS = {VpnProtocol.TOR: "tor", VpnProtocol.ECH: "ech", VpnProtocol.TLS: "tls"}


def tell_greeting(vpn: VpnHandshake) -> str:
    """What was done, in a sentence without its end."""
    if (server := SERVERS.get(vpn.protocol)) is None:
        return tr(_ASKED[vpn.protocol], address=vpn.address, port=vpn.port)
    return tr(
        "Sent the {server} server at {address}, port {port}, its protocol's first message over {transport}",
        server=server,
        address=vpn.address,
        port=vpn.port,
        transport="TCP" if vpn.over_tcp else "UDP",
    )


def tell_answer(vpn: VpnHandshake) -> str:
    return tr("it answered, and with the right key") if vpn.verified else tr("it answered")


def compare_hellos(vpn: VpnHandshake, steps: Iterable[Observation]) -> str:
    """Of a server that took no ClientHello with ECH: what it did without; empty where that was not tried."""
    usual = [
        one.failure
        for one in steps
        if isinstance(one.detail, VpnHandshake)
        and one.detail.protocol is VpnProtocol.TLS
        and one.detail.address == vpn.address
    ]
    if vpn.protocol is not VpnProtocol.ECH or not usual:
        return ""
    if None in usual:
        return tr("; asked in the usual way, the same server answered")
    return tr("; asked in the usual way, the same server did not answer either")


def name_of(vpn: VpnHandshake) -> str:
    """What was spoken, in few words."""
    return SERVERS.get(vpn.protocol) or tr(_HELLOS[vpn.protocol])


def label_of(observation: Observation) -> str:
    """The step in one short word: its own, but Tor is no VPN, and neither is a ClientHello."""
    detail = observation.detail
    return _LABELS.get(detail.protocol, observation.step) if isinstance(detail, VpnHandshake) else observation.step
