"""A VPN handshake, on the wire and back. Total in both directions."""

from rabta_proto import model
from rabta_proto.numbers import SOURCES, VPNS, inverse
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import AddressSource, VpnProtocol

_SOURCES, _VPNS = inverse(SOURCES), inverse(VPNS)


def vpn_to_message(vpn: model.VpnHandshake) -> wire.VpnHandshake:
    """The wire's form of a handshake."""
    return wire.VpnHandshake(
        protocol=wire.VpnProtocol.ValueType(VPNS.get(vpn.protocol, 0)),
        address=vpn.address,
        port=vpn.port,
        source=wire.AddressSource.ValueType(SOURCES.get(vpn.source, 0)),
        over_tcp=vpn.over_tcp,
        said=vpn.said,
        server_answered=vpn.server_answered,
        first_byte_us=vpn.first_byte_us,
        verified=vpn.verified,
    )


def vpn_from_message(message: wire.VpnHandshake) -> model.VpnHandshake:
    """The handshake that a message holds."""
    return model.VpnHandshake(
        protocol=_VPNS.get(message.protocol, VpnProtocol.UNKNOWN),
        address=message.address,
        port=message.port,
        source=_SOURCES.get(message.source, AddressSource.UNKNOWN),
        over_tcp=message.over_tcp,
        said=message.said,
        server_answered=message.server_answered,
        first_byte_us=message.first_byte_us if message.HasField("first_byte_us") else None,
        verified=message.verified,
    )
