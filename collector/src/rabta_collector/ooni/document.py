"""A measurement of ours as an OONI measurement: data format 0.2.0 (df-000), web_connectivity or urlgetter. Pure.

A target over http or https is a web_connectivity measurement (ts-017) with the test keys of version 0.5. Other targets
are urlgetter's (ts-027), with its URLs as input: `tcpconnect://host:port`, `tlshandshake://host:port`,
`dnslookup://name`, and for QUIC `quichandshake://host:port`, the form that OONI's experiments with QUIC take (ts-034).

There is nothing of the agent in it: `probe_ip` and the resolver's fields are OONI's own blanks, `report_id` is empty,
`probe_asn` is the first of the ISP's (or AS0), and times are whole minutes. `annotations` hold our finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from rabta_collector.catalogue import Isp
from rabta_collector.export.anonymous import anonymise, strip
from rabta_collector.ooni.conclusions import write_conclusions
from rabta_collector.ooni.failures import write_failure
from rabta_collector.ooni.helperkeys import write_helper
from rabta_collector.ooni.own import KEY, Own, write_own
from rabta_collector.ooni.testkeys import Keys, endpoint, write_observations
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.classify import Finding
from rabta_collector.verdict.rules import RULES_VERSION
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import UNKNOWN_FAILURE, Judgement, NetworkKind, Step

FORMAT = "0.2.0"
TEST_VERSION = "0.5.0"
URLGETTER, URLGETTER_VERSION = "urlgetter", "0.2.0"
SOFTWARE = "rabta-agent"
_EXTENSIONS = {"dnst": 0, "httpt": 0, "netevents": 0, "tcpconnect": 0, "tlshandshake": 0}
_KINDS = {NetworkKind.WIFI: "wifi", NetworkKind.MOBILE: "mobile", NetworkKind.ETHERNET: "wired_ethernet"}
_PORTS = {"quic": 443, "tls": 443}
_OPERATIONS = {
    Step.DNS: "resolve",
    Step.TCP: "connect",
    Step.TLS: "tls_handshake",
    Step.QUIC: "quic_handshake",
    Step.HTTP: "http_round_trip",
    Step.TRANSFER: "http_round_trip",
    Step.VPN: "vpn_handshake",
    Step.TRACE: "trace",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A measurement with what it was judged by. `isp` is `None` where it is not known."""

    measurement: Measurement
    controls: Sequence[Measurement]
    references: Sequence[Measurement]
    finding: Finding
    isp: Isp | None
    background: Background = NOTHING
    country: str = "PK"


def has_form(target: str) -> bool:
    """Whether OONI has a form for measurements of this target."""
    return target.startswith(("http:", "https:")) or getter_input(target) is not None


def getter_input(target: str) -> str | None:
    """A target as urlgetter writes it; `None` for one that it has no form for."""
    scheme, _, rest = target.partition(":")
    if scheme == "dns":
        return f"dnslookup://{rest}"
    form = {"tcp": "tcpconnect", "quic": "quichandshake", "tls": "tlshandshake"}.get(scheme)
    if form is None:
        return None
    try:
        parts = urlsplit(target)
        port = parts.port or _PORTS.get(scheme)
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{form}://{host}:{port}" if host and port else None


def write_document(exhibit: Exhibit) -> Keys:
    """The OONI measurement. Raises `ValueError` where `has_form` denies that there is one."""
    measurement = anonymise(exhibit.measurement)
    start = f"{measurement.started_at:%Y-%m-%d %H:%M:%S}"
    web = measurement.target.startswith(("http:", "https:"))
    given = measurement.target if web else getter_input(measurement.target)
    if given is None:
        raise ValueError(f"OONI has no form for {measurement.target}")
    return {
        "annotations": _annotations(exhibit),
        "data_format_version": FORMAT,
        "extensions": _EXTENSIONS,
        "input": given,
        "measurement_start_time": start,
        "probe_asn": f"AS{exhibit.isp.asns[0] if exhibit.isp and exhibit.isp.asns else 0}",
        "probe_cc": exhibit.country,
        "probe_ip": "127.0.0.1",
        "probe_network_name": exhibit.isp.name if exhibit.isp else "",
        "report_id": "",
        "resolver_asn": "AS0",
        "resolver_ip": "127.0.0.2",
        "resolver_network_name": "",
        "software_name": SOFTWARE,
        "software_version": measurement.agent_version,
        "test_helpers": {},
        "test_keys": _web_keys(exhibit, measurement) if web else _getter_keys(exhibit, measurement),
        "test_name": "web_connectivity" if web else URLGETTER,
        "test_runtime": measurement.duration_us / 1e6,
        "test_start_time": start,
        "test_version": TEST_VERSION if web else URLGETTER_VERSION,
    }


