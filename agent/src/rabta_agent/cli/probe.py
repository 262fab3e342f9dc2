"""`rabta-agent probe`: measures now, without a collector and without keeping anything."""

import argparse
import asyncio
import sys

from google.protobuf.json_format import MessageToJson

from rabta_agent import log
from rabta_agent.ceilings import Ceilings
from rabta_agent.cli.greetings import label_of, name_of
from rabta_agent.cli.lines import hang, terminal_width
from rabta_agent.cli.paint import BOLD, GREEN, RED, paint, paints
from rabta_agent.cli.paths import tell_came
from rabta_agent.cli.plain import conclude, tell_disturbances, tell_failure
from rabta_agent.cli.progress import showing
from rabta_agent.cli.setting import make_prober, setting, vantage_of
from rabta_agent.config import Config
from rabta_agent.context import network_context
from rabta_agent.cutoff import find_cutoff
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential, Home
from rabta_agent.measure import parse_measurable
from rabta_agent.plan import Plan, stored_plan
from rabta_agent.probes.ear import find_obstacle
from rabta_agent.task import Settings, Task, own_settings
from rabta_agent.tracer import trace_task
from rabta_agent.urls import InvalidTarget
from rabta_agent.words import listed, lookup, tr
from rabta_proto.codec import to_message
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    Observation,
    PathTrace,
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
    limits = Ceilings.of(lab=config.lab, left_out=config.left_out)
    return stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)


async def _probe(options: argparse.Namespace, config: Config, settings: Settings, *, isp: str) -> None:
    vantage = vantage_of(config)
    prober = make_prober(vantage)
    try:
        for target in options.targets:
            task = Task(target=target, trigger=Trigger.MANUAL)
            measuring = prober.measure(task, settings, network_context(isp, vantage))
            measurement = await showing(measuring, tr("Measuring {target}", target=target))
            print(to_json(measurement) if options.json else _shown(measurement), flush=True)
            cutoff = find_cutoff(measurement) if config.trace_path else None
            if cutoff is not None and _may_trace():
                tracing = prober.trace(trace_task(task), cutoff, settings, network_context(isp, vantage))
                traced = await showing(tracing, tr("Looking where {target} is cut off", target=target))
                print(to_json(traced) if options.json else f"\n{_shown(traced)}", flush=True)
    finally:
        await prober.close()


def _may_trace() -> bool:
    """Whether this process may; else it is said why not, apart from what was measured."""
    obstacle = find_obstacle()
    if obstacle:
        print(tr("Where it is cut off cannot be looked for: {cause}.", cause=lookup(obstacle)), file=sys.stderr)
    return not obstacle


def to_json(measurement: Measurement) -> str:
    """The protobuf JSON form of `rabta.v1.Measurement`, on one line."""
    return MessageToJson(to_message(measurement), indent=None)


def _shown(measurement: Measurement) -> str:
    """For a person at a terminal, with the facts in one line at the end."""
    on, most = paints(), terminal_width()
    conclusion = hang("", conclude(measurement), most, BOLD if on else None)
    return f"{to_text(measurement, colour=on, most=most)}\n{conclusion}"


def to_text(measurement: Measurement, *, colour: bool = False, most: int | None = None) -> str:
    """Each step for a person: when it began, how long it took, what came of it; then what disturbed it."""
    lines = [paint(measurement.target, BOLD, on=colour)]
    for observation in measurement.observations:
        began, took = observation.offset_us / 1000, observation.duration_us / 1000
        repeat = "  " + tr("(attempt {number})", number=observation.attempt) if observation.attempt > 1 else ""
        head = f"{began:9.1f} ms {took:8.1f} ms  {label_of(observation):<5} "
        shade = (RED if observation.failure else GREEN) if colour else None
        lines.append(hang(head, _what(observation) + repeat, most, shade))
    lines += [hang("", tr("note: {cause}", cause=cause), most) for cause in tell_disturbances(measurement.network)]
    lines.append(
        tr(
            "{seconds:.2f} s, {sent} bytes sent, {received} received",
            seconds=measurement.duration_us / 1e6,
            sent=measurement.bytes_sent,
            received=measurement.bytes_received,
        )
    )
    return "\n".join(lines)


def _what(observation: Observation) -> str:
    """What was tried and what came of it."""
    match observation.detail:
        case DnsQuery() as dns:
            named = f" ({dns.resolver})" if dns.resolver else ""
            system = dns.resolver_kind is ResolverKind.SYSTEM
            asked = f"{tr('your own resolver')}{named}" if system else dns.resolver
            over = tr(" over TCP") if dns.transport is DnsTransport.TCP else ""
            tried = tr("{kind} {name} from {resolver}", kind=dns.query_type, name=dns.hostname, resolver=asked) + over
            came = listed(dns.addresses) or (tr("cut short") if dns.truncated else tr("no address"))
        case TcpConnect() as tcp:
            tried, came = tr("{address} port {port}", address=tcp.address, port=tcp.port), tr("connected")
        case TlsHandshake() as tls:
            tried = tr("{name} at {address}", name=tls.server_name, address=tls.address) + _manner(tls)
            came = _handshaken(tls, tls.tls_version or "")
        case QuicHandshake() as quic:
            place = tr("{address} port {port}", address=quic.address, port=quic.port)
            tried = tr("{name} at {address}", name=quic.server_name, address=place) + _manner(quic)
            came = _handshaken(quic, f"QUIC {_quic_version(quic)}")
        case VpnHandshake() as vpn:
            place = tr("{address} port {port}", address=vpn.address, port=vpn.port)
            tried = tr("{name} at {address}", name=name_of(vpn), address=place) + (
                tr(" over TCP") if vpn.over_tcp else ""
            )
            came = tr("answered, key verified") if vpn.verified else tr("answered")
        case HttpRoundTrip() as http:
            tried = f"GET {http.url}"
            came = tr("status {status}, {count} bytes", status=http.status or 0, count=http.body_bytes)
            came += f', "{http.title}"' if http.title else ""
        case Transfer() as transfer:
            names = {"number": transfer.turn, "url": transfer.url, "name": transfer.server_name}
            tried = tr("read {number} of {url} as {name}", **names)
            took = (transfer.read_us or 0) / 1000
            came = tr("{count} bytes in {milliseconds:.0f} ms", count=transfer.body_bytes, milliseconds=took)
        case PathTrace() as trace:
            tried = tr("{name} at {address}", name=trace.server_name, address=trace.address)
            tried += tr(" (a harmless name)") if trace.isolation else ""
            came = tell_came(trace)
    return f"{tried}: {came if observation.failure is None else tell_failure(observation.failure)}"


def _manner(handshake: TlsHandshake | QuicHandshake) -> str:
    """What is unusual in a handshake."""
    if handshake.isolation:
        return tr(" (a harmless name)")
    return tr(" (name cut in two)") if isinstance(handshake, TlsHandshake) and handshake.split else ""


def _handshaken(handshake: TlsHandshake | QuicHandshake, version: str) -> str:
    """Under a harmless name nothing is said of the certificate: the site's cannot hold that name."""
    if handshake.isolation:
        return listed([tr("answered"), version])
    vouched = tr("certificate verified") if handshake.verified else tr("certificate not verified")
    return listed([version, vouched])


def _quic_version(quic: QuicHandshake) -> str:
    """Version 2 has a number of its own (RFC 9369)."""
    number = quic.quic_version or 0
    return {1: "v1", 0x6B3343CF: "v2"}.get(number, tr("version {number:#x}", number=number))
