"""What OONI's data say by our rules: a story for every way of blocking, and for every innocent look-alike."""

from dataclasses import dataclass
from typing import Any

import pytest

from rabta_collector.ooni.judge import judge, why_not
from support.ooni_builder import (
    BLOCK_BODY,
    BODY,
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
V6 = "2606:4700::1"
PLAIN_CONTROL = control(port=80)
LONG = "<title>Nothing in common</title>" + "other words " * 900
WWW = f"https://www.{SITE}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A measurement and what has to come of it."""

    what: str
    document: Keys
    state: str
    rule: str
    mechanism: str | None = None
    server_side: bool = False


def failing(failure: str, *, version: str = "0.4.2", elsewhere: bool = False, **more: Any) -> Keys:
    """The machine's own resolver gives nothing; `elsewhere`: a public one does, and its address works (0.5)."""
    own = query(failure=failure, engine="getaddrinfo", kind="ANY") if version >= "0.5" else query(failure=failure)
    others = [query(FAR, engine="udp")] if elsewhere else []
    return built(
        version=version,
        queries=[own, *others],
        tcp={FAR: None} if elsewhere else {},
        requests=[] if version >= "0.5" else [fetch(failure=failure)],
        helper=control(tcp={FAR: None}),
        **more,
    )


def lied(address: str, *, version: str = NEW, asn: int = OTHER_ASN, helper: Keys | None = None, **more: Any) -> Keys:
    """The machine's own resolver gives an address that is not the site's."""
    engine, kind = ("getaddrinfo", "ANY") if version >= "0.5" else ("system", "A")
    return built(
        version=version,
        queries=[query(address, engine=engine, kind=kind, asn=asn)],
        helper=helper or control(tcp={FAR: None}, asns={FAR: SITE_ASN, address: asn}),
        **more,
    )


def plain(request: Keys, *, helper: Any = PLAIN_CONTROL, **more: Any) -> Keys:
    return built(url=PLAIN, requests=[request], helper=helper, **more)


def chain(*requests: Keys, url: str = PLAIN, helper: Any = PLAIN_CONTROL, **more: Any) -> Keys:
    """Requests oldest first, as a reader tells them."""
    return built(url=url, requests=list(requests[::-1]), helper=helper, **more)


REACHED = [
    Case(what="https, 0.4", document=built(), state="ok", rule="ok.https"),
    Case(what="https, 0.5", document=built(version=NEW), state="ok", rule="ok.https"),
    Case(what="http", document=plain(fetch(PLAIN)), state="ok", rule="ok.http"),
    Case(
        what="a CDN's answers differ by place, and the certificate is valid",
        document=lied(NEAR, asn=OTHER_ASN, requests=[fetch()], tcp={NEAR: None}),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="a CDN serves another edition over https",
        document=built(requests=[fetch(body=LONG, headers={"Date": "now"})]),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="an edition as long as the control's",
        document=plain(fetch(PLAIN, body=BODY.replace("Welcome", "Salaam"), headers={})),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="broken IPv6",
        document=built(
            queries=[query(NEAR), query(V6, kind="AAAA")], tcp={V6: "network_unreachable", NEAR: None}, tls={NEAR: None}
        ),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="one of two addresses is dead",
        document=built(queries=[query(NEAR, FAR)], tcp={FAR: SILENCE, NEAR: None}),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="lost at first, there when the page was fetched (0.4)",
        document=built(tcp={NEAR: SILENCE}, tls={}, requests=[fetch()]),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="403 over https, where the control gets a page",
        document=built(requests=[fetch(code=403)]),
        state="ok",
        rule="ok.refused_by_server",
        server_side=True,
    ),
    Case(
        what="451 over https",
        document=built(requests=[fetch(code=451)]),
        state="ok",
        rule="ok.legal_reasons",
        server_side=True,
    ),
    Case(
        what="a challenge page over http",
        document=plain(fetch(PLAIN, code=403, body=LONG, headers={"CF-Ray": "1", "Server": "cloudflare"})),
        state="ok",
        rule="ok.challenge",
        server_side=True,
    ),
    Case(
        what="451 over http",
        document=plain(fetch(PLAIN, code=451, body=LONG, headers={})),
        state="inconclusive",
        rule="http.451",
        server_side=True,
    ),
    Case(
        what="403 by country over http",
        document=plain(fetch(PLAIN, code=403, body=LONG, headers={})),
        state="inconclusive",
        rule="http.status_differs",
        server_side=True,
    ),
    Case(
        what="http to https on the same name",
        document=chain(sent_on(PLAIN, URL), fetch(URL)),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="http to https on www",
        document=chain(sent_on(PLAIN, WWW), fetch(WWW)),
        state="ok",
        rule="ok.https",
    ),
    Case(
        what="http to https on a new name: nobody knows where the helper was sent",
        document=chain(
            sent_on(PLAIN, "https://other.example/"), fetch("https://other.example/", body=LONG, headers={})
        ),
        state="inconclusive",
        rule="http.redirect.unconfirmed",
    ),
    Case(
        what="http to a new name that refuses this country",
        document=chain(
            sent_on(PLAIN, "http://other.example/"), fetch("http://other.example/", code=403, body=LONG, headers={})
        ),
        state="inconclusive",
        rule="http.redirect.unconfirmed",
    ),
    Case(
        what="a name that has always been at a private address",
        document=built(queries=[query("10.1.2.3")], tcp={"10.1.2.3": None}, helper=control("10.1.2.3", tcp={}, tls={})),
        state="ok",
        rule="ok.https",
    ),
]

DNS = [
    Case(
        what="NXDOMAIN, 0.4",
        document=failing(NXDOMAIN),
        state="blocked",
        rule="dns.nxdomain.control_resolves",
        mechanism="dns.nxdomain",
    ),
    Case(
        what="NXDOMAIN, 0.5, and the site works elsewhere",
        document=failing(NXDOMAIN, version=NEW, elsewhere=True),
        state="blocked",
        rule="dns.nxdomain.doh_reachable",
        mechanism="dns.nxdomain",
    ),
    Case(
        what="REFUSED",
        document=failing("dns_refused_error", version=NEW),
        state="blocked",
        rule="dns.refused.control_resolves",
        mechanism="dns.refused",
    ),
    Case(
        what="no address",
        document=failing("dns_no_answer"),
        state="blocked",
        rule="dns.empty.control_resolves",
        mechanism="dns.injection.other",
    ),
    Case(
        what="SERVFAIL, twice (0.4)",
        document=failing("dns_server_failure"),
        state="blocked",
        rule="dns.servfail.control_resolves",
        mechanism="dns.injection.other",
    ),
    Case(
        what="SERVFAIL, once (0.5)",
        document=failing("dns_server_misbehaving", version=NEW),
        state="inconclusive",
        rule="vantage.unrepeated",
    ),
    Case(
        what="a silent resolver, twice (0.4)",
        document=failing(SILENCE),
        state="blocked",
        rule="dns.timeout.control_resolves",
        mechanism="dns.timeout",
    ),
    Case(
        what="a slow resolver (0.5)",
        document=failing(SILENCE, version=NEW),
        state="inconclusive",
        rule="vantage.unrepeated",
    ),
    Case(
        what="Android's word for whatever went wrong",
        document=failing("android_dns_cache_no_data", version=NEW),
        state="inconclusive",
        rule="vantage.unrepeated",
    ),
    Case(
        what="localhost",
        document=lied(
            "127.0.0.1",
            version="0.4.2",
            tcp={"127.0.0.1": "connection_refused"},
            requests=[fetch(failure="connection_refused")],
        ),
        state="blocked",
        rule="dns.bogon.control_differs",
        mechanism="dns.injection.bogon",
    ),
    Case(
        what="a bogon, and the site works at another address",
        document=built(
            version=NEW,
            queries=[query("10.10.34.35", engine="getaddrinfo", kind="ANY"), query(FAR, engine="udp")],
            tcp={"10.10.34.35": SILENCE, FAR: None},
            requests=[],
        ),
        state="blocked",
        rule="dns.bogon.doh_reachable",
        mechanism="dns.injection.bogon",
    ),
    Case(
        what="OONI's own word for a bogon",
        document=failing("dns_bogon_error"),
        state="blocked",
        rule="dns.bogon.control_differs",
        mechanism="dns.injection.bogon",
    ),
    Case(
        what="a bogon for a name that is gone",
        document=lied(
            "127.0.0.1",
            tcp={},
            requests=[],
            helper=control(dns="dns_name_error", tcp={}, http=page(failure="dns_name_error")),
        ),
        state="blocked",
        rule="dns.bogon.ghost",
        mechanism="dns.injection.bogon",
    ),
    Case(
        what="the address of a block page",
        document=lied(
            "203.82.48.83",
            version="0.4.2",
            tcp={"203.82.48.83": None},
            tls={"203.82.48.83": "ssl_invalid_hostname"},
            requests=[fetch(failure="ssl_invalid_hostname")],
        ),
        state="blocked",
        rule="dns.blockpage.address",
        mechanism="dns.injection.blockpage",
    ),
    Case(
        what="the address of an opt-in filter",
        document=lied("203.82.48.86", tcp={"203.82.48.86": SILENCE}, requests=[]),
        state="inconclusive",
        rule="vantage.family_filter",
    ),
    Case(
        what="another's certificate at an address in another network",
        document=lied(
            FORGED,
            tcp={FORGED: None},
            tls={FORGED: "ssl_unknown_authority"},
            requests=[],
            helper=control(
                tcp={FAR: None, FORGED: None},
                tls={FAR: None, FORGED: "ssl_invalid_hostname"},
                asns={FAR: SITE_ASN, FORGED: OTHER_ASN},
            ),
        ),
        state="blocked",
        rule="dns.other.not_the_site",
        mechanism="dns.injection.other",
    ),
    Case(
        what="a dead address in another network",
        document=lied(
            FORGED,
            tcp={FORGED: SILENCE},
            requests=[],
            helper=control(tcp={FAR: None, FORGED: SILENCE}, asns={FAR: SITE_ASN, FORGED: OTHER_ASN}),
        ),
        state="blocked",
        rule="dns.other.not_the_site",
        mechanism="dns.injection.other",
    ),
    Case(
        what="a dead cache in the probe's own network",
        document=lied(
            FORGED,
            asn=17557,
            tcp={FORGED: SILENCE},
            requests=[],
            helper=control(tcp={FAR: None, FORGED: SILENCE}, asns={FAR: SITE_ASN, FORGED: 17557}),
        ),
        state="inconclusive",
        rule="control.split",
    ),
    Case(
        what="a certificate for another name, and a public resolver names another address",
        document=built(
            version=NEW,
            queries=[query(FORGED, engine="getaddrinfo", kind="ANY", asn=OTHER_ASN), query(FAR, engine="udp")],
            tcp={FORGED: None, FAR: None},
            tls={FORGED: "ssl_invalid_hostname", FAR: None},
            requests=[],
        ),
        state="blocked",
        rule="dns.other.doh_reachable",
        mechanism="dns.injection.other",
    ),
]

TCP = [
    Case(
        what="silence, 0.4",
        document=built(tcp={NEAR: SILENCE}, requests=[fetch(failure=SILENCE)]),
        state="blocked",
        rule="tcp.timeout.control_connects",
        mechanism="tcp.timeout",
    ),
    Case(
        what="silence, 0.5",
        document=built(version=NEW, tcp={NEAR: SILENCE}, requests=[]),
        state="blocked",
        rule="tcp.timeout.control_connects",
        mechanism="tcp.timeout",
    ),
    Case(
        what="two silent addresses, 0.5",
        document=built(
            version=NEW,
            queries=[query(NEAR, FAR, engine="getaddrinfo", kind="ANY")],
            tcp={NEAR: SILENCE, FAR: SILENCE},
            requests=[],
        ),
        state="blocked",
        rule="tcp.timeout.control_connects",
        mechanism="tcp.timeout",
    ),
    Case(
        what="refused",
        document=built(tcp={NEAR: "connection_refused"}, requests=[fetch(failure="connection_refused")]),
        state="blocked",
        rule="tcp.refused.control_connects",
        mechanism="tcp.refused",
    ),
    Case(
        what="reset",
        document=built(tcp={NEAR: RESET}, requests=[fetch(failure=RESET)]),
        state="blocked",
        rule="tcp.reset.control_connects",
        mechanism="tcp.reset",
    ),
    Case(
        what="unreachable, in Go's words",
        document=built(tcp={NEAR: "unknown_failure: dial tcp [scrubbed]: connect: no route to host"}, requests=[]),
        state="blocked",
        rule="ip.unreachable.control_connects",
        mechanism="ip.unreachable",
    ),
    Case(
        what="only IPv6 addresses, and no IPv6 here",
        document=built(
            queries=[query(V6, kind="AAAA")],
            tcp={V6: "network_unreachable"},
            requests=[fetch(failure="network_unreachable")],
            helper=control(V6, tcp={V6: None}),
        ),
        state="inconclusive",
        rule="vantage.own_fault",
    ),
    Case(
        what="the site is down",
        document=built(
            tcp={NEAR: SILENCE},
            requests=[fetch(failure=SILENCE)],
            helper=control(NEAR, tcp={NEAR: SILENCE}, tls={}, http=page(failure="generic_timeout_error")),
        ),
        state="down",
        rule="site.down",
    ),
    Case(
        what="the site refuses everybody",
        document=built(
            tcp={NEAR: "connection_refused"},
            requests=[fetch(failure="connection_refused")],
            helper=control(tcp={NEAR: "connection_refused"}, tls={}, http=page(failure="connection_refused_error")),
        ),
        state="down",
        rule="site.down",
    ),
    Case(
        what="the name is gone",
        document=built(
            queries=[query(failure=NXDOMAIN)],
            tcp={},
            requests=[fetch(failure=NXDOMAIN)],
            helper=control(dns="dns_name_error", tcp={}, http=page(failure="dns_name_error")),
        ),
        state="down",
        rule="site.down",
    ),
    Case(
        what="no control",
        document=built(
            tcp={NEAR: SILENCE}, requests=[fetch(failure=SILENCE)], helper=None, control_failure="generic_timeout_error"
        ),
        state="inconclusive",
        rule="control.none",
    ),
    Case(
        what="an empty control",
        document=built(tcp={NEAR: RESET}, requests=[], helper={}),
        state="inconclusive",
        rule="control.none",
    ),
    Case(
        what="a helper that never tried",
        document=built(tcp={NEAR: RESET}, requests=[], helper=control(tcp={}, tls={}, http={})),
        state="inconclusive",
        rule="control.none",
    ),
    Case(
        what="an old helper that tried the probe's address alone",
        document=built(
            tcp={NEAR: SILENCE}, requests=[fetch(failure=SILENCE)], helper=control(tcp={NEAR: None}, tls={})
        ),
        state="blocked",
        rule="tcp.timeout.control_connects",
        mechanism="tcp.timeout",
    ),
    Case(
        what="a short silence, once",
        document=measurement(
            {
                "queries": [query(NEAR, engine="getaddrinfo", kind="ANY")],
                "tcp_connect": [connect(NEAR, SILENCE, lasting=1.0)],
                "control": control(),
            },
            version=NEW,
        ),
        state="inconclusive",
        rule="vantage.unrepeated",
    ),
]

TLS = [
    Case(
        what="reset after the ClientHello (X), 0.4",
        document=built(tls={NEAR: RESET}, requests=[fetch(failure=RESET)]),
        state="blocked",
        rule="tls.reset.control_valid",
        mechanism="tls.reset.other",
    ),
    Case(
        what="reset after the ClientHello (X), 0.5",
        document=built(version=NEW, tls={NEAR: RESET}, requests=[]),
        state="blocked",
        rule="tls.reset.control_valid",
        mechanism="tls.reset.other",
    ),
    Case(
        what="silence after the ClientHello (Wikipedia), 0.4",
        document=built(tls={NEAR: SILENCE}, requests=[fetch(failure=SILENCE)]),
        state="blocked",
        rule="tls.timeout.control_valid",
        mechanism="tls.timeout.other",
    ),
    Case(
        what="silence after the ClientHello, 0.5",
        document=built(version=NEW, tls={NEAR: SILENCE}, requests=[]),
        state="blocked",
        rule="tls.timeout.control_valid",
        mechanism="tls.timeout.other",
    ),
    Case(
        what="closed after the ClientHello",
        document=built(tls={NEAR: EOF}, requests=[fetch(failure=EOF)]),
        state="blocked",
        rule="tls.eof.control_valid",
        mechanism="tls.eof.other",
    ),
    Case(
        what="reset, told by the request alone (Measurement Kit)",
        document=built(tls={}, requests=[fetch(failure=RESET)]),
        state="blocked",
        rule="tls.reset.control_valid",
        mechanism="tls.reset.other",
    ),
    Case(
        what="slow: the server had begun to answer",
        document=built(
            version=NEW,
            requests=[],
            tls={NEAR: SILENCE},
            network_events=[
                {"operation": "read", "address": f"{NEAR}:443", "num_bytes": 1400, "failure": None, "t": 1.0}
            ],
        ),
        state="inconclusive",
        rule="tls.slow",
    ),
    Case(
        what="a foreign certificate",
        document=built(tls={NEAR: "ssl_unknown_authority"}, requests=[fetch(failure="ssl_unknown_authority")]),
        state="blocked",
        rule="tls.mitm.control_valid",
        mechanism="tls.mitm",
    ),
    Case(
        what="a certificate that has expired for everybody",
        document=built(
            tls={NEAR: "ssl_invalid_certificate"},
            requests=[fetch(failure="ssl_invalid_certificate")],
            helper=control(
                tls={FAR: "ssl_invalid_certificate", NEAR: "ssl_invalid_certificate"},
                http=page(failure="ssl_invalid_certificate"),
            ),
        ),
        state="down",
        rule="site.certificate",
    ),
    Case(
        what="expired for everybody, and an old helper that says so by its page",
        document=built(
            tls={NEAR: "ssl_invalid_certificate"},
            requests=[fetch(failure="ssl_invalid_certificate")],
            helper=control(tls={}, http=page(failure="ssl_invalid_certificate")),
        ),
        state="down",
        rule="site.certificate",
    ),
    Case(
        what="closed for the helper too",
        document=built(
            version=NEW,
            tls={NEAR: EOF},
            requests=[],
            helper=control(tls={NEAR: EOF, FAR: EOF}, http=page(failure="unknown_error")),
        ),
        state="down",
        rule="site.down",
    ),
    Case(
        what="reset on the way to https, on the same name",
        document=chain(sent_on(PLAIN, URL), fetch(URL, RESET)),
        state="blocked",
        rule="tls.reset.control_valid",
        mechanism="tls.reset.other",
    ),
    Case(
        what="reset on the way to https, on www",
        document=chain(sent_on(PLAIN, WWW), fetch(WWW, RESET)),
        state="blocked",
        rule="tls.reset.control_valid",
        mechanism="tls.reset.other",
    ),
    Case(
        what="the chain is broken for the helper too",
        document=chain(
            sent_on(PLAIN, WWW), fetch(WWW, RESET), helper=control(port=80, http=page(failure="generic_timeout_error"))
        ),
        state="down",
        rule="site.down",
    ),
    Case(
        what="reset at a name of which the helper says nothing",
        document=chain(sent_on(PLAIN, "https://other.example/"), fetch("https://other.example/", RESET)),
        state="inconclusive",
        rule="http.redirect.unconfirmed",
    ),
    Case(
        what="measured through a proxy",
        document=built(tls={NEAR: RESET}, requests=[], socksproxy="127.0.0.1:9050"),
        state="inconclusive",
        rule="vantage.vpn",
    ),
]

HTTP = [
    Case(
        what="a known block page",
        document=plain(fetch(PLAIN, body=BLOCK_BODY)),
        state="blocked",
        rule="http.blockpage.known",
        mechanism="http.blockpage",
    ),
    Case(
        what="a known block page, and no control",
        document=plain(fetch(PLAIN, body=BLOCK_BODY), helper=None),
        state="blocked",
        rule="http.blockpage.known",
        mechanism="http.blockpage",
    ),
    Case(
        what="a known block page in binary",
        document=plain(fetch(PLAIN, body={"format": "base64", "data": "/1N1cmYgU2FmZWx5IQ=="})),
        state="blocked",
        rule="http.blockpage.known",
        mechanism="http.blockpage",
    ),
    Case(
        what="a known block page at a forged address",
        document=built(
            url=PLAIN,
            queries=[query(FORGED, asn=OTHER_ASN)],
            tcp={FORGED: None},
            requests=[fetch(PLAIN, body=BLOCK_BODY)],
            helper=PLAIN_CONTROL,
        ),
        state="blocked",
        rule="dns.blockpage.page",
        mechanism="dns.injection.blockpage",
    ),
    Case(
        what="a page unlike the control's in everything",
        document=plain(fetch(PLAIN, body="<title>Notice</title>no", headers={"Server": "box"})),
        state="blocked",
        rule="http.differs",
        mechanism="http.blockpage",
    ),
    Case(
        what="another page at an address in another network",
        document=built(
            url=PLAIN,
            queries=[query(FORGED, asn=OTHER_ASN)],
            tcp={FORGED: None},
            requests=[fetch(PLAIN, body="<title>Notice</title>no", headers={"Server": "box"})],
            helper=control(port=80, tcp={FAR: None, FORGED: None}, asns={FAR: SITE_ASN, FORGED: OTHER_ASN}),
        ),
        state="blocked",
        rule="dns.other.page_differs",
        mechanism="dns.injection.other",
    ),
    Case(
        what="the site's page at a private address, as in an office",
        document=built(
            url=PLAIN,
            queries=[query("10.0.0.9")],
            tcp={"10.0.0.9": None},
            requests=[fetch(PLAIN)],
            helper=PLAIN_CONTROL,
        ),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="another page at a private address",
        document=built(
            url=PLAIN,
            queries=[query("10.10.34.34")],
            tcp={"10.10.34.34": None},
            requests=[fetch(PLAIN, code=403, body="<title>M</title>", headers={"Server": "box"})],
            helper=PLAIN_CONTROL,
        ),
        state="blocked",
        rule="dns.bogon.control_differs",
        mechanism="dns.injection.bogon",
    ),
    Case(
        what="unlike in length, with a header in common",
        document=plain(fetch(PLAIN, body="short")),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="unlike in length, with a title in common",
        document=plain(fetch(PLAIN, body="<title>Welcome</title>", headers={})),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="a redirect to a known block page",
        document=chain(sent_on(PLAIN, "http://restrict.wateen.net/"), fetch("http://restrict.wateen.net/", SILENCE)),
        state="blocked",
        rule="http.redirect.known",
        mechanism="http.redirect",
    ),
    Case(
        what="a redirect to an unknown block page",
        document=chain(
            sent_on(PLAIN, "http://notice.example/"), fetch("http://notice.example/", body=LONG, headers={})
        ),
        state="blocked",
        rule="http.redirect.elsewhere",
        mechanism="http.redirect",
    ),
    Case(
        what="a redirect to another name with the same page",
        document=chain(sent_on(PLAIN, "http://new.example/"), fetch("http://new.example/")),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="reset after the request",
        document=plain(fetch(PLAIN, RESET)),
        state="blocked",
        rule="http.reset.control_answered",
        mechanism="http.reset.host",
    ),
    Case(
        what="silence after the request",
        document=plain(fetch(PLAIN, SILENCE)),
        state="blocked",
        rule="http.timeout.control_answered",
        mechanism="http.timeout.host",
    ),
    Case(
        what="closed after the request",
        document=plain(fetch(PLAIN, EOF)),
        state="blocked",
        rule="http.eof.control_answered",
        mechanism="http.eof.host",
    ),
    Case(
        what="silence after the request, and for the helper too",
        document=plain(fetch(PLAIN, SILENCE), helper=control(port=80, http=page(failure="generic_timeout_error"))),
        state="down",
        rule="site.down",
    ),
    Case(
        what="slow over https",
        document=built(requests=[fetch(failure=SILENCE)]),
        state="inconclusive",
        rule="http.slow",
    ),
    Case(
        what="a page, and no control",
        document=plain(fetch(PLAIN), helper=None),
        state="inconclusive",
        rule="http.uncompared",
    ),
    Case(
        what="a page, and the helper got none",
        document=plain(fetch(PLAIN), helper=control(port=80, http=page(failure="generic_timeout_error"))),
        state="inconclusive",
        rule="http.uncompared",
    ),
    Case(
        what="a body that was not kept",
        document=plain(fetch(PLAIN, body=None, headers={}), body_proportion=0.9),
        state="ok",
        rule="ok.http",
    ),
    Case(
        what="a dead chain: too many redirects",
        document=built(requests=[fetch(failure="unknown_failure: stopped after 10 redirects")]),
        state="inconclusive",
        rule="unexplained",
    ),
]

NOTHING = [
    Case(what="no test keys", document=measurement(None), state="inconclusive", rule="vantage.nothing_measured"),
    Case(what="empty test keys", document=measurement({}), state="inconclusive", rule="vantage.nothing_measured"),
    Case(
        what="OONI's conclusion and nothing else",
        document=measurement({"blocking": "dns", "accessible": False}),
        state="inconclusive",
        rule="vantage.nothing_measured",
    ),
    Case(
        what="no input",
        document=measurement({"requests": [fetch()]}, url=""),
        state="inconclusive",
        rule="vantage.nothing_measured",
    ),
    Case(
        what="nulls everywhere",
        document=measurement(dict.fromkeys(["queries", "tcp_connect", "tls_handshakes", "requests", "control"])),
        state="inconclusive",
        rule="vantage.nothing_measured",
    ),
]
CASES = REACHED + DNS + TCP + TLS + HTTP + NOTHING


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_measurement_is_judged_by_what_was_seen(case: Case) -> None:
    found = judge(case.document)
    assert (case.state, case.rule, case.mechanism, case.server_side) == (
        found["state"],
        found["rule"],
        found["mechanism"],
        found["server_side"],
    ), found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
@pytest.mark.parametrize("conclusion", [False, None, "dns", "http-diff"])
def test_what_ooni_concluded_is_of_no_account(case: Case, conclusion: Any) -> None:
    keys = case.document["test_keys"]
    told = {"blocking": conclusion, "accessible": conclusion is False, "x_blocking_flags": 32}
    other = case.document | {"test_keys": keys | told if keys else keys}
    assert judge(case.document) == judge(other)


def test_a_finding_has_the_promised_form() -> None:
    found = judge(built(tls={NEAR: RESET}, requests=[]))
    assert ["input", "state", "mechanism", "rule", "server_side", "reasons"] == list(found)
    assert URL == found["input"]
    reasons = found["reasons"]
    assert isinstance(reasons, list)
    assert (
        f"TCP to {NEAR}:443 worked; ClientHello with {SITE} got RST (connection_reset) after 100 ms, once" == reasons[0]
    )


def test_a_missing_control_is_told() -> None:
    found = judge(built(tcp={NEAR: RESET}, requests=[], helper=None, control_failure="connection_reset"))
    reasons = found["reasons"]
    assert isinstance(reasons, list)
    assert "The test helper gave no answer (connection_reset)" in reasons


def test_a_length_by_proportion_is_told() -> None:
    reasons = judge(plain(fetch(PLAIN, body=None, headers={}), body_proportion=0.9))["reasons"]
    assert isinstance(reasons, list)
    assert "The body was not kept; its length is by OONI's body_proportion" in reasons


def test_networks_by_ooni_s_word_are_told() -> None:
    helper = control(tcp={FAR: None, FORGED: SILENCE}, asns={})
    helper["ip_info"] = {}
    document = built(queries=[query(FORGED, asn=None)], tcp={FORGED: SILENCE}, requests=[], helper=helper)
    assert "dns.other.not_the_site" == judge(document)["rule"]
    document["test_keys"]["dns_consistency"] = "consistent"
    found = judge(document)
    assert "control.split" == found["rule"]
    reasons = found["reasons"]
    assert isinstance(reasons, list)
    assert "No network of its addresses is told; they are the site's by OONI's dns_consistency" in reasons


def test_handshakes_without_addresses_are_those_of_open_connections() -> None:
    shaken = {**handshake(NEAR, RESET), "address": None}
    keys = {"queries": [query(NEAR)], "tcp_connect": [connect(NEAR)], "tls_handshakes": [shaken], "control": control()}
    assert "tls.reset.control_valid" == judge(measurement(keys))["rule"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"test_name": "telegram"}, 'a measurement of "telegram", and not of web_connectivity'),
        ({"a": 1}, "a JSON object, and not a measurement"),
        ({"test_name": "web_connectivity"}, None),
        ({"test_keys": {}, "input": URL}, None),
    ],
)
def test_other_documents_are_told_apart(document: Keys, said: str | None) -> None:
    assert said == why_not(document)
