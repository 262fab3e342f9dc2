"""Measurements as probes really write them: what is odd in their form must not turn a finding, nor hide one."""

from typing import Any

import pytest

from rabta_collector.ooni.judge import judge
from support.ooni_builder import (
    EOF,
    FAR,
    FORGED,
    NEAR,
    NXDOMAIN,
    OTHER_ASN,
    PLAIN,
    RESET,
    SILENCE,
    SITE,
    SITE_ASN,
    URL,
    Keys,
    built,
    connect,
    control,
    fetch,
    handshake,
    measurement,
    page,
    query,
    sent_on,
)

NEW = "0.5.28"
NO_DATA = "android_dns_cache_no_data"
SHORT = "https://short.example/a"
WRONG = "ssl_invalid_hostname"
PLAIN_CONTROL = control(port=80)
UNCONTROLLED = {"system_v4": None, "udp_v4": {"8.8.8.8:53": None}}
ZEROS: Keys = {
    "tcp_connect": {},
    "dns": {"failure": None, "addrs": None},
    "http_request": {"body_length": 0, "failure": None, "title": "", "headers": {}, "status_code": 0},
}


def own(*addresses: str, failure: str | None = None, lasting: float = 0.04, asn: int = SITE_ASN) -> Keys:
    """The lookup of the machine's own resolver, as 0.5 writes it."""
    entry = query(*addresses, failure=failure, engine="getaddrinfo", kind="ANY", tags=["depth=0"], asn=asn)
    return entry | {"t": entry["t0"] + lasting}


def public(*addresses: str, failure: str | None = None) -> list[Keys]:
    """The two lookups of a public resolver, as 0.5 writes them for a name without IPv6 addresses."""
    four = query(*addresses, failure=failure, engine="udp", tags=["depth=0"])
    six = query(failure=failure or "dns_no_answer", kind="AAAA", engine="udp", tags=["depth=0"])
    return [four, six]


def reached(*queries: Keys, **more: Any) -> Keys:
    """0.5, where the probe came to the site at the helper's address."""
    requests = [fetch(address=f"{FAR}:443")]
    return built(version=NEW, queries=list(queries), tcp={FAR: None}, requests=requests, **more)


def nowhere(*queries: Keys, **more: Any) -> Keys:
    return built(version=NEW, queries=list(queries), tcp={}, requests=[], **more)


def shortened(*requests: Keys, version: str = "0.4.2", url: str = SHORT, http: Keys | None = None, **more: Any) -> Keys:
    """A chain from another site; requests newest first."""
    host = url.split("/")[2]
    helper = control("192.0.2.9", host=host, http=http)
    names = [query("192.0.2.9", host=host), *more.pop("names", [])]
    tcp, tls = {"192.0.2.9": None}, [handshake("192.0.2.9", host=host), *more.pop("greeted", [])]
    known = {"queries": names, "tcp": tcp, "tls_handshakes": tls, "helper": helper, **more}
    return built(url=url, version=version, requests=list(requests), **known)


def forged(*others: Keys, **more: Any) -> Keys:
    """Plain http, and another page at an address where the helper met another's certificate."""
    helper = control(
        tcp={FAR: None, FORGED: None}, tls={FAR: None, FORGED: WRONG}, asns={FAR: SITE_ASN, FORGED: OTHER_ASN}
    )
    helper["tcp_connect"] |= {f"{ip}:80": {"status": True, "failure": None} for ip in (FAR, FORGED)}
    other = fetch(PLAIN, body="<title>No</title>", headers={}, address=f"{FORGED}:80")
    return built(
        url=PLAIN,
        version=NEW,
        queries=[own(FORGED, asn=OTHER_ASN), *others],
        tcp={FORGED: None},
        requests=[other],
        helper=helper,
        **more,
    )


