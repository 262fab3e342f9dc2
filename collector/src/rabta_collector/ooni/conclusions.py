"""What a finding comes to in OONI's own words: `blocking`, `accessible` and the comparisons beside them (ts-017). Pure.

finding                                     accessible  blocking
ok                                          true        false
blocked: dns.*                              false       "dns"
blocked: tcp.*, ip.*                        false       "tcp_ip"
blocked: another page (http.blockpage, ...) false       "http-diff"
blocked: tls.*, http.*, quic.*              false       "http-failure"
down                                        false       false
throttled                                   true        null    OONI has no word for it
inconclusive                                null        null
"""

from rabta_collector.ooni.failures import DNS_FAILURES, write_failure
from rabta_collector.ooni.helperkeys import last_response
from rabta_collector.ooni.testkeys import Keys
from rabta_collector.verdict.classify import Finding
from rabta_collector.verdict.pages import LEAST_LENGTH_RATIO, LEAST_WORD
from rabta_proto.model import DnsQuery, HttpRoundTrip, Measurement
from rabta_proto.vocabulary import Judgement, Mechanism, ResolverKind

_PAGES = frozenset({Mechanism.HTTP_BLOCKPAGE, Mechanism.HTTP_REDIRECT})
_ACCESSIBLE = {
    Judgement.OK: True,
    Judgement.THROTTLED: True,
    Judgement.BLOCKED: False,
    Judgement.DOWN: False,
    Judgement.INCONCLUSIVE: None,
}


def write_conclusions(measurement: Measurement, finding: Finding, control: Keys) -> Keys:
    """Our finding, and how the last page compares with the one of `control`."""
    return {
        "dns_experiment_failure": _dns_failure(measurement),
        "dns_consistency": _consistency(measurement, finding, control),
        "http_experiment_failure": _http_failure(measurement),
        **_comparisons(last_response(measurement), control),
        "blocking": _blocking(finding),
        "accessible": _ACCESSIBLE[finding.judgement],
    }


def _blocking(finding: Finding) -> str | bool | None:
    if finding.judgement in (Judgement.OK, Judgement.DOWN):
        return False
    if finding.judgement is not Judgement.BLOCKED or finding.mechanism is None:
        return None
    if finding.mechanism in _PAGES:
        return "http-diff"
    return {"dns": "dns", "tcp": "tcp_ip", "ip": "tcp_ip"}.get(finding.mechanism.partition(".")[0], "http-failure")


def _own_names(measurement: Measurement) -> list[tuple[DnsQuery, str | None]]:
    return [
        (o.detail, o.failure)
        for o in measurement.observations
        if isinstance(o.detail, DnsQuery) and o.detail.resolver_kind is ResolverKind.SYSTEM and o.hop == 0
    ]


def _dns_failure(measurement: Measurement) -> str | None:
    """Why the machine's own resolver gave no address; `None` where it gave one."""
    names = _own_names(measurement)
    if any(query.addresses for query, _ in names):
        return None
    return next((write_failure(failure) for _, failure in names if failure), None)


def _consistency(measurement: Measurement, finding: Finding, control: Keys) -> str | None:
    if finding.judgement is Judgement.BLOCKED and finding.mechanism and finding.mechanism.startswith("dns."):
        return "inconsistent"
    own = {address for query, _ in _own_names(measurement) for address in query.addresses}
    dns = control.get("dns")
    theirs = set(dns["addrs"]) if isinstance(dns, dict) else set()
    if own & theirs or (own and finding.judgement is Judgement.OK):
        return "consistent"
    both_fail = isinstance(dns, dict) and bool(dns["failure"]) and _dns_failure(measurement) is not None
    return "consistent" if both_fail else None


def _http_failure(measurement: Measurement) -> str | None:
    """Why there is no page at the end; `None` where there is one, or none was asked for."""
    deepest = max((o.hop for o in measurement.observations), default=0)
    last = [o for o in measurement.observations if o.hop == deepest]
    if any(isinstance(o.detail, HttpRoundTrip) and o.detail.status is not None for o in last):
        return None
    failed = [o for o in last if o.failure and o.failure not in DNS_FAILURES]
    newest = max(failed, key=lambda o: (o.attempt, o.offset_us), default=None)
    return None if newest is None else write_failure(newest.failure)


def _comparisons(page: HttpRoundTrip | None, control: Keys) -> Keys:
    theirs = control.get("http_request")
    nothing: Keys = {
        "body_proportion": 0,
        "body_length_match": None,
        "headers_match": None,
        "status_code_match": None,
        "title_match": None,
    }
    if page is None or not isinstance(theirs, dict) or theirs["status_code"] in (None, -1):
        return nothing
    mine, other = page.declared_bytes if page.truncated else page.body_bytes, theirs["body_length"]
    known = mine is not None and other > 0
    proportion = min(mine or 0, other) / max(mine or 0, other) if known else 0
    return {
        "body_proportion": proportion,
        "body_length_match": proportion > LEAST_LENGTH_RATIO if known else None,
        "headers_match": set(theirs["headers"]) <= set(page.header_names),
        "status_code_match": page.status == theirs["status_code"],
        "title_match": _titles_match(page.title, theirs["title"]),
    }


def _titles_match(one: str, other: str) -> bool | None:
    """Whether titles share a word of five letters or more; `None` where one has no such word."""
    mine, theirs = ({word for word in title.lower().split() if len(word) >= LEAST_WORD} for title in (one, other))
    return bool(mine & theirs) if mine and theirs else None
