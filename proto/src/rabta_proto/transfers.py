"""A timed read, on the wire and back. Total in both directions."""

from rabta_proto import model
from rabta_proto.numbers import SOURCES, TRANSFERS, inverse
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import AddressSource, TransferKind

_SOURCES, _TRANSFERS = inverse(SOURCES), inverse(TRANSFERS)


def transfer_to_message(transfer: model.Transfer) -> wire.Transfer:
    """The wire's form of a read."""
    return wire.Transfer(
        kind=wire.TransferKind.ValueType(TRANSFERS.get(transfer.kind, 0)),
        turn=transfer.turn,
        address=transfer.address,
        port=transfer.port,
        source=wire.AddressSource.ValueType(SOURCES.get(transfer.source, 0)),
        url=transfer.url,
        server_name=transfer.server_name,
        verified=transfer.verified,
        connect_us=transfer.connect_us,
        handshake_us=transfer.handshake_us,
        first_byte_us=transfer.first_byte_us,
        status=transfer.status,
        declared_bytes=transfer.declared_bytes,
        wanted_bytes=transfer.wanted_bytes,
        body_bytes=transfer.body_bytes,
        read_us=transfer.read_us,
        curve=[wire.TransferPoint(offset_us=point.offset_us, bytes=point.bytes) for point in transfer.curve],
        retransmits=transfer.retransmits,
        out_of_order=transfer.out_of_order,
        rtt_us=transfer.rtt_us,
    )


def transfer_from_message(message: wire.Transfer) -> model.Transfer:
    """The read that a message holds."""
    return model.Transfer(
        kind=_TRANSFERS.get(message.kind, TransferKind.UNKNOWN),
        turn=message.turn,
        address=message.address,
        port=message.port,
        source=_SOURCES.get(message.source, AddressSource.UNKNOWN),
        url=message.url,
        server_name=message.server_name,
        verified=message.verified,
        connect_us=message.connect_us if message.HasField("connect_us") else None,
        handshake_us=message.handshake_us if message.HasField("handshake_us") else None,
        first_byte_us=message.first_byte_us if message.HasField("first_byte_us") else None,
        status=message.status if message.HasField("status") else None,
        declared_bytes=message.declared_bytes if message.HasField("declared_bytes") else None,
        wanted_bytes=message.wanted_bytes,
        body_bytes=message.body_bytes,
        read_us=message.read_us if message.HasField("read_us") else None,
        curve=tuple(model.TransferPoint(offset_us=point.offset_us, bytes=point.bytes) for point in message.curve),
        retransmits=message.retransmits if message.HasField("retransmits") else None,
        out_of_order=message.out_of_order if message.HasField("out_of_order") else None,
        rtt_us=message.rtt_us if message.HasField("rtt_us") else None,
    )
