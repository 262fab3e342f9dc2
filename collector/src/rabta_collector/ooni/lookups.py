"""The probe's lookups of one hop's name, as observations. Pure.

`engine` tells whose answer it is: getaddrinfo and the like the machine's own resolver, `udp`, `tcp` and `dot` a public
one, `doh` one over HTTPS; where the machine's own was not asked the others stand in for it. A lookup of type ANY
(getaddrinfo) is told as A, and as AAAA where there are such answers. Android's "no data" says that there is no address
where the network was up, as another resolver's answer shows; else it may be whatever went wrong.
"""

from collections.abc import Iterator

from rabta_collector.ooni import fields
from rabta_collector.ooni.chain import Hop, depth_of
from rabta_collector.ooni.failures import ANDROID_NO_DATA, read_failure
from rabta_collector.ooni.fields import Record
from rabta_proto.model import DnsAnswer, DnsQuery, DnsReply, Observation
from rabta_proto.vocabulary import Failure, ResolverKind

_KINDS = {"udp": ResolverKind.UDP, "tcp": ResolverKind.UDP, "dot": ResolverKind.UDP, "doh": ResolverKind.DOH}
_RCODES = {Failure.DNS_NXDOMAIN: 3, Failure.DNS_REFUSED: 5, Failure.DNS_SERVFAIL: 2, Failure.DNS_NO_ANSWER: 0}
_ANSWERS = (None, Failure.DNS_NXDOMAIN, Failure.DNS_REFUSED, Failure.DNS_NO_ANSWER)
_LONGEST_US = 86_400_000_000


def lookups(hop: Hop, keys: Record, disowned: frozenset[str] = frozenset()) -> Iterator[Observation]:
    """Lookups of a hop's name; a hop that has none of its own used those of an earlier one. A literal has none.

    `disowned`: addresses that are known not to be the site's. A public resolver that gives nothing else was answered
    for by somebody on the way, as the machine's own was, and is no witness.
    """
    if fields.address(hop.host):
        return
    of_name = [entry for entry in fields.entries(keys.get("queries")) if _asks(entry, hop.host)]
    of_hop = [entry for entry in of_name if depth_of(entry) in (None, hop.index)]
    late = [entry for entry in fields.entries(keys.get("x_dns_duplicate_responses")) if _asks(entry, hop.host)]
    asked = of_hop or of_name
    alone = all(_public(entry) for entry in asked)
    entries = [entry for entry in asked if alone or not (_public(entry) and _lies(entry, disowned))]
    up = any(_public(entry) and read_failure(entry.get("failure")) in _ANSWERS for entry in entries)
    for entry in entries:
        told = {**entry, "failure": Failure.DNS_NO_ANSWER} if up and _no_data(entry) else entry
        yield from _lookup(hop, told, late, own=alone or not _public(entry))


def _lies(entry: Record, disowned: frozenset[str]) -> bool:
    addresses = {answer.value for answer in _answers(entry) if answer.type != "CNAME"}
    return bool(addresses) and addresses <= disowned


def _public(entry: Record) -> bool:
    return fields.text(entry.get("engine")) in _KINDS


def _no_data(entry: Record) -> bool:
    return fields.text(entry.get("failure")).strip().lower() == ANDROID_NO_DATA


def _asks(entry: Record, host: str) -> bool:
    return fields.name(entry.get("hostname")) == host


def _lookup(hop: Hop, entry: Record, late: list[Record], *, own: bool) -> Iterator[Observation]:
    kind = ResolverKind.SYSTEM if own else _KINDS[fields.text(entry.get("engine"))]
    asked = fields.text(entry.get("query_type")).upper() or "ANY"
    failure, answers = read_failure(entry.get("failure")), _answers(entry)
    if failure == Failure.SPECIAL_ADDRESS and any(answer.type != "CNAME" for answer in answers):
        failure = None  # the answer is there to be judged
    types = {answer.type for answer in answers} & {"A", "AAAA"}
    asked, told = ("A" if asked == "AAAA" and types == {"A"} else asked), types or {"A"}
    for family in ("A", "AAAA"):
        if asked != family and not (asked == "ANY" and family in told):
            continue
        there = any(answer.type == family for answer in answers)
        query = DnsQuery(
            resolver_kind=kind,
            hostname=hop.host,
            query_type=family,
            resolver=fields.text(entry.get("resolver_address"))[:200] if kind is not ResolverKind.SYSTEM else "",
            rcode=_RCODES.get(Failure(failure)) if failure in set(Failure) else None if failure else 0,
            answers=tuple(answer for answer in answers if answer.type in (family, "CNAME")),
            later_replies=_later(late, family, entry) if _public(entry) else (),
        )
        offset, duration = times_of(entry)
        yield Observation(
            detail=query,
            offset_us=offset,
            duration_us=duration,
            failure=failure or (None if there else Failure.DNS_NO_ANSWER),
            hop=hop.index,
        )


def _answers(entry: Record) -> tuple[DnsAnswer, ...]:
    found: list[DnsAnswer] = []
    for answer in fields.entries(entry.get("answers")):
        kind = fields.text(answer.get("answer_type")).upper() or ("AAAA" if answer.get("ipv6") else "A")
        ttl = fields.whole(answer.get("ttl"))
        key = {"A": "ipv4", "AAAA": "ipv6"}.get(kind)
        value = fields.address(answer.get(key)) if key else fields.text(answer.get("hostname")).lower().rstrip(".")
        if value and kind in ("A", "AAAA", "CNAME"):
            kind = "A" if kind == "AAAA" and ":" not in value else kind  # by DNS64
            found.append(DnsAnswer(type=kind, value=value, ttl_s=min(max(ttl or 0, 0), 2**31)))
    return tuple(found)


def _later(late: list[Record], family: str, entry: Record) -> tuple[DnsReply, ...]:
    same = [
        reply
        for reply in late
        if fields.text(reply.get("query_type")).upper() == family
        and reply.get("resolver_address") == entry.get("resolver_address")
    ]
    return tuple(DnsReply(offset_us=times_of(reply)[0], rcode=0, answers=_answers(reply)) for reply in same[:8])


def times_of(entry: Record) -> tuple[int, int]:
    """Offset and duration in microseconds; a duration that was not told is zero."""
    end = fields.number(entry.get("t")) or 0.0
    start = fields.number(entry.get("t0"))
    offset = _microseconds(end if start is None else start)
    return offset, max(0, _microseconds(end) - offset) if start is not None else 0


def _microseconds(seconds: float) -> int:
    return int(min(max(seconds, 0.0), _LONGEST_US / 1e6) * 1e6)
