"""What each step saw, on the wire and back: codec.py for the measurement around it. Total in both directions.

What many measurements have in common (a site's certificate, an address, an answer) is read once and shared: values of
the model never change. How many are remembered is bounded.
"""

from functools import lru_cache

from rabta_proto import model
from rabta_proto.moments import from_timestamp, to_timestamp
from rabta_proto.numbers import PLACES, RESOLVERS, SOURCES, TRANSPORTS, inverse
from rabta_proto.traces import trace_from_message, trace_to_message
from rabta_proto.transfers import transfer_from_message, transfer_to_message
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import AddressSource, DnsTransport, ResolverKind, ResolverPlace
from rabta_proto.vpns import vpn_from_message, vpn_to_message

_RESOLVERS, _TRANSPORTS = inverse(RESOLVERS), inverse(TRANSPORTS)
_PLACES, _SOURCES = inverse(PLACES), inverse(SOURCES)
SHARED = 4096
"""How many values of a kind are remembered: a few hundred bytes each."""


def write_detail(detail: model.Detail, message: wire.Observation) -> None:
    """Writes what was done into an observation."""
    match detail:
        case model.DnsQuery() as dns:
            message.dns.CopyFrom(_dns_to_message(dns))
        case model.TcpConnect() as tcp:
            source = wire.AddressSource.ValueType(SOURCES.get(tcp.source, 0))
            message.tcp.CopyFrom(wire.TcpConnect(address=tcp.address, port=tcp.port, source=source))
        case model.TlsHandshake() as tls:
            message.tls.CopyFrom(_tls_to_message(tls))
        case model.QuicHandshake() as quic:
            message.quic.CopyFrom(_quic_to_message(quic))
        case model.HttpRoundTrip() as http:
            message.http.CopyFrom(_http_to_message(http))
        case model.Transfer() as transfer:
            message.transfer.CopyFrom(transfer_to_message(transfer))
        case model.VpnHandshake() as vpn:
            message.vpn.CopyFrom(vpn_to_message(vpn))
        case model.PathTrace() as trace:
            message.trace.CopyFrom(trace_to_message(trace))


def _answers_to_message(answers: tuple[model.DnsAnswer, ...]) -> list[wire.DnsAnswer]:
    return [wire.DnsAnswer(type=answer.type, value=answer.value, ttl_s=answer.ttl_s) for answer in answers]


def _dns_to_message(dns: model.DnsQuery) -> wire.DnsQuery:
    return wire.DnsQuery(
        resolver_kind=wire.ResolverKind.ValueType(RESOLVERS.get(dns.resolver_kind, 0)),
        resolver=dns.resolver,
        hostname=dns.hostname,
        query_type=dns.query_type,
        rcode=dns.rcode,
        answers=_answers_to_message(dns.answers),
        later_replies=[
            wire.DnsReply(
                offset_us=reply.offset_us,
                rcode=reply.rcode,
                answers=_answers_to_message(reply.answers),
                truncated=reply.truncated,
            )
            for reply in dns.later_replies
        ],
        transport=wire.DnsTransport.ValueType(TRANSPORTS.get(dns.transport, 0)),
        truncated=dns.truncated,
        resolver_place=wire.ResolverPlace.ValueType(PLACES.get(dns.resolver_place, 0)),
    )


def _tls_to_message(tls: model.TlsHandshake) -> wire.TlsHandshake:
    return wire.TlsHandshake(
        address=tls.address,
        port=tls.port,
        server_name=tls.server_name,
        source=wire.AddressSource.ValueType(SOURCES.get(tls.source, 0)),
        isolation=tls.isolation,
        verified=tls.verified,
        server_answered=tls.server_answered,
        tls_version=tls.tls_version,
        cipher_suite=tls.cipher_suite,
        negotiated_protocol=tls.negotiated_protocol,
        certificate=None if tls.certificate is None else _certificate_to_message(tls.certificate),
        alert=tls.alert,
        chain=[wire.Issuer(sha256=issuer.sha256, subject=issuer.subject) for issuer in tls.chain],
        first_byte_us=tls.first_byte_us,
        split=tls.split,
    )


def _quic_to_message(quic: model.QuicHandshake) -> wire.QuicHandshake:
    return wire.QuicHandshake(
        address=quic.address,
        port=quic.port,
        server_name=quic.server_name,
        source=wire.AddressSource.ValueType(SOURCES.get(quic.source, 0)),
        isolation=quic.isolation,
        verified=quic.verified,
        server_answered=quic.server_answered,
        quic_version=quic.quic_version,
        cipher_suite=quic.cipher_suite,
        negotiated_protocol=quic.negotiated_protocol,
        certificate=None if quic.certificate is None else _certificate_to_message(quic.certificate),
        close_code=quic.close_code,
        first_byte_us=quic.first_byte_us,
    )


def _certificate_to_message(certificate: model.Certificate) -> wire.Certificate:
    return wire.Certificate(
        sha256=certificate.sha256,
        spki_sha256=certificate.spki_sha256,
        subject=certificate.subject,
        issuer=certificate.issuer,
        not_before=to_timestamp(certificate.not_before),
        not_after=to_timestamp(certificate.not_after),
    )


def _http_to_message(http: model.HttpRoundTrip) -> wire.HttpRoundTrip:
    return wire.HttpRoundTrip(
        address=http.address,
        port=http.port,
        url=http.url,
        tls=http.tls,
        status=http.status,
        body_bytes=http.body_bytes,
        declared_bytes=http.declared_bytes,
        truncated=http.truncated,
        title=http.title,
        header_names=http.header_names,
        location=http.location,
        server=http.server,
        body_sha256=http.body_sha256,
        body_simhash=http.body_simhash,
        marks=http.marks,
        http_version=http.http_version,
        charset=http.charset,
        content_encoding=http.content_encoding,
        chunked=http.chunked,
        strict_transport_security=http.strict_transport_security,
    )


