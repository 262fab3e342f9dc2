"""Numbers of the wire's enums by word; a number outside of a table is a word of the future."""

from enum import StrEnum
from typing import TypeVar

from rabta_proto.vocabulary import AddressSource, DnsTransport, ResolverKind, ResolverPlace, TransferKind, VpnProtocol

Word = TypeVar("Word", bound=StrEnum)

RESOLVERS = {ResolverKind.SYSTEM: 1, ResolverKind.UDP: 2, ResolverKind.DOH: 3}
TRANSPORTS = {DnsTransport.UDP: 1, DnsTransport.TCP: 2, DnsTransport.HTTPS: 3}
PLACES = {ResolverPlace.LOCAL: 1, ResolverPlace.NETWORK: 2, ResolverPlace.PUBLIC: 3}
SOURCES = {
    AddressSource.SYSTEM: 1,
    AddressSource.UDP: 2,
    AddressSource.DOH: 3,
    AddressSource.LITERAL: 4,
    AddressSource.CONTROL: 5,
}
TRANSFERS = {TransferKind.TARGET: 1, TransferKind.CONTROL: 2, TransferKind.REFERENCE: 3}
VPNS = {
    VpnProtocol.OPENVPN: 1,
    VpnProtocol.WIREGUARD: 2,
    VpnProtocol.IKEV2: 3,
    VpnProtocol.TOR: 4,
    VpnProtocol.ECH: 5,
    VpnProtocol.TLS: 6,
}


def inverse(table: dict[Word, int]) -> dict[int, Word]:
    """Words by number."""
    return {number: word for word, number in table.items()}