LOOKUPS = {
    "silent, and a public resolver too": (
        nowhere(own(failure=SILENCE, lasting=4), *public(failure=SILENCE)),
        "dns.timeout.control_resolves",
    ),
    "silent, and who was asked outside answers nobody": (
        nowhere(own(failure=SILENCE, lasting=4), *public(failure=SILENCE), x_dns_whoami=UNCONTROLLED),
        "vantage.unrepeated",
    ),
    "slow, for a public resolver answers": (
        reached(own(failure=SILENCE, lasting=4), *public(FAR)),
        "vantage.unrepeated",
    ),
    "silent for longer than it takes to ask again": (
        nowhere(own(failure=SILENCE, lasting=15)),
        "dns.timeout.control_resolves",
    ),
    "no data on Android, where another answers": (
        reached(own(failure=NO_DATA), *public(FAR)),
        "dns.empty.doh_reachable",
    ),
    "no data on Android, where another denies": (
        nowhere(own(failure=NO_DATA), *public(failure=NXDOMAIN)),
        "dns.empty.control_resolves",
    ),
    "no data on Android, where nobody answers": (
        nowhere(own(failure=NO_DATA), *public(failure=SILENCE)),
        "vantage.unrepeated",
    ),
    "no data on Android, and no such name": (
        nowhere(
            own(failure=NO_DATA),
            *public(failure=NXDOMAIN),
            helper=control(dns="dns_name_error", tcp={}, http=page(failure="dns_lookup_error")),
        ),
        "site.down",
    ),
    "nobody but a public resolver was asked": (
        nowhere(*public(failure=NXDOMAIN)),
        "dns.nxdomain.control_resolves",
    ),
    "another address first, and the true one after that": (
        built(
            version=NEW,
            queries=[own(FORGED, asn=OTHER_ASN), *public(FORGED)],
            tcp={FORGED: RESET},
            requests=[],
            helper=control(tcp={FAR: None, FORGED: RESET}, asns={FAR: SITE_ASN, FORGED: OTHER_ASN}),
            x_dns_duplicate_responses=public(FAR)[:1],
        ),
        "dns.other.second_answer",
    ),
    "localhost everywhere, and the page at the helper's address": (
        built(
            url=PLAIN,
            version=NEW,
            queries=[own("127.0.0.1"), *public("127.0.0.1")],
            tcp={FAR: None},
            requests=[fetch(PLAIN, address=f"{FAR}:80")],
            helper=control(port=80, tcp={FAR: None}),
        ),
        "dns.bogon.control_differs",
    ),
    "another page, and a public resolver that repeats the lie": (
        forged(*public(FORGED)),
        "dns.other.page_differs",
    ),
    "no kind of lookup told": (
        built(version=NEW, queries=[own(NEAR) | {"query_type": None}], tls={NEAR: RESET}, requests=[]),
        "tls.reset.control_valid",
    ),
    "no kind of answer told": (
        built(version=NEW, queries=[own() | {"answers": [{"ipv4": NEAR}]}], tls={NEAR: RESET}, requests=[]),
        "tls.reset.control_valid",
    ),
    "an address made by DNS64": (
        built(
            version=NEW,
            queries=[own("64:ff9b::68f4:2a01")],
            tcp={"64:ff9b::68f4:2a01": None},
            tls={"64:ff9b::68f4:2a01": RESET},
            requests=[],
        ),
        "tls.reset.control_valid",
    ),
    "an address made by DNS64 of one that no site can have": (
        nowhere(own("64:ff9b::a0a:2223")),
        "dns.bogon.control_differs",
    ),
}

PAGES = {
    "a certificate for another, and no IPv6 address": (
        built(version=NEW, queries=[own(NEAR), *public(NEAR)], tls={NEAR: "ssl_unknown_authority"}, requests=[]),
        "tls.mitm.control_valid",
    ),
    "another page, and no IPv6 address": (
        built(
            url=PLAIN,
            version=NEW,
            queries=[own(NEAR), *public(NEAR)],
            requests=[fetch(PLAIN, body="<title>Notice</title>no", headers={})],
        ),
        "http.differs",
    ),
    "a body that was not kept, and nothing else to tell": (
        built(url=PLAIN, requests=[fetch(PLAIN, body=None, headers={})], helper=PLAIN_CONTROL, body_proportion=0),
        "http.uncompared",
    ),
    "a body that was not kept, and unlike in length": (
        built(url=PLAIN, requests=[fetch(PLAIN, body=None, headers={})], helper=PLAIN_CONTROL, body_proportion=0.02),
        "http.uncompared",
    ),
    "a body that was left out, and like in length": (
        built(url=PLAIN, requests=[fetch(PLAIN, body="", headers={})], helper=PLAIN_CONTROL, body_proportion=0.98),
        "ok.http",
    ),
    "a body that was cut": (
        built(
            url=PLAIN,
            requests=[
                fetch(PLAIN, headers={})
                | {"response": {"code": 200, "body": "y" * 5000, "body_is_truncated": True, "headers": {}}}
            ],
            helper=control(port=80, http=page() | {"body_length": 10**6}),
        ),
        "http.uncompared",
    ),
    "a certificate out of date here alone": (
        built(version=NEW, tls={NEAR: "ssl_invalid_certificate"}, requests=[]),
        "vantage.clock",
    ),
}

