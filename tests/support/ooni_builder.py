"""OONI measurements built by hand from the public specifications (ts-017, df-001 to df-008), as dictionaries.

    built(tls={NEAR: RESET}, requests=[fetch(failure=RESET)])            # 0.4, with a control to which all works
    built(version="0.5.28", tcp={NEAR: "generic_timeout_error"})

Everything is a site that works, until a call says otherwise. `SITE` is at `NEAR` for the probe and at `FAR` for the
helper, in one network.
"""

from typing import Any

SITE = "x.com"
NEAR = "104.244.42.1"
FAR = "104.244.42.193"
FORGED = "39.156.1.2"
URL = f"https://{SITE}/"
PLAIN = f"http://{SITE}/"
RESET, SILENCE, EOF = "connection_reset", "generic_timeout_error", "eof_error"
NXDOMAIN = "dns_nxdomain_error"
BODY = "<html><head><title>Welcome to the site</title></head><body>" + "words " * 200 + "</body></html>"
BLOCK_BODY = "<html><title>No</title><p>The content is prohibited for viewership from within Pakistan</p></html>"
HEADERS = {"Content-Type": "text/html", "X-Site-Node": "7"}
SITE_ASN, OTHER_ASN = 13414, 4134

Keys = dict[str, Any]


def answer(address: str, asn: int | None = SITE_ASN) -> Keys:
    kind, key = ("AAAA", "ipv6") if ":" in address else ("A", "ipv4")
    told: Keys = {"answer_type": kind, key: address, "ttl": None}
    return told if asn is None else {**told, "asn": asn, "as_org_name": "Somebody"}


def query(
    *addresses: str,
    failure: str | None = None,
    engine: str = "system",
    kind: str = "A",
    host: str = SITE,
    asn: int | None = SITE_ASN,
    tags: list[str] | None = None,
) -> Keys:
    return {
        "answers": [answer(address, asn) for address in addresses] or None,
        "engine": engine,
        "failure": failure,
        "hostname": host,
        "query_type": kind,
        "resolver_hostname": None,
        "resolver_port": None,
        "resolver_address": "8.8.8.8:53" if engine == "udp" else "",
        "t0": 0.01,
        "t": 0.05,
        "tags": tags,
    }


def connect(ip: str, failure: str | None = None, *, port: int = 443, lasting: float = 0.1, number: int = 0) -> Keys:
    status = {"blocked": failure is not None, "failure": failure, "success": failure is None}
    return {"ip": ip, "port": port, "status": status, "t0": 0.1, "t": 0.1 + lasting, "transaction_id": number}


def handshake(ip: str, failure: str | None = None, *, host: str = SITE, lasting: float = 0.1, number: int = 0) -> Keys:
    return {
        "address": f"{ip}:443",
        "cipher_suite": "" if failure else "TLS_AES_128_GCM_SHA256",
        "failure": failure,
        "negotiated_protocol": "" if failure else "h2",
        "no_tls_verify": False,
        "peer_certificates": [] if failure else [{"format": "base64", "data": "AAEC"}],
        "server_name": host,
        "t0": 0.2,
        "t": 0.2 + lasting,
        "tags": ["tcptls_experiment"],
        "tls_version": "" if failure else "TLSv1.3",
        "transaction_id": number,
    }


