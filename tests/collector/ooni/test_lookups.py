"""Who is taken to have answered a lookup, and with what."""

from typing import Any

from rabta_collector.ooni.chain import Hop
from rabta_collector.ooni.lookups import lookups
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import ResolverKind
from support.ooni_builder import FAR, FORGED, NEAR, NXDOMAIN, SILENCE, SITE, URL, query

HOP = Hop(index=0, url=URL, host=SITE, port=443, secure=True)
NO_DATA = "android_dns_cache_no_data"
NO_ADDRESS, FAILED = "dns_no_answer", "dns_server_failure"
SYSTEM, UDP, DOH = ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH


def told(*queries: Any, disowned: frozenset[str] = frozenset(), **keys: Any) -> list[tuple[Any, ...]]:
    """Of each lookup who answered, what kind was asked for, what came, and how it failed."""
    found = []
    for o in lookups(HOP, {"queries": list(queries), **keys}, disowned):
        assert isinstance(o.detail, DnsQuery)
        found.append((o.detail.resolver_kind, o.detail.query_type, o.detail.addresses, o.failure))
    return found


def test_others_stand_in_for_a_resolver_that_was_not_asked() -> None:
    by_udp, by_doh = query(NEAR, engine="udp"), query(FAR, engine="doh")
    assert [SYSTEM, SYSTEM] == [kind for kind, *_ in told(by_udp, by_doh)]
    assert [UDP, DOH, SYSTEM] == [kind for kind, *_ in told(by_udp, by_doh, query(NEAR))]


def test_no_data_is_no_address_where_another_was_answered() -> None:
    android = query(failure=NO_DATA, engine="getaddrinfo", kind="ANY")
    for other, failure in (
        (query(NEAR, engine="udp"), NO_ADDRESS),
        (query(failure=NXDOMAIN, engine="doh"), NO_ADDRESS),
        (query(failure=SILENCE, engine="udp"), FAILED),
    ):
        assert (SYSTEM, "A", (), failure) == told(android, other)[0]
    assert [(SYSTEM, "A", (), FAILED)] == told(android)


def test_an_answer_made_by_dns64_is_one_for_ipv4() -> None:
    assert [(SYSTEM, "A", ("104.244.42.1",), None)] == told(query("64:ff9b::68f4:2a01", kind="AAAA"))


def test_an_alias_without_an_address_is_no_answer_of_the_kind_that_was_asked() -> None:
    alias = query(kind="AAAA") | {"answers": [{"answer_type": "CNAME", "hostname": "a.example"}]}
    assert [(SYSTEM, "AAAA", (), NO_ADDRESS)] == told(alias)


def test_who_gives_disowned_addresses_alone_is_no_witness() -> None:
    lie, truth = query(FORGED, engine="udp"), query(FORGED, FAR, engine="udp")
    mine = query(FORGED)
    assert [SYSTEM] == [kind for kind, *_ in told(mine, lie, disowned=frozenset({FORGED}))]
    assert [SYSTEM, UDP] == [kind for kind, *_ in told(mine, truth, disowned=frozenset({FORGED}))]
    assert [SYSTEM] == [kind for kind, *_ in told(lie, disowned=frozenset({FORGED}))]