CHAINS = {
    "sent on by the site, and reset": (
        shortened(fetch(URL, RESET), sent_on(SHORT, URL)),
        "tls.reset.control_valid",
    ),
    "sent on by the site, and refused": (
        shortened(fetch(URL, "connection_refused"), sent_on(SHORT, URL)),
        "tcp.refused.control_connects",
    ),
    "sent on by the site to plain http, and reset": (
        shortened(fetch(PLAIN, RESET), sent_on(SHORT, PLAIN)),
        "http.reset.control_answered",
    ),
    "sent on by the site to no name, 0.5": (
        shortened(
            sent_on(SHORT, URL),
            version=NEW,
            names=[query(failure=NXDOMAIN, engine="getaddrinfo", kind="ANY", tags=["depth=1"])],
        ),
        "dns.nxdomain.control_resolves",
    ),
    "sent on by the site, where the helper came to nothing": (
        shortened(fetch(URL, RESET), sent_on(SHORT, URL), http=page(failure="unknown_error")),
        "site.down",
    ),
    "sent to the country's own edition": (
        shortened(
            fetch("https://shop.pk/", RESET), sent_on("https://shop.com/", "https://shop.pk/"), url="https://shop.com/"
        ),
        "control.none",
    ),
    "sent on in plain text to www, and refused": (
        built(
            url=PLAIN,
            requests=[
                fetch(f"https://www.{SITE}/", "connection_refused"),
                sent_on(PLAIN, f"https://www.{SITE}/"),
            ],
            helper=PLAIN_CONTROL,
        ),
        "tcp.refused.control_connects",
    ),
    "sent on in plain text to plain www, and reset": (
        built(
            url=PLAIN,
            requests=[fetch(f"http://www.{SITE}/", RESET), sent_on(PLAIN, f"http://www.{SITE}/")],
            helper=PLAIN_CONTROL,
        ),
        "http.reset.control_answered",
    ),
}

FORMS = {
    "a helper of zeros and nulls": (nowhere(own(failure=NXDOMAIN), helper=ZEROS), "control.none"),
    "a helper that failed and yet says something": (
        nowhere(own(failure=NXDOMAIN), control_failure="generic_timeout_error"),
        "control.none",
    ),
    "no answer, in words of Twisted": (
        built(url=PLAIN, version="0.1.0", requests=[fetch(PLAIN, "response_never_received")], helper=PLAIN_CONTROL),
        "http.eof.control_answered",
    ),
    "a reset, in older words": (
        built(url=PLAIN, version="0.3.0", requests=[fetch(PLAIN, "connection_reset_error")], helper=PLAIN_CONTROL),
        "http.reset.control_answered",
    ),
    "a port in quotes": (
        measurement(
            {
                "queries": [own(NEAR)],
                "tcp_connect": [connect(NEAR) | {"port": "443"}],
                "tls_handshakes": [handshake(NEAR, EOF)],
                "control": control(),
            },
            version=NEW,
        ),
        "tls.eof.control_valid",
    ),
    "a version to come, with keys to come": (
        built(version="0.6.1", tls={NEAR: RESET}, requests=[], x_new={"a": [1]}),
        "tls.reset.control_valid",
    ),
    "times that were wiped out": (
        measurement(
            {
                "queries": [own(NEAR)],
                "tcp_connect": [connect(NEAR, SILENCE) | {"t0": 0, "t": 0}],
                "control": control(),
            },
            version=NEW,
        ),
        "tcp.timeout.control_connects",
    ),
}
ALL = LOOKUPS | PAGES | CHAINS | FORMS


@pytest.mark.parametrize(("document", "rule"), ALL.values(), ids=ALL)
def test_what_is_odd_is_judged_by_what_was_seen(document: Keys, rule: str) -> None:
    found = judge(document)
    assert rule == found["rule"], found
