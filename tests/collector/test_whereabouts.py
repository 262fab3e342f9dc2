"""Addresses at which controls reach a target."""

from datetime import UTC, datetime

import pytest

from rabta_collector.catalogue import Catalogue, Platform, Target
from rabta_collector.entries import Measured, Presence
from rabta_collector.whereabouts import FORGOTTEN_S, GOOD_S, KEPT, Whereabouts
from rabta_proto.model import (
    Detail,
    DnsAnswer,
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import AddressSource, ResolverKind, Role

SECURE, PLAIN, QUIC, TCP, DNS = "https://x.com/", "http://x.com/", "quic://x.com/", "tcp://x.com:5222", "dns:x.com"
SELDOM, LITERAL = "https://seldom.example/", "https://8.8.8.8/"
A, B, C, V6 = "104.244.42.1", "104.244.42.65", "104.244.42.129", "2606:4700::1"
NOON = 1_708_171_200.0
HOUR = 3600.0
URLS = (SECURE, PLAIN, QUIC, TCP, DNS, LITERAL)
TARGETS = (
    *(Target(url=url, platform="x") for url in URLS),
    Target(url=SELDOM, platform="x", interval_s=8 * HOUR),
)
CATALOGUE = Catalogue(platforms=(Platform(id="x", name="X", category="", targets=TARGETS),))


def tcp(address: str) -> TcpConnect:
    return TcpConnect(address=address, port=443, source=AddressSource.SYSTEM)


def tls(address: str, *, verified: bool = True, isolation: bool = False) -> TlsHandshake:
    return TlsHandshake(
        address=address,
        port=443,
        server_name="x.com",
        source=AddressSource.SYSTEM,
        verified=verified,
        isolation=isolation,
    )


def quic(address: str, *, verified: bool = True, isolation: bool = False) -> QuicHandshake:
    return QuicHandshake(
        address=address,
        port=443,
        server_name="x.com",
        source=AddressSource.SYSTEM,
        verified=verified,
        isolation=isolation,
    )


def http(address: str) -> HttpRoundTrip:
    return HttpRoundTrip(address=address, port=80, url=PLAIN, tls=False, status=200)


def dns(address: str) -> DnsQuery:
    answer = DnsAnswer(type="A", value=address, ttl_s=60)
    return DnsQuery(
        resolver_kind=ResolverKind.SYSTEM, resolver="", hostname="x.com", query_type="A", rcode=0, answers=(answer,)
    )


class Known:
    """What is known of a few targets, and a control that measures them."""

    def __init__(self, *, lab: bool = False) -> None:
        self.whereabouts = Whereabouts(CATALOGUE, lab=lab)

    def tell(
        self,
        url: str,
        *details: Detail,
        at: float = NOON,
        delay_s: float = 0.0,
        role: Role = Role.CONTROL,
        failure: str | None = None,
        hop: int = 0,
        network: NetworkContext | None = None,
    ) -> None:
        measurement = Measurement(
            target=url,
            platform="x",
            started_at=datetime.fromtimestamp(at, UTC),
            duration_us=1,
            agent_version="0",
            network=network or NetworkContext(),
            observations=tuple(
                Observation(detail=one, offset_us=1, duration_us=1, failure=failure, hop=hop) for one in details
            ),
        )
        self.whereabouts.hear(Measured(at=at + delay_s, agent="c", isp="", role=role, measurements=(measurement,)))

    def of(self, url: str, at: float = NOON + 1) -> tuple[str, ...]:
        return self.whereabouts.directory(at).get(url, ())


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.mark.parametrize(
    ("url", "end"), [(SECURE, tls(A)), (PLAIN, http(A)), (QUIC, quic(A)), (TCP, tcp(A))], ids=lambda value: str(value)
)
def test_where_a_control_got_all_the_way_is_known(known: Known, url: str, end: Detail) -> None:
    known.tell(url, tcp(B), tls(B, verified=False), end)
    expected = {A, B} if url == TCP else {A}
    assert expected == set(known.of(url))
    assert {url} == set(known.whereabouts.directory(NOON))


@pytest.mark.parametrize(
    ("url", "short"),
    [
        (SECURE, dns(A)),
        (SECURE, tcp(A)),
        (SECURE, tls(A, verified=False)),
        (SECURE, tls(A, isolation=True)),
        (SECURE, quic(A)),
        (SECURE, http(A)),
        (PLAIN, tcp(A)),
        (QUIC, quic(A, verified=False)),
        (QUIC, quic(A, isolation=True)),
        (QUIC, tls(A)),
        (TCP, dns(A)),
        (DNS, dns(A)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_any_other_step_shows_nothing(known: Known, url: str, short: Detail) -> None:
    known.tell(url, short)
    assert () == known.of(url)


def test_a_step_that_failed_shows_nothing(known: Known) -> None:
    known.tell(SECURE, tls(A), failure="connection_reset")
    known.tell(TCP, tcp(A), failure="generic_timeout_error")
    assert {} == known.whereabouts.directory(NOON)


def test_where_a_redirect_led_is_not_where_the_target_is(known: Known) -> None:
    known.tell(SECURE, tls(A), hop=1)
    assert () == known.of(SECURE)


def test_the_word_of_an_agent_that_is_no_control_counts_for_nothing(known: Known) -> None:
    known.tell(SECURE, tls(A), role=Role.PROBE)
    known.whereabouts.hear(Presence(at=NOON, agent="c", isp="", role=Role.CONTROL, connected=True))
    assert () == known.of(SECURE)


@pytest.mark.parametrize("network", [NetworkContext(captive_portal=True), NetworkContext(vpn=True)])
def test_nor_does_a_control_behind_a_portal_or_a_vpn(known: Known, network: NetworkContext) -> None:
    known.tell(PLAIN, http(A), network=network)
    assert () == known.of(PLAIN)


def test_a_target_that_is_an_address_needs_no_other(known: Known) -> None:
    known.tell(LITERAL, tls("8.8.8.8"))
    assert () == known.of(LITERAL)


def test_a_target_of_yesterdays_catalogue_is_no_matter(known: Known) -> None:
    known.tell("https://gone.example/", tls(A))
    assert {} == known.whereabouts.directory(NOON)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "fe80::1%eth0", "::ffff:8.8.8.8", "nonsense", ""])
def test_an_address_that_no_site_can_have_is_not_passed_on(known: Known, address: str) -> None:
    known.tell(SECURE, tls(address))
    assert () == known.of(SECURE)


def test_in_the_lab_any_address_will_do_but_it_has_to_be_one() -> None:
    known = Known(lab=True)
    known.tell(SECURE, tls("127.0.0.1"), tls("nonsense"), tls("fe80::1%eth0"))
    assert ("127.0.0.1",) == known.of(SECURE)


def test_an_address_has_one_form(known: Known) -> None:
    known.tell(SECURE, tls("2606:4700:0:0:0:0:0:1"), tls("2606:4700::0001"))
    assert (V6,) == known.of(SECURE)


def test_a_plan_gets_the_two_that_were_confirmed_last(known: Known) -> None:
    for at, address in enumerate((A, B, C)):
        known.tell(SECURE, tls(address), at=NOON + at)
    assert (C, B) == known.of(SECURE, NOON + 10)
    known.tell(SECURE, tls(A), at=NOON + 20)
    assert (A, C) == known.of(SECURE, NOON + 20)


def test_a_spooled_confirmation_takes_nothing_back(known: Known) -> None:
    known.tell(SECURE, tls(B), at=NOON)
    known.tell(SECURE, tls(A), at=NOON + 5)
    known.tell(SECURE, tls(A), at=NOON - 50, delay_s=100)
    assert (A, B) == known.of(SECURE, NOON + 50)


def test_a_control_whose_clock_is_ahead_confirms_nothing_for_tomorrow(known: Known) -> None:
    known.tell(SECURE, tls(A), at=NOON + 20 * HOUR, delay_s=-20 * HOUR)
    known.tell(SECURE, tls(B), at=NOON + 1)
    assert (B, A) == known.of(SECURE)


def test_ipv4_comes_first_because_more_agents_have_it(known: Known) -> None:
    known.tell(SECURE, tls(A), at=NOON)
    known.tell(SECURE, tls(V6), at=NOON + 5)
    assert (A, V6) == known.of(SECURE, NOON + 6)


def test_but_not_before_one_that_was_confirmed_within_the_hour(known: Known) -> None:
    known.tell(SECURE, tls(A), at=NOON)
    known.tell(SECURE, tls(V6), at=NOON + GOOD_S)
    assert (V6, A) == known.of(SECURE, NOON + GOOD_S)


def test_what_nobody_confirmed_for_a_day_is_forgotten(known: Known) -> None:
    known.tell(SECURE, tls(A))
    assert (A,) == known.of(SECURE, NOON + FORGOTTEN_S - 1)
    assert () == known.of(SECURE, NOON + FORGOTTEN_S)


def test_of_many_addresses_the_oldest_are_forgotten(known: Known) -> None:
    """So that a network that answers with another one each time cannot fill the memory."""
    for number in range(3 * KEPT):
        known.tell(SECURE, tls(f"104.16.0.{number}"), at=NOON + number)
    assert KEPT == len(known.whereabouts._confirmed[SECURE])
    assert (f"104.16.0.{3 * KEPT - 1}", f"104.16.0.{3 * KEPT - 2}") == known.of(SECURE, NOON + 100)


def test_a_plan_is_outdated_once_there_is_an_address_for_a_target_without_any(known: Known) -> None:
    assert not known.whereabouts.outdated({}, NOON)
    known.tell(SECURE, tls(A))
    assert known.whereabouts.outdated({}, NOON)
    assert known.whereabouts.outdated({PLAIN: (A,)}, NOON)
    assert not known.whereabouts.outdated({SECURE: (A,)}, NOON)


def test_a_plan_is_not_outdated_while_one_of_its_addresses_is_good(known: Known) -> None:
    known.tell(SECURE, tls(A))
    known.tell(SECURE, tls(B), at=NOON + GOOD_S - 1)
    assert not known.whereabouts.outdated({SECURE: (A, C)}, NOON + GOOD_S - 1)
    assert known.whereabouts.outdated({SECURE: (A, C)}, NOON + GOOD_S)
    known.tell(SECURE, tls(C), at=NOON + GOOD_S)
    assert not known.whereabouts.outdated({SECURE: (A, C)}, NOON + GOOD_S)


def test_a_plan_is_not_outdated_where_there_is_nothing_better(known: Known) -> None:
    known.tell(SECURE, tls(A))
    known.tell(SECURE, tls(B))
    assert not known.whereabouts.outdated({SECURE: (A,)}, NOON + 2 * GOOD_S)
    assert not known.whereabouts.outdated({}, NOON + 2 * GOOD_S)


def test_an_address_of_a_target_that_is_seldom_measured_is_good_for_longer(known: Known) -> None:
    known.tell(SELDOM, tls(A))
    known.tell(SELDOM, tls(B), at=NOON + 23 * HOUR)
    assert not known.whereabouts.outdated({SELDOM: (A,)}, NOON + 23 * HOUR)
    assert known.whereabouts.outdated({SELDOM: (A,)}, NOON + 24 * HOUR)


def test_the_same_entries_in_the_same_order_give_the_same_addresses() -> None:
    """As after a restart, when the journal is read again."""
    one, other = Known(), Known()
    for known in (one, other):
        for at in range(50):
            known.tell(SECURE, tls(f"104.16.{at % 7}.1"), tls(V6), at=NOON + at)
            known.tell(TCP, tcp(f"104.16.{at % 5}.1"), at=NOON + at)
    assert one.whereabouts.directory(NOON + 60) == other.whereabouts.directory(NOON + 60)
    assert 2 == len(one.of(SECURE, NOON + 60))