def read_detail(message: wire.Observation) -> model.Detail | None:
    """What was done; `None` for a step that this code does not know."""
    match message.WhichOneof("detail"):
        case "dns":
            return _dns_from_message(message.dns)
        case "tcp":
            tcp = message.tcp
            return _connect(tcp.address, tcp.port, tcp.source)
        case "tls":
            return _tls_from_message(message.tls)
        case "quic":
            return _quic_from_message(message.quic)
        case "http":
            return _http_from_message(message.http)
        case "transfer":
            return transfer_from_message(message.transfer)
        case "vpn":
            return vpn_from_message(message.vpn)
        case "trace":
            return trace_from_message(message.trace)
    return None


@lru_cache(SHARED)
def _connect(address: str, port: int, source: int) -> model.TcpConnect:
    return model.TcpConnect(address=address, port=port, source=_SOURCES.get(source, AddressSource.UNKNOWN))


@lru_cache(SHARED)
def _answer(type_: str, value: str, ttl_s: int) -> model.DnsAnswer:
    return model.DnsAnswer(type=type_, value=value, ttl_s=ttl_s)


@lru_cache(SHARED)
def _issuer(sha256: bytes, subject: str) -> model.Issuer:
    return model.Issuer(sha256=sha256, subject=subject)


def _answers_from_message(message: wire.DnsQuery | wire.DnsReply) -> tuple[model.DnsAnswer, ...]:
    return tuple([_answer(entry.type, entry.value, entry.ttl_s) for entry in message.answers])


def _dns_from_message(message: wire.DnsQuery) -> model.DnsQuery:
    return model.DnsQuery(
        resolver_kind=_RESOLVERS.get(message.resolver_kind, ResolverKind.UNKNOWN),
        resolver=message.resolver,
        hostname=message.hostname,
        query_type=message.query_type,
        rcode=message.rcode if message.HasField("rcode") else None,
        answers=_answers_from_message(message),
        later_replies=tuple(
            model.DnsReply(
                offset_us=reply.offset_us,
                rcode=reply.rcode,
                answers=_answers_from_message(reply),
                truncated=reply.truncated,
            )
            for reply in message.later_replies
        ),
        transport=_TRANSPORTS.get(message.transport, DnsTransport.UNKNOWN),
        truncated=message.truncated,
        resolver_place=_PLACES.get(message.resolver_place, ResolverPlace.UNKNOWN),
    )


def _tls_from_message(message: wire.TlsHandshake) -> model.TlsHandshake:
    return model.TlsHandshake(
        address=message.address,
        port=message.port,
        server_name=message.server_name,
        source=_SOURCES.get(message.source, AddressSource.UNKNOWN),
        isolation=message.isolation,
        verified=message.verified,
        server_answered=message.server_answered,
        tls_version=message.tls_version,
        cipher_suite=message.cipher_suite,
        negotiated_protocol=message.negotiated_protocol,
        certificate=_certificate(message.certificate.SerializeToString()) if message.HasField("certificate") else None,
        alert=message.alert if message.HasField("alert") else None,
        chain=tuple([_issuer(issuer.sha256, issuer.subject) for issuer in message.chain]),
        first_byte_us=message.first_byte_us if message.HasField("first_byte_us") else None,
        split=message.split,
    )


def _quic_from_message(message: wire.QuicHandshake) -> model.QuicHandshake:
    return model.QuicHandshake(
        address=message.address,
        port=message.port,
        server_name=message.server_name,
        source=_SOURCES.get(message.source, AddressSource.UNKNOWN),
        isolation=message.isolation,
        verified=message.verified,
        server_answered=message.server_answered,
        quic_version=message.quic_version if message.HasField("quic_version") else None,
        cipher_suite=message.cipher_suite,
        negotiated_protocol=message.negotiated_protocol,
        certificate=_certificate(message.certificate.SerializeToString()) if message.HasField("certificate") else None,
        close_code=message.close_code if message.HasField("close_code") else None,
        first_byte_us=message.first_byte_us if message.HasField("first_byte_us") else None,
    )


@lru_cache(SHARED)
def _certificate(raw: bytes) -> model.Certificate:
    message = wire.Certificate.FromString(raw)
    return model.Certificate(
        sha256=message.sha256,
        spki_sha256=message.spki_sha256,
        subject=message.subject,
        issuer=message.issuer,
        not_before=from_timestamp(message.not_before),
        not_after=from_timestamp(message.not_after),
    )


def _http_from_message(message: wire.HttpRoundTrip) -> model.HttpRoundTrip:
    return model.HttpRoundTrip(
        address=message.address,
        port=message.port,
        url=message.url,
        tls=message.tls,
        status=message.status if message.HasField("status") else None,
        body_bytes=message.body_bytes,
        declared_bytes=message.declared_bytes if message.HasField("declared_bytes") else None,
        truncated=message.truncated,
        title=message.title,
        header_names=tuple(message.header_names),
        location=message.location,
        server=message.server,
        body_sha256=message.body_sha256,
        body_simhash=message.body_simhash if message.HasField("body_simhash") else None,
        marks=tuple(message.marks),
        http_version=message.http_version,
        charset=message.charset,
        content_encoding=message.content_encoding,
        chunked=message.chunked,
        strict_transport_security=message.strict_transport_security,
    )
