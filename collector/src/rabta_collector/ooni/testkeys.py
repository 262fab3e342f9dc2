"""Observations as OONI's lists: queries (df-002), connections (df-005), handshakes (df-006), requests (df-001). Pure.

Names and types of fields are those of OONI's probe since 3.16. Our agent asks the machine's own resolver itself, A and
AAAA apart, which is what OONI's engine `system` stands for. What was not dialled is in no list of connections: an
address that no site can have shows as `dns_bogon_error` of the query that gave it. Bodies and most values of headers
were never kept: a body is empty and `body_is_truncated` says so, a header's name has an empty value. Of what went over
a connection one event is told (df-008): the first byte of a server that began to answer a handshake that then failed.

A query is a transaction of its own; a connection and what went over it are one. Tags: `depth=N` is the hop, `classic`
the machine's own way to the site, `fetch_body=false` what no request was to follow, and `sni_isolation` (ours) a
handshake with an innocuous name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from rabta_collector.ooni.failures import write_failure
from rabta_collector.ooni.vantage import ISOLATION_TAG
from rabta_proto.model import (
    DnsAnswer,
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind

Keys = dict[str, object]

_ENGINES = {ResolverKind.SYSTEM: "system", ResolverKind.UDP: "udp", ResolverKind.DOH: "doh"}
_OWN = (AddressSource.SYSTEM, AddressSource.LITERAL)
_NO_TOR: Keys = {"exit_ip": None, "exit_name": None, "is_tor": False}


def write_observations(measurement: Measurement) -> Keys:
    """The lists of a measurement, each in order of time, requests newest first (ts-017)."""
    writer = _Writer(special=_undialled(measurement.observations))
    for observation in sorted(measurement.observations, key=lambda o: (o.hop, o.offset_us)):
        writer.write(observation)
    return {
        "network_events": writer.events,
        "queries": writer.queries,
        "requests": writer.requests[::-1],
        "tcp_connect": writer.connects,
        "tls_handshakes": writer.handshakes,
        **({"quic_handshakes": writer.quic} if writer.quic else {}),
        "x_dns_duplicate_responses": writer.late,
    }


def endpoint(address: str, port: int) -> str:
    """`address:port`, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _undialled(observations: Iterable[Observation]) -> frozenset[tuple[int, str]]:
    return frozenset(
        (o.hop, o.detail.address)
        for o in observations
        if isinstance(o.detail, TcpConnect) and o.failure == Failure.SPECIAL_ADDRESS
    )


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Lists so far. `special`: addresses, each with its hop, that the agent would not dial."""

    special: frozenset[tuple[int, str]]
    queries: list[Keys] = field(default_factory=list)
    connects: list[Keys] = field(default_factory=list)
    handshakes: list[Keys] = field(default_factory=list)
    quic: list[Keys] = field(default_factory=list)
    requests: list[Keys] = field(default_factory=list)
    late: list[Keys] = field(default_factory=list)
    events: list[Keys] = field(default_factory=list)
    _transactions: int = 0
    _open: dict[tuple[int, str, int], int] = field(default_factory=dict)

    def write(self, observation: Observation) -> None:
        match observation.detail:
            case DnsQuery() as query:
                self._query(observation, query)
            case TcpConnect() as connect if observation.failure != Failure.SPECIAL_ADDRESS:
                number = self._next()
                self._open[observation.hop, connect.address, connect.port] = number
                self.connects.append(_connect(observation, connect, number))
            case TlsHandshake() as handshake:
                number = self._number(observation, handshake)
                self.handshakes.append(_handshake(observation, handshake, number))
                if handshake.server_answered and observation.failure is not None:
                    self.events.append(_first_byte(observation, handshake, number))
            case QuicHandshake() as handshake:
                self.quic.append(_handshake(observation, handshake, self._next()))
            case HttpRoundTrip() as page:
                self.requests.append(_request(observation, page, self._number(observation, page)))

    def _query(self, observation: Observation, query: DnsQuery) -> None:
        number = self._next()
        bogon = any((observation.hop, address) in self.special for address in query.addresses)
        failure = Failure.SPECIAL_ADDRESS if bogon and observation.failure is None else observation.failure
        entry = _lookup(replace(observation, failure=failure), query, number)
        self.queries.append(entry)
        for reply in query.later_replies:
            at = (observation.offset_us + reply.offset_us) / 1e6
            told = {"answers": _answers(reply.answers), "failure": None, "rcode": reply.rcode, "t0": at, "t": at}
            self.late.append({**entry, **told})

    def _next(self) -> int:
        self._transactions += 1
        return self._transactions

    def _number(self, observation: Observation, detail: TlsHandshake | HttpRoundTrip) -> int:
        """The transaction of the connection that this went over."""
        return self._open.get((observation.hop, detail.address, detail.port)) or self._next()


def _times(observation: Observation) -> Keys:
    start = observation.offset_us / 1e6
    return {"t0": start, "t": (observation.offset_us + observation.duration_us) / 1e6}


def _tags(observation: Observation, *, classic: bool, body: bool = True) -> list[str]:
    fetch = f"fetch_body={'true' if body and classic else 'false'}"
    return [*(["classic"] if classic else []), f"depth={observation.hop}", fetch]


def _lookup(observation: Observation, query: DnsQuery, number: int) -> Keys:
    own = query.resolver_kind is ResolverKind.SYSTEM
    engine = _ENGINES.get(query.resolver_kind, "unknown")
    over_tcp = query.transport is DnsTransport.TCP and not own
    return {
        "answers": _answers(query.answers),
        "engine": "tcp" if over_tcp else engine,
        "failure": write_failure(observation.failure),
        "hostname": query.hostname,
        "query_type": query.query_type,
        "rcode": query.rcode or 0,
        "resolver_hostname": None,
        "resolver_port": None,
        "resolver_address": _resolver(query),
        **_times(observation),
        "tags": ["classic", f"depth={observation.hop}"] if own else [f"depth={observation.hop}"],
        "transaction_id": number,
    }


def _resolver(query: DnsQuery) -> str:
    bare = bool(query.resolver) and query.resolver_kind is ResolverKind.UDP and query.resolver.count(":") != 1
    return endpoint(query.resolver.strip("[]"), 53) if bare and not query.resolver.endswith(":53") else query.resolver


def _answers(answers: Iterable[DnsAnswer]) -> list[Keys] | None:
    keys = {"A": "ipv4", "AAAA": "ipv6", "CNAME": "hostname"}
    told: list[Keys] = [
        {"answer_type": answer.type, keys[answer.type]: answer.value, "ttl": answer.ttl_s}
        for answer in answers
        if answer.type in keys
    ]
    return told or None


def _connect(observation: Observation, connect: TcpConnect, number: int) -> Keys:
    failure = write_failure(observation.failure)
    return {
        "ip": connect.address,
        "port": connect.port,
        "status": {"failure": failure, "success": failure is None},
        **_times(observation),
        "tags": _tags(observation, classic=connect.source in _OWN),
        "transaction_id": number,
    }


def _handshake(observation: Observation, handshake: TlsHandshake | QuicHandshake, number: int) -> Keys:
    quic = isinstance(handshake, QuicHandshake)
    version = handshake.tls_version if isinstance(handshake, TlsHandshake) else ""
    tags = _tags(observation, classic=handshake.source in _OWN and not handshake.isolation)
    return {
        "network": "udp" if quic else "tcp",
        "address": endpoint(handshake.address, handshake.port),
        "cipher_suite": handshake.cipher_suite,
        "failure": write_failure(observation.failure),
        "negotiated_protocol": handshake.negotiated_protocol,
        "no_tls_verify": not handshake.verified,
        "peer_certificates": [],
        "server_name": handshake.server_name,
        **_times(observation),
        "tags": [*tags, ISOLATION_TAG] if handshake.isolation else tags,
        "tls_version": "TLSv1.3" if quic and observation.failure is None else version,
        "transaction_id": number,
    }


def _first_byte(observation: Observation, handshake: TlsHandshake, number: int) -> Keys:
    """The first byte of an answer that led to nothing."""
    after = observation.duration_us if handshake.first_byte_us is None else handshake.first_byte_us
    moment = (observation.offset_us + after) / 1e6
    return {
        "address": endpoint(handshake.address, handshake.port),
        "failure": None,
        "num_bytes": 1,
        "operation": "read",
        "proto": "tcp",
        "t0": moment,
        "t": moment,
        "tags": [f"depth={observation.hop}"],
        "transaction_id": number,
    }


def _request(observation: Observation, page: HttpRoundTrip, number: int) -> Keys:
    headers = _headers(page)
    return {
        "network": "tcp",
        "address": endpoint(page.address, page.port),
        "alpn": "http/1.1",
        "failure": write_failure(observation.failure),
        "request": {
            "body": "",
            "body_is_truncated": False,
            "headers_list": [],
            "headers": {},
            "method": "GET",
            "tor": _NO_TOR,
            "x_transport": "tcp",
            "url": page.url,
        },
        "response": {
            "body": "",
            "body_is_truncated": page.body_bytes > 0 or page.truncated,
            "code": page.status or 0,
            "headers_list": [[name, value] for name, value in headers.items()],
            "headers": headers,
        },
        **_times(observation),
        "tags": _tags(observation, classic=True),
        "transaction_id": number,
    }


def _headers(page: HttpRoundTrip) -> dict[str, str]:
    kept = {
        "location": page.location,
        "server": page.server,
        "strict-transport-security": page.strict_transport_security,
        "content-length": "" if page.declared_bytes is None else str(page.declared_bytes),
        "content-encoding": page.content_encoding,
    }
    values = {name: kept.get(name.lower(), "") for name in page.header_names}
    told = {name.lower() for name in values}
    return values | {name: value for name, value in kept.items() if value and name not in told}
