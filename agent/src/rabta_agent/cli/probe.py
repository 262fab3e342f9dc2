"""`rabta-agent probe`: measures now, without a collector and without keeping anything."""

import argparse
import asyncio

from google.protobuf.json_format import MessageToJson

from rabta_agent import log
from rabta_agent.ceilings import Ceilings
from rabta_agent.cli.setting import make_prober, setting, vantage_of
from rabta_agent.config import Config
from rabta_agent.contacts import SYSTEM_RESOLVER
from rabta_agent.context import network_context
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential, Home
from rabta_agent.measure import parse_measurable
from rabta_agent.plan import Plan, stored_plan
from rabta_agent.task import Settings, Task, own_settings
from rabta_agent.urls import InvalidTarget
from rabta_proto.codec import to_message
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    Transfer,
    VpnHandshake,
)
from rabta_proto.vocabulary import DnsTransport, ResolverKind, Trigger


def probe(options: argparse.Namespace) -> ExitCode:
    """Measures each target, one after the other, as the plan says where there is one.

    What the network does is no failure of the command.
    """
    home, config = setting(options)
    log.set_up(config.log_level)
    for target in options.targets:
        try:
            parse_measurable(target)
        except InvalidTarget as wrong:
            raise CommandError(str(wrong), ExitCode.USAGE) from None
    credential = home.credential()
    plan = _plan_of(home, credential, config) if credential else None
    settings = plan.settings if plan else own_settings(lab=config.lab)
    asyncio.run(_probe(options, config, settings, isp=credential.isp if credential else ""))
    return ExitCode.GOOD


def _plan_of(home: Home, credential: Credential, config: Config) -> Plan | None:
    key = bytes.fromhex(credential.plan_public_key)
    limits = Ceilings.of(lab=config.lab)
    return stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)


async def _probe(options: argparse.Namespace, config: Config, settings: Settings, *, isp: str) -> None:
    vantage = vantage_of(config)
    prober = make_prober(vantage)
    try:
        for target in options.targets:
            task = Task(target=target, trigger=Trigger.MANUAL)
            measurement = await prober.measure(task, settings, network_context(isp, vantage))
            print(to_json(measurement) if options.json else to_text(measurement), flush=True)
    finally:
        await prober.close()


def to_json(measurement: Measurement) -> str:
    """The protobuf JSON form of `rabta.v1.Measurement`, on one line."""
    return MessageToJson(to_message(measurement), indent=None)


def to_text(measurement: Measurement) -> str:
    """One line per step for a person: when it began, how long it took, what came of it; then what disturbed it."""
    lines = [measurement.target]
    for observation in measurement.observations:
        began, took = observation.offset_us / 1000, observation.duration_us / 1000
        repeat = f"  (attempt {observation.attempt})" if observation.attempt > 1 else ""
        lines.append(f"{began:9.1f} ms {took:8.1f} ms  {observation.step:<5} {_what(observation)}{repeat}")
    lines += _disturbances(measurement.network)
    total = measurement.duration_us / 1e6
    lines.append(f"{total:.2f} s, {measurement.bytes_sent} bytes sent, {measurement.bytes_received} received")
    return "\n".join(lines)


def _disturbances(network: NetworkContext) -> list[str]:
    """Why a measurement may say little about the ISP."""
    causes = {
        "a VPN is on": network.vpn,
        "a captive portal is in the way": network.captive_portal,
        "the network changed meanwhile": network.changed,
    }
    return [f"note: {cause}" for cause, holds in causes.items() if holds]


def _what(observation: Observation) -> str:
    """What was tried and what came of it."""
    match observation.detail:
        case DnsQuery() as dns:
            named = f" ({dns.resolver})" if dns.resolver else ""
            asked = f"{SYSTEM_RESOLVER}{named}" if dns.resolver_kind is ResolverKind.SYSTEM else dns.resolver
            over = " over TCP" if dns.transport is DnsTransport.TCP else ""
            tried = f"{dns.query_type} {dns.hostname} from {asked}{over}"
            came = ", ".join(dns.addresses) or ("cut short" if dns.truncated else "")
        case TcpConnect() as tcp:
            tried, came = f"{tcp.address} port {tcp.port}", "connected"
        case TlsHandshake() as tls:
            tried = f"{tls.server_name} at {tls.address}{_manner(tls)}"
            came = f"{tls.tls_version}, certificate {'verified' if tls.verified else 'not verified'}"
        case QuicHandshake() as quic:
            tried = f"{quic.server_name} at {quic.address} port {quic.port}{_manner(quic)}"
            came = f"QUIC {_quic_version(quic)}, certificate {'verified' if quic.verified else 'not verified'}"
        case VpnHandshake() as vpn:
            tried = f"{vpn.protocol} at {vpn.address} port {vpn.port}{' over TCP' if vpn.over_tcp else ''}"
            came = f"answered{', key verified' if vpn.verified else ''}"
        case HttpRoundTrip() as http:
            tried = f"GET {http.url}"
            came = f"status {http.status}, {http.body_bytes} bytes" + (f', "{http.title}"' if http.title else "")
        case Transfer() as transfer:
            tried = f"read {transfer.turn} of {transfer.url} as {transfer.server_name}"
            came = f"{transfer.body_bytes} bytes in {(transfer.read_us or 0) / 1000:.0f} ms"
    return f"{tried}: {came if observation.failure is None else observation.failure}"


def _manner(handshake: TlsHandshake | QuicHandshake) -> str:
    """What is unusual in a handshake."""
    if handshake.isolation:
        return " (innocuous name)"
    return " (name cut in two)" if isinstance(handshake, TlsHandshake) and handshake.split else ""


def _quic_version(quic: QuicHandshake) -> str:
    """Version 2 has a number of its own (RFC 9369)."""
    number = quic.quic_version or 0
    return {1: "v1", 0x6B3343CF: "v2"}.get(number, f"version {number:#x}")