def _annotations(exhibit: Exhibit) -> dict[str, str]:
    """All texts, as OONI wants them; what is not known is left out."""
    finding, network = exhibit.finding, exhibit.measurement.network
    told = {
        "engine_name": "rabta",
        "network_type": "vpn" if network.vpn else _KINDS.get(network.kind, "unknown"),
        "rabta_platform": exhibit.measurement.platform,
        "rabta_isp": exhibit.isp.id if exhibit.isp else "",
        "rabta_state": str(finding.judgement),
        "rabta_mechanism": str(finding.mechanism or ""),
        "rabta_rule": finding.rule,
        "rabta_rules_version": str(RULES_VERSION),
        "rabta_server_side": "true" if finding.server_side else "",
        "rabta_target": exhibit.measurement.target,
    }
    return {name: text for name, text in told.items() if text}


def _web_keys(exhibit: Exhibit, measurement: Measurement) -> Keys:
    helped = _helped(exhibit)
    control = helped["control"] if isinstance(helped["control"], dict) else {}
    keys = write_observations(measurement)
    _mark_blocked(keys["tcp_connect"], control.get("tcp_connect", {}))
    _name_networks(keys, control, exhibit.background)
    return {
        "agent": "redirect",
        "client_resolver": "",
        "retries": None,
        "socksproxy": None,
        **keys,
        **helped,
        **write_conclusions(measurement, exhibit.finding, control),
        KEY: _own(exhibit),
    }


def _helped(exhibit: Exhibit) -> Keys:
    """The helper's part. A vantage that is out of order would not have got an answer of it either."""
    finding = exhibit.finding
    if finding.rule.startswith("vantage."):
        return {"control_failure": f"{UNKNOWN_FAILURE}: {finding.rule}", "control": {}}
    settled = finding.judgement is not Judgement.INCONCLUSIVE
    return write_helper(exhibit.measurement, tuple(map(strip, exhibit.controls)), settled=settled)


def _mark_blocked(connects: object, reached: object) -> None:
    """`blocked` of each connection (ts-017): failed here, and not for the control."""
    if not isinstance(connects, list) or not isinstance(reached, dict):
        return
    for entry in connects:
        status, there = entry["status"], reached.get(endpoint(entry["ip"], entry["port"]), {})
        status["blocked"] = not status["success"] and there.get("status") is True


def _name_networks(keys: Keys, control: Keys, background: Background) -> None:
    """The networks of addresses (df-002, `asn`), where they are known."""
    told, queries = control.get("ip_info", {}), keys["queries"]
    if background.asn_of is None or not isinstance(told, dict) or not isinstance(queries, list):
        return
    for address, info in told.items():
        info["asn"] = background.asn_of(address) or 0
    for answer in (answer for query in queries for answer in query["answers"] or ()):
        if asn := background.asn_of(answer.get("ipv4") or answer.get("ipv6") or ""):
            answer["asn"] = asn


def _getter_keys(exhibit: Exhibit, measurement: Measurement) -> Keys:
    last = max(measurement.observations, key=lambda o: (o.hop, o.attempt, o.offset_us), default=None)
    failed = last is not None and last.failure is not None
    return {
        "agent": "agent",
        "failed_operation": _OPERATIONS[last.step] if last and failed else None,
        "failure": write_failure(last.failure) if last else None,
        "socksproxy": None,
        **write_observations(measurement),
        KEY: _own(exhibit),
    }


def _own(exhibit: Exhibit) -> Keys:
    return write_own(
        Own(
            measurement=strip(exhibit.measurement),
            controls=tuple(map(strip, exhibit.controls)),
            references=tuple(map(strip, exhibit.references)),
            background=exhibit.background,
        )
    )
