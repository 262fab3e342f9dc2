"""Joins the model and the wire: total in both directions.

`to_message` then `from_message` gives back an equal measurement. From the wire, an enum value or a step that this code
does not know becomes `UNKNOWN` or is left out: a newer agent never breaks an older collector.
Raises `ValueError` from `from_message` for a message that names no target or carries an impossible time.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from rabta_proto import model
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import AddressSource, Depth, NetworkKind, ResolverKind, Trigger

Word = TypeVar("Word", bound=StrEnum)

# Numbers of the wire's enums by word; a number outside of a table is a word of the future.
TRIGGERS = {Trigger.SCHEDULED: 1, Trigger.MANUAL: 2, Trigger.REQUESTED: 3}
DEPTHS = {Depth.FULL: 1, Depth.LIGHT: 2}
RESOLVERS = {ResolverKind.SYSTEM: 1, ResolverKind.UDP: 2, ResolverKind.DOH: 3}
SOURCES = {AddressSource.SYSTEM: 1, AddressSource.UDP: 2, AddressSource.DOH: 3, AddressSource.LITERAL: 4}
KINDS = {NetworkKind.ETHERNET: 1, NetworkKind.WIFI: 2, NetworkKind.MOBILE: 3}


def _inverse(table: dict[Word, int]) -> dict[int, Word]:
    return {number: word for word, number in table.items()}


_TRIGGERS, _DEPTHS, _RESOLVERS = _inverse(TRIGGERS), _inverse(DEPTHS), _inverse(RESOLVERS)
_SOURCES, _KINDS = _inverse(SOURCES), _inverse(KINDS)


def to_timestamp(moment: datetime) -> Timestamp:
    """The wire's form of an aware moment."""
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """An aware moment in UTC. Raises `ValueError` outside of the years 1 to 9999."""
    return stamp.ToDatetime(tzinfo=UTC)


def to_message(measurement: model.Measurement) -> wire.Measurement:
    """The wire's form of a measurement."""
    return wire.Measurement(
        epoch=measurement.epoch,
        sequence=measurement.sequence,
        agent_version=measurement.agent_version,
        plan_version=measurement.plan_version,
        platform=measurement.platform,
        target=measurement.target,
        started_at=to_timestamp(measurement.started_at),
        duration_us=measurement.duration_us,
        trigger=wire.Trigger.ValueType(TRIGGERS.get(measurement.trigger, 0)),
        depth=wire.Depth.ValueType(DEPTHS.get(measurement.depth, 0)),
        network=network_to_message(measurement.network),
        observations=[_observation_to_message(observation) for observation in measurement.observations],
        bytes_sent=measurement.bytes_sent,
        bytes_received=measurement.bytes_received,
    )


def network_to_message(network: model.NetworkContext) -> wire.NetworkContext:
    """The wire's form of a network context."""
    return wire.NetworkContext(
        isp=network.isp,
        kind=wire.NetworkKind.ValueType(KINDS.get(network.kind, 0)),
        vpn=network.vpn,
        ipv4=network.ipv4,
        ipv6=network.ipv6,
        metered=network.metered,
        captive_portal=network.captive_portal,
        lab=network.lab,
    )


def _observation_to_message(observation: model.Observation) -> wire.Observation:
    message = wire.Observation(
        hop=observation.hop,
        attempt=observation.attempt,
        offset_us=observation.offset_us,
        duration_us=observation.duration_us,
        failure=observation.failure,
        failure_detail=observation.failure_detail,
    )
    match observation.detail:
        case model.DnsQuery() as dns:
            message.dns.CopyFrom(_dns_to_message(dns))
        case model.TcpConnect() as tcp:
            source = wire.AddressSource.ValueType(SOURCES.get(tcp.source, 0))
            message.tcp.CopyFrom(wire.TcpConnect(address=tcp.address, port=tcp.port, source=source))
        case model.TlsHandshake() as tls:
            message.tls.CopyFrom(_tls_to_message(tls))
        case model.HttpRoundTrip() as http:
            message.http.CopyFrom(_http_to_message(http))
    return message


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
            wire.DnsReply(offset_us=reply.offset_us, rcode=reply.rcode, answers=_answers_to_message(reply.answers))
            for reply in dns.later_replies
        ],
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
    )


def from_message(message: wire.Measurement) -> model.Measurement:
    """The measurement that a message holds; observations of unknown steps are left out."""
    if not message.target:
        raise ValueError("a measurement names no target")
    return model.Measurement(
        epoch=message.epoch,
        sequence=message.sequence,
        agent_version=message.agent_version,
        plan_version=message.plan_version,
        platform=message.platform,
        target=message.target,
        started_at=from_timestamp(message.started_at),
        duration_us=message.duration_us,
        trigger=_TRIGGERS.get(message.trigger, Trigger.UNKNOWN),
        depth=_DEPTHS.get(message.depth, Depth.UNKNOWN),
        network=network_from_message(message.network),
        observations=tuple(filter(None, map(_observation_from_message, message.observations))),
        bytes_sent=message.bytes_sent,
        bytes_received=message.bytes_received,
    )


def network_from_message(message: wire.NetworkContext) -> model.NetworkContext:
    """The network context that a message holds."""
    return model.NetworkContext(
        isp=message.isp,
        kind=_KINDS.get(message.kind, NetworkKind.UNKNOWN),
        vpn=message.vpn if message.HasField("vpn") else None,
        ipv4=message.ipv4 if message.HasField("ipv4") else None,
        ipv6=message.ipv6 if message.HasField("ipv6") else None,
        metered=message.metered if message.HasField("metered") else None,
        captive_portal=message.captive_portal if message.HasField("captive_portal") else None,
        lab=message.lab,
    )


def _observation_from_message(message: wire.Observation) -> model.Observation | None:
    detail: model.Detail
    match message.WhichOneof("detail"):
        case "dns":
            detail = _dns_from_message(message.dns)
        case "tcp":
            source = _SOURCES.get(message.tcp.source, AddressSource.UNKNOWN)
            detail = model.TcpConnect(address=message.tcp.address, port=message.tcp.port, source=source)
        case "tls":
            detail = _tls_from_message(message.tls)
        case "http":
            detail = _http_from_message(message.http)
        case _:
            return None
    return model.Observation(
        detail=detail,
        hop=message.hop,
        attempt=message.attempt,
        offset_us=message.offset_us,
        duration_us=message.duration_us,
        failure=message.failure if message.HasField("failure") else None,
        failure_detail=message.failure_detail,
    )


def _answers_from_message(message: wire.DnsQuery | wire.DnsReply) -> tuple[model.DnsAnswer, ...]:
    return tuple(model.DnsAnswer(type=entry.type, value=entry.value, ttl_s=entry.ttl_s) for entry in message.answers)


def _dns_from_message(message: wire.DnsQuery) -> model.DnsQuery:
    return model.DnsQuery(
        resolver_kind=_RESOLVERS.get(message.resolver_kind, ResolverKind.UNKNOWN),
        resolver=message.resolver,
        hostname=message.hostname,
        query_type=message.query_type,
        rcode=message.rcode if message.HasField("rcode") else None,
        answers=_answers_from_message(message),
        later_replies=tuple(
            model.DnsReply(offset_us=reply.offset_us, rcode=reply.rcode, answers=_answers_from_message(reply))
            for reply in message.later_replies
        ),
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
        certificate=_certificate_from_message(message.certificate) if message.HasField("certificate") else None,
        alert=message.alert if message.HasField("alert") else None,
    )


def _certificate_from_message(message: wire.Certificate) -> model.Certificate:
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
    )