def fetch(
    url: str = URL,
    failure: str | None = None,
    *,
    code: int = 200,
    body: Any = BODY,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Keys:
    """A request; without a response where it failed."""
    named = HEADERS if headers is None else headers
    response = {
        "body": body,
        "body_is_truncated": False,
        "code": code,
        "headers": named,
        "headers_list": [[name, value] for name, value in named.items()],
    }
    nothing = {"body": "", "body_is_truncated": False, "code": 0, "headers": {}, "headers_list": []}
    request = {
        "body": "",
        "headers": {"Host": "x"},
        "method": "GET",
        "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
        "url": url,
        "x_transport": "tcp",
    }
    return {"failure": failure, "request": request, "response": nothing if failure else response, "t": 1.0, **more}


def sent_on(url: str, location: str, code: int = 302) -> Keys:
    return fetch(url, code=code, body="", headers={"Location": location})


def page(code: int = 200, *, body: str = BODY, title: str = "Welcome to the site", failure: str | None = None) -> Keys:
    """The helper's page."""
    if failure:
        return {"body_length": -1, "failure": failure, "title": "", "headers": {}, "status_code": -1}
    return {"body_length": len(body), "failure": None, "title": title, "headers": HEADERS, "status_code": code}


def control(
    *addresses: str,
    dns: str | None = None,
    tcp: dict[str, str | None] | None = None,
    tls: dict[str, str | None] | None = None,
    http: Keys | None = None,
    port: int = 443,
    host: str = SITE,
    asns: dict[str, int] | None = None,
) -> Keys:
    """The helper's answer; by default it resolved to `FAR` and reached the probe's address as well."""
    found = addresses or (() if dns else (FAR,))
    reached = dict.fromkeys((*found, NEAR)) if tcp is None else tcp
    greeted = reached if tls is None else tls
    return {
        "dns": {"failure": dns, "addrs": list(found)},
        "tcp_connect": {_endpoint(ip, port): {"status": not f, "failure": f} for ip, f in reached.items()},
        "tls_handshake": {
            _endpoint(ip, port): {"server_name": host, "status": not f, "failure": f}
            for ip, f in (greeted.items() if port == 443 else ())
        },
        "http_request": page() if http is None else http,
        "ip_info": {ip: {"asn": asn, "flags": 2} for ip, asn in (asns or dict.fromkeys(found, SITE_ASN)).items()},
    }


def _endpoint(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def measurement(keys: Any, *, url: str = URL, version: str = "0.4.2", **more: Any) -> Keys:
    """The envelope."""
    return {
        "annotations": {"engine_name": "ooniprobe-engine", "network_type": "wifi"},
        "data_format_version": "0.2.0",
        "input": url,
        "measurement_start_time": "2024-02-18 15:01:01",
        "probe_asn": "AS17557",
        "probe_cc": "PK",
        "probe_ip": "127.0.0.1",
        "resolver_asn": "AS17557",
        "software_name": "ooniprobe-android",
        "software_version": "3.20.0",
        "test_name": "web_connectivity",
        "test_version": version,
        "test_keys": keys,
        **more,
    }


def built(
    *,
    url: str = URL,
    version: str = "0.4.2",
    queries: list[Keys] | None = None,
    tcp: dict[str, str | None] | None = None,
    tls: dict[str, str | None] | None = None,
    requests: list[Keys] | None = None,
    helper: Any = ...,
    **more: Any,
) -> Keys:
    """A whole measurement; `requests` newest first. `more` are further test keys."""
    port = 443 if url.startswith("https") else 80
    newer = version >= "0.5"
    names = [query(NEAR, engine="getaddrinfo", kind="ANY")] if newer else [query(NEAR), query(kind="AAAA")]
    connects = {NEAR: None} if tcp is None else tcp
    greeted = {ip: None for ip, f in connects.items() if f is None} if tls is None else tls
    keys = {
        "agent": "redirect",
        "client_resolver": "203.0.113.9",
        "queries": names if queries is None else queries,
        "tcp_connect": [connect(ip, f, port=port, lasting=10 if f == SILENCE else 0.1) for ip, f in connects.items()],
        "tls_handshakes": [
            handshake(ip, f, lasting=10 if f == SILENCE else 0.1) for ip, f in (greeted.items() if port == 443 else ())
        ],
        "requests": [fetch(url)] if requests is None else requests,
        "network_events": [],
        "control": control(port=port) if helper is ... else helper,
        "control_failure": None,
        # What OONI itself concluded is wrong throughout: nobody may copy it.
        "dns_consistency": None,
        "blocking": "tcp_ip",
        "accessible": False,
        "x_blocking_flags": 1,
        **more,
    }
    return measurement(keys, url=url, version=version)
