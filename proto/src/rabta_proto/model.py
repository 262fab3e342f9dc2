"""A measurement as frozen values: the same facts as `rabta.v1.Measurement`, in the same words.

Here `None` is "not measured" or "does not apply", a failure is a value, and zero is a number. Times are aware and UTC;
offsets and durations are microseconds, offsets from `Measurement.started_at`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from rabta_proto.trace import PathTrace as PathTrace  # part of the model, with its steps
from rabta_proto.unread import FromWire, make_late
from rabta_proto.vocabulary import (
    AddressSource,
    Depth,
    DnsTransport,
    NetworkKind,
    ResolverKind,
    ResolverPlace,
    Step,
    TransferKind,
    Trigger,
    VpnProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """One record of an answer section; `value` is an address or a CNAME's target, else empty."""

    type: str
    value: str
    ttl_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsReply:
    """A different response that came after the first one: a mark of injection."""

    offset_us: int
    rcode: int
    answers: tuple[DnsAnswer, ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsQuery:
    """One query; `rcode` is `None` when no response could be read.

    `resolver` is empty for the machine's own, unless that is a known public one; `resolver_place` says whose it is.
    With `truncated` the response was cut short: without an address it says nothing, and the next query asks over TCP.
    """

    resolver_kind: ResolverKind
    hostname: str
    query_type: str
    resolver: str = ""
    rcode: int | None = None
    answers: tuple[DnsAnswer, ...] = ()
    later_replies: tuple[DnsReply, ...] = ()
    transport: DnsTransport = DnsTransport.UNKNOWN
    truncated: bool = False
    resolver_place: ResolverPlace = ResolverPlace.UNKNOWN

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses among the answers, in order."""
        return tuple(answer.value for answer in self.answers if answer.type in ("A", "AAAA"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpConnect:
    """One connection to one address."""

    address: str
    port: int
    source: AddressSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Summary of a certificate; digests are 32 bytes."""

    sha256: bytes
    spki_sha256: bytes
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A certificate that was sent to vouch for another; `sha256` is 32 bytes."""

    sha256: bytes
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsHandshake:
    """One handshake. With `isolation` an innocuous name was sent and nothing verified.

    `split`: the ClientHello went in two segments, cut within the name. `first_byte_us`: when the server's
    first byte came, from the beginning of the step; `None` where none did.
    """

    address: str
    port: int
    server_name: str
    source: AddressSource
    isolation: bool = False
    verified: bool = False
    server_answered: bool = False
    tls_version: str = ""
    cipher_suite: str = ""
    negotiated_protocol: str = ""
    certificate: Certificate | None = None
    alert: int | None = None
    chain: tuple[Issuer, ...] = ()
    first_byte_us: int | None = None
    split: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicHandshake:
    """One QUIC handshake; `isolation` and `first_byte_us` as in `TlsHandshake`.

    `close_code` is the error code of the server's CONNECTION_CLOSE (RFC 9000 section 20).
    """

    address: str
    port: int
    server_name: str
    source: AddressSource
    isolation: bool = False
    verified: bool = False
    server_answered: bool = False
    quic_version: int | None = None
    cipher_suite: str = ""
    negotiated_protocol: str = ""
    certificate: Certificate | None = None
    close_code: int | None = None
    first_byte_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoundTrip:
    """One request and its response; `body_simhash` is a 64-bit SimHash of the bytes read, decoded."""

    address: str
    port: int
    url: str
    tls: bool
    status: int | None = None
    body_bytes: int = 0
    declared_bytes: int | None = None
    truncated: bool = False
    title: str = ""
    header_names: tuple[str, ...] = ()
    location: str = ""
    server: str = ""
    body_sha256: bytes = b""
    body_simhash: int | None = None
    marks: tuple[str, ...] = ()
    http_version: str = ""
    charset: str = ""
    content_encoding: str = ""
    chunked: bool = False
    strict_transport_security: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPoint:
    """A point of a read's curve: bytes of the body that had come `offset_us` after the request."""

    offset_us: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One timed read of an object. `turn` is its place among the reads of the measurement, from 1.

    Microseconds: `connect_us` of TCP's handshake, `handshake_us` of TLS's, `first_byte_us` and `read_us` from the
    request. A read that ran out of its time is no failure: `body_bytes` are then fewer than `wanted_bytes`.
    """

    kind: TransferKind
    turn: int
    address: str
    port: int
    source: AddressSource
    url: str
    server_name: str
    verified: bool = False
    connect_us: int | None = None
    handshake_us: int | None = None
    first_byte_us: int | None = None
    status: int | None = None
    declared_bytes: int | None = None
    wanted_bytes: int = 0
    body_bytes: int = 0
    read_us: int | None = None
    curve: tuple[TransferPoint, ...] = ()
    retransmits: int | None = None
    out_of_order: int | None = None
    rtt_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VpnHandshake:
    """A VPN protocol's first message, said `said` times. `verified`: only the server's key can have answered so."""

    protocol: VpnProtocol
    address: str
    port: int
    source: AddressSource
    over_tcp: bool = False
    said: int = 0
    server_answered: bool = False
    first_byte_us: int | None = None
    verified: bool = False


Detail = DnsQuery | TcpConnect | TlsHandshake | QuicHandshake | HttpRoundTrip | Transfer | VpnHandshake | PathTrace

STEP_OF: dict[type[Detail], Step] = {
    DnsQuery: Step.DNS,
    TcpConnect: Step.TCP,
    TlsHandshake: Step.TLS,
    QuicHandshake: Step.QUIC,
    HttpRoundTrip: Step.HTTP,
    Transfer: Step.TRANSFER,
    VpnHandshake: Step.VPN,
    PathTrace: Step.TRACE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One network operation, tried once. `failure` is `None` on success, else an OONI df-007 string."""

    detail: Detail
    offset_us: int
    duration_us: int
    failure: str | None = None
    failure_detail: str = ""
    hop: int = 0
    attempt: int = 1

    @property
    def step(self) -> Step:
        return STEP_OF[type(self.detail)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkContext:
    """The network that an agent was on; `None` could not be told. `changed`: it became another one meanwhile.

    `seen_isp`: the ISP that the collector saw it at, where that is another one; empty: it is not, or is not known.
    """

    isp: str = ""
    kind: NetworkKind = NetworkKind.UNKNOWN
    vpn: bool | None = None
    ipv4: bool | None = None
    ipv6: bool | None = None
    metered: bool | None = None
    captive_portal: bool | None = None
    lab: bool = False
    changed: bool | None = None
    seen_isp: str = ""


@make_late
@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(FromWire):
    """One measurement of one target. `epoch` and `sequence` are 0 outside of a spool; `platform` empty: a reference.

    `request` is the "measure now" that asked for it, or 0. `clock_offset_us` is to be added to `started_at` for the
    collector's clock; `clock_jumped`: it cannot be relied on, because the clock was set meanwhile.
    """

    target: str
    started_at: datetime
    duration_us: int
    agent_version: str
    platform: str = ""
    epoch: int = 0
    sequence: int = 0
    plan_version: int = 0
    trigger: Trigger = Trigger.UNKNOWN
    depth: Depth = Depth.FULL
    network: NetworkContext = field(default_factory=NetworkContext)
    observations: tuple[Observation, ...] = ()
    bytes_sent: int = 0
    bytes_received: int = 0
    request: int = 0
    clock_offset_us: int | None = None
    clock_jumped: bool | None = None
