"""Arbitrary measurements, for laws that hold of all of them."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from rabta_proto import model, trace
from rabta_proto.vocabulary import (
    AddressSource,
    Depth,
    DnsTransport,
    Failure,
    NetworkKind,
    ResolverKind,
    ResolverPlace,
    TransferKind,
    Trigger,
    VpnProtocol,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**40)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by `timezones`
ADDRESSES = st.sampled_from(["104.244.42.1", "192.0.2.7", "127.0.0.1", "10.0.0.1", "2001:db8::1", "", "x"])
PORTS = st.integers(0, 65535)
DIGESTS = st.binary(min_size=32, max_size=32)
FAILURES = st.none() | st.sampled_from([str(failure) for failure in Failure]) | st.just("unknown_failure: odd")
NAMES = st.sampled_from(["x.com", "example.com", "en.wikipedia.org"])

answers = st.builds(
    model.DnsAnswer,
    type=st.sampled_from(["A", "AAAA", "CNAME", "TYPE65"]),
    value=ADDRESSES,
    ttl_s=st.integers(0, 2**31),
)
replies = st.builds(
    model.DnsReply,
    offset_us=COUNT,
    rcode=st.integers(0, 23),
    answers=st.lists(answers, max_size=2).map(tuple),
    truncated=st.booleans(),
)
queries = st.builds(
    model.DnsQuery,
    resolver_kind=st.sampled_from(ResolverKind),
    resolver=TEXT,
    hostname=NAMES,
    query_type=st.sampled_from(["A", "AAAA"]),
    rcode=st.none() | st.integers(0, 23),
    answers=st.lists(answers, max_size=3).map(tuple),
    later_replies=st.lists(replies, max_size=2).map(tuple),
    transport=st.sampled_from(DnsTransport),
    truncated=st.booleans(),
    resolver_place=st.sampled_from(ResolverPlace),
)
connects = st.builds(model.TcpConnect, address=ADDRESSES, port=PORTS, source=st.sampled_from(AddressSource))
certificates = st.builds(
    model.Certificate,
    sha256=DIGESTS,
    spki_sha256=DIGESTS,
    subject=TEXT,
    issuer=TEXT,
    not_before=MOMENTS,
    not_after=MOMENTS,
)
issuers = st.builds(model.Issuer, sha256=DIGESTS, subject=TEXT)
handshakes = st.builds(
    model.TlsHandshake,
    address=ADDRESSES,
    port=PORTS,
    server_name=NAMES,
    source=st.sampled_from(AddressSource),
    isolation=st.booleans(),
    verified=st.booleans(),
    server_answered=st.booleans(),
    tls_version=st.sampled_from(["", "TLSv1.2", "TLSv1.3"]),
    cipher_suite=TEXT,
    negotiated_protocol=TEXT,
    certificate=st.none() | certificates,
    alert=st.none() | st.integers(0, 255),
    chain=st.lists(issuers, max_size=2).map(tuple),
    first_byte_us=st.none() | COUNT,
    split=st.booleans(),
)
quic_handshakes = st.builds(
    model.QuicHandshake,
    address=ADDRESSES,
    port=PORTS,
    server_name=NAMES,
    source=st.sampled_from(AddressSource),
    isolation=st.booleans(),
    verified=st.booleans(),
    server_answered=st.booleans(),
    quic_version=st.none() | st.integers(0, 2**32 - 1),
    cipher_suite=TEXT,
    negotiated_protocol=TEXT,
    certificate=st.none() | certificates,
    close_code=st.none() | st.integers(0, 2**62 - 1),
    first_byte_us=st.none() | COUNT,
)
round_trips = st.builds(
    model.HttpRoundTrip,
    address=ADDRESSES,
    port=PORTS,
    url=st.sampled_from(["https://x.com/", "http://x.com/", "http://blocked.example/"]),
    tls=st.booleans(),
    status=st.none() | st.integers(0, 999),
    body_bytes=COUNT,
    declared_bytes=st.none() | COUNT,
    truncated=st.booleans(),
    title=TEXT,
    header_names=st.lists(TEXT, max_size=3).map(tuple),
    location=TEXT,
    server=TEXT,
    body_sha256=st.just(b"") | DIGESTS,
    body_simhash=st.none() | st.integers(0, 2**64 - 1),
    marks=st.lists(TEXT, max_size=2).map(tuple),
    http_version=st.sampled_from(["", "1.0", "1.1"]),
    charset=TEXT,
    content_encoding=TEXT,
    chunked=st.booleans(),
    strict_transport_security=TEXT,
)
points = st.builds(model.TransferPoint, offset_us=COUNT, bytes=COUNT)
transfers = st.builds(
    model.Transfer,
    kind=st.sampled_from(TransferKind),
    turn=st.integers(0, 9),
    address=ADDRESSES,
    port=PORTS,
    source=st.sampled_from(AddressSource),
    url=st.sampled_from(["https://x.com/object", "http://x.com/object"]),
    server_name=NAMES,
    verified=st.booleans(),
    connect_us=st.none() | COUNT,
    handshake_us=st.none() | COUNT,
    first_byte_us=st.none() | COUNT,
    status=st.none() | st.sampled_from([200, 206, 403]),
    declared_bytes=st.none() | COUNT,
    wanted_bytes=COUNT,
    body_bytes=COUNT,
    read_us=st.none() | COUNT,
    curve=st.lists(points, max_size=4).map(tuple),
    retransmits=st.none() | st.integers(0, 2**31),
    out_of_order=st.none() | st.integers(0, 2**31),
    rtt_us=st.none() | COUNT,
)
vpn_handshakes = st.builds(
    model.VpnHandshake,
    protocol=st.sampled_from(VpnProtocol),
    address=ADDRESSES,
    port=PORTS,
    source=st.sampled_from(AddressSource),
    over_tcp=st.booleans(),
    said=st.integers(0, 9),
    server_answered=st.booleans(),
    first_byte_us=st.none() | COUNT,
    verified=st.booleans(),
)
resets = st.builds(trace.Reset, ttl=st.integers(0, 255), ip_id=st.none() | st.integers(0, 65535))
trace_steps = st.builds(
    trace.TraceStep,
    ttl=st.integers(0, 255),
    connected=st.booleans(),
    sent=st.integers(0, 9),
    expired=st.booleans(),
    answered=st.booleans(),
    answer_ttl=st.none() | st.integers(0, 255),
    resets=st.integers(0, 2**31),
    first_resets=st.lists(resets, max_size=4).map(tuple),
    first_us=st.none() | COUNT,
)
traces = st.builds(
    model.PathTrace,
    address=ADDRESSES,
    port=PORTS,
    server_name=NAMES,
    source=st.sampled_from(AddressSource),
    isolation=st.booleans(),
    tls=st.booleans(),
    steps=st.lists(trace_steps, max_size=6).map(tuple),
)
observations = st.builds(
    model.Observation,
    detail=st.one_of(queries, connects, handshakes, quic_handshakes, round_trips, transfers, vpn_handshakes, traces),
    offset_us=COUNT,
    duration_us=COUNT,
    failure=FAILURES,
    failure_detail=TEXT,
    hop=st.integers(0, 12),
    attempt=st.integers(0, 4),
)
networks = st.builds(
    model.NetworkContext,
    isp=TEXT,
    kind=st.sampled_from(NetworkKind),
    vpn=st.none() | st.booleans(),
    ipv4=st.none() | st.booleans(),
    ipv6=st.none() | st.booleans(),
    metered=st.none() | st.booleans(),
    captive_portal=st.none() | st.booleans(),
    lab=st.booleans(),
    changed=st.none() | st.booleans(),
)


def measurements() -> st.SearchStrategy[model.Measurement]:
    """Any measurement that an agent of this version could send, sensible or not."""
    return st.builds(
        model.Measurement,
        target=st.sampled_from(
            ["https://x.com/", "http://x.com/", "https://example.com/", "quic://x.com/", "tcp://x.com:443", "dns:x.com"]
        ),
        started_at=MOMENTS,
        duration_us=COUNT,
        agent_version=TEXT,
        platform=TEXT,
        epoch=COUNT,
        sequence=COUNT,
        plan_version=COUNT,
        trigger=st.sampled_from(Trigger),
        depth=st.sampled_from(Depth),
        network=networks,
        observations=st.lists(observations, max_size=8).map(tuple),
        bytes_sent=COUNT,
        bytes_received=COUNT,
        request=COUNT,
        clock_offset_us=st.none() | st.integers(-(2**63), 2**63 - 1),
        clock_jumped=st.none() | st.booleans(),
    )
