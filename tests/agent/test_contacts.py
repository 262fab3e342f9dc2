"""The volunteer reads whom a measurement contacted, and only whom it did."""

from datetime import UTC, datetime

from rabta_agent.contacts import SYSTEM_RESOLVER, contact_of
from rabta_proto.model import Detail, DnsQuery, Measurement, Observation, QuicHandshake, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def observed(detail: Detail, failure: str | None = None) -> Observation:
    return Observation(detail=detail, offset_us=0, duration_us=1, failure=failure)


def query(kind: ResolverKind, resolver: str = "") -> DnsQuery:
    return DnsQuery(resolver_kind=kind, resolver=resolver, hostname="x.com", query_type="A")


def connect(address: str) -> TcpConnect:
    return TcpConnect(address=address, port=443, source=AddressSource.SYSTEM)


def measured(*observations: Observation) -> Measurement:
    return Measurement(
        target="https://x.com/",
        started_at=NOW,
        duration_us=1,
        agent_version="1",
        observations=observations,
        bytes_sent=10,
        bytes_received=20,
    )


def test_resolvers_and_addresses_stand_once_each_in_order() -> None:
    handshake = TlsHandshake(address="192.0.2.1", port=443, server_name="x.com", source=AddressSource.SYSTEM)
    contact = contact_of(
        measured(
            observed(query(ResolverKind.SYSTEM)),
            observed(query(ResolverKind.UDP, "8.8.8.8")),
            observed(query(ResolverKind.DOH, "https://1.1.1.1/dns-query")),
            observed(connect("192.0.2.1")),
            observed(handshake),
            observed(connect("2001:db8::1"), Failure.CONNECTION_RESET),
            observed(connect("192.0.2.1")),
        )
    )
    expected = (SYSTEM_RESOLVER, "8.8.8.8", "https://1.1.1.1/dns-query", "192.0.2.1:443", "[2001:db8::1]:443")
    assert expected == contact.peers
    assert (NOW, "https://x.com/", 10, 20) == (contact.at, contact.purpose, contact.bytes_sent, contact.bytes_received)


def test_an_address_that_quic_was_spoken_with_is_a_contact() -> None:
    handshake = QuicHandshake(address="192.0.2.1", port=443, server_name="x.com", source=AddressSource.SYSTEM)
    assert ("192.0.2.1:443",) == contact_of(measured(observed(handshake))).peers


def test_an_address_that_was_never_dialled_is_no_contact() -> None:
    contact = contact_of(measured(observed(connect("10.0.0.1"), Failure.SPECIAL_ADDRESS)))
    assert () == contact.peers
