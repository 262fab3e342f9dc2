"""OONI's data formats as lists of fields and types, to hold documents against.

From the public specifications (df-000, df-001, df-002, df-005, df-006, df-008, ts-017, ts-027) and from the types that
OONI's own probe writes since 3.16; further fields have to begin with `x_`. A field that ends in `?` may be missing.
"""

from collections.abc import Iterator
from typing import Any

TEXT, WHOLE, NUMBER, TRUTH, OBJECT = "text", "whole", "number", "truth", "object"
MAYBE_TEXT, MAYBE_TRUTH = ("text", None), ("truth", None)

ANSWER = {"answer_type": TEXT, "ttl": (WHOLE, None), "ipv4?": TEXT, "ipv6?": TEXT, "hostname?": TEXT, "asn?": WHOLE}
ENTRY = {"t0?": NUMBER, "t": NUMBER, "tags": [TEXT], "transaction_id?": WHOLE}
QUERY = {
    **ENTRY,
    "answers": ([ANSWER], None),
    "engine": TEXT,
    "failure": MAYBE_TEXT,
    "hostname": TEXT,
    "query_type": TEXT,
    "rcode?": WHOLE,
    "resolver_hostname": MAYBE_TEXT,
    "resolver_port": MAYBE_TEXT,
    "resolver_address": TEXT,
}
STATUS = {"blocked?": TRUTH, "failure": MAYBE_TEXT, "success": TRUTH}
CONNECT = {**ENTRY, "ip": TEXT, "port": WHOLE, "status": STATUS}
HANDSHAKE = {
    **ENTRY,
    "network": TEXT,
    "address": TEXT,
    "cipher_suite": TEXT,
    "failure": MAYBE_TEXT,
    "negotiated_protocol": TEXT,
    "no_tls_verify": TRUTH,
    "peer_certificates": [OBJECT],
    "server_name": TEXT,
    "tls_version": TEXT,
}
TOR = {"exit_ip": MAYBE_TEXT, "exit_name": MAYBE_TEXT, "is_tor": TRUTH}
REQUEST = {
    **ENTRY,
    "network?": TEXT,
    "address?": TEXT,
    "alpn?": TEXT,
    "failure": MAYBE_TEXT,
    "request": {
        "body": TEXT,
        "body_is_truncated": TRUTH,
        "headers_list": [[TEXT]],
        "headers": {"*": TEXT},
        "method": TEXT,
        "tor": TOR,
        "url": TEXT,
    },
    "response": {
        "body": TEXT,
        "body_is_truncated": TRUTH,
        "code": WHOLE,
        "headers_list": [[TEXT]],
        "headers": {"*": TEXT},
    },
}
EVENT = {
    "address?": TEXT,
    "failure": MAYBE_TEXT,
    "num_bytes?": WHOLE,
    "operation": TEXT,
    "proto?": TEXT,
    "t0?": NUMBER,
    "t": NUMBER,
    "tags?": [TEXT],
    "transaction_id?": WHOLE,
}
OBSERVED = {
    "agent": TEXT,
    "socksproxy": MAYBE_TEXT,
    "network_events": [EVENT],
    "queries": [QUERY],
    "requests": [REQUEST],
    "tcp_connect": [CONNECT],
    "tls_handshakes": [HANDSHAKE],
    "quic_handshakes?": [HANDSHAKE],
}
ENDPOINT = {"status": TRUTH, "failure": MAYBE_TEXT}
GREETED = {"server_name": TEXT, **ENDPOINT}
CONTROL = {
    "tcp_connect": {"*": ENDPOINT},
    "tls_handshake?": {"*": GREETED},
    "quic_handshake": {"*": GREETED},
    "http_request": {
        "body_length": WHOLE,
        "discovered_h3_endpoint": TEXT,
        "failure": MAYBE_TEXT,
        "title": TEXT,
        "headers": {"*": TEXT},
        "status_code": WHOLE,
    },
    "http3_request": (OBJECT, None),
    "dns": {"failure": MAYBE_TEXT, "addrs": [TEXT]},
    "ip_info?": {"*": {"asn": WHOLE, "flags": WHOLE}},
}
WEB_KEYS = {
    **OBSERVED,
    "client_resolver": TEXT,
    "retries": (WHOLE, None),
    "control": (CONTROL, {}),
    "control_failure": MAYBE_TEXT,
    "dns_experiment_failure": MAYBE_TEXT,
    "dns_consistency": MAYBE_TEXT,
    "http_experiment_failure": MAYBE_TEXT,
    "body_proportion": NUMBER,
    "body_length_match": MAYBE_TRUTH,
    "headers_match": MAYBE_TRUTH,
    "status_code_match": MAYBE_TRUTH,
    "title_match": MAYBE_TRUTH,
    "blocking": (TEXT, TRUTH, None),
    "accessible": MAYBE_TRUTH,
}
GETTER_KEYS = {**OBSERVED, "failure": MAYBE_TEXT, "failed_operation": MAYBE_TEXT}
MEASUREMENT = {
    "annotations": {"*": TEXT},
    "data_format_version": TEXT,
    "extensions": {"*": WHOLE},
    "input": TEXT,
    "measurement_start_time": TEXT,
    "probe_asn": TEXT,
    "probe_cc": TEXT,
    "probe_ip": TEXT,
    "probe_network_name": TEXT,
    "report_id": TEXT,
    "resolver_asn": TEXT,
    "resolver_ip": TEXT,
    "resolver_network_name": TEXT,
    "software_name": TEXT,
    "software_version": TEXT,
    "test_helpers": OBJECT,
    "test_keys": OBJECT,
    "test_name": TEXT,
    "test_runtime": NUMBER,
    "test_start_time": TEXT,
    "test_version": TEXT,
}


def complaints(document: Any) -> list[str]:
    """What is not as OONI has it, by place."""
    keys = WEB_KEYS if document.get("test_name") == "web_connectivity" else GETTER_KEYS
    return [*_check(document, MEASUREMENT, ""), *_check(document["test_keys"], keys, "test_keys")]


def _check(value: Any, schema: Any, place: str) -> Iterator[str]:
    if isinstance(schema, tuple):
        if all(list(_check(value, choice, place)) for choice in schema):
            yield from _check(value, schema[0], place)
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{place}: no list"
            return
        for number, item in enumerate(value):
            yield from _check(item, schema[0], f"{place}[{number}]")
    elif isinstance(schema, dict):
        yield from _check_object(value, schema, place)
    elif not _is(value, schema):
        yield f"{place}: {value!r} is no {schema}"


def _check_object(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: no object"
        return
    if "*" in schema:
        for name, item in value.items():
            yield from _check(item, schema["*"], f"{place}.{name}")
        return
    for name, kind in schema.items():
        bare = name.removesuffix("?")
        if bare in value:
            yield from _check(value[bare], kind, f"{place}.{bare}")
        elif bare == name:
            yield f"{place}.{name}: missing"
    known = {name.removesuffix("?") for name in schema}
    yield from (f"{place}.{name}: not known" for name in value if name not in known and not name.startswith("x_"))


def _is(value: Any, kind: str | None) -> bool:
    match kind:
        case None:
            return value is None
        case "text":
            return isinstance(value, str)
        case "truth":
            return isinstance(value, bool)
        case "whole":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, dict)
