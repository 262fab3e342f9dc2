"""What an agent's own network lets through."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.vantages import FORGOTTEN_S, KEPT, LOSING, LOSING_LEAST, ROOM, Vantages
from rabta_proto.model import (
    Detail,
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind, VpnProtocol
from support.factories import NOON, SILENCE, moment

V4, V6 = "104.244.42.1", "2606:4700::1"


def quic(address: str = V4, *, isolation: bool = False, answered: bool = False) -> QuicHandshake:
    return QuicHandshake(
        address=address,
        port=443,
        server_name="x.com",
        source=AddressSource.SYSTEM,
        isolation=isolation,
        server_answered=answered,
    )


def tcp(address: str = V6) -> TcpConnect:
    return TcpConnect(address=address, port=443, source=AddressSource.SYSTEM)


def vpn(*, answered: bool = False, over_tcp: bool = False) -> VpnHandshake:
    source, protocol = AddressSource.SYSTEM, VpnProtocol.OPENVPN
    return VpnHandshake(
        protocol=protocol, address=V4, port=1194, source=source, server_answered=answered, over_tcp=over_tcp
    )


def measured(target: str, *tries: tuple[Detail, str | None]) -> Measurement:
    return Measurement(
        target=target,
        started_at=moment(NOON),
        duration_us=1,
        agent_version="0",
        observations=tuple(Observation(detail=one, offset_us=0, duration_us=1, failure=why) for one, why in tries),
    )


class Agent:
    """One agent's results, and what is made of them for the target `asked`."""

    def __init__(self) -> None:
        self.vantages = Vantages()

    def tries(self, target: str, *tries: tuple[Detail, str | None], at: float = 0.0) -> bool:
        return self.vantages.hear("a", measured(target, *tries), NOON + at)

    def quic(self, asked: str = "asked", *, at: float = 0.0, agent: str = "a") -> bool | None:
        return self.vantages.quic_works(agent, asked, NOON + at, 600)

    def ipv6(self, asked: str = "asked", *, at: float = 0.0, agent: str = "a") -> bool | None:
        return self.vantages.ipv6_works(agent, asked, NOON + at, 600)


@pytest.fixture
def agent() -> Agent:
    return Agent()


def test_of_an_agent_that_tried_nothing_nothing_is_known(agent: Agent) -> None:
    assert (None, None) == (agent.quic(), agent.ipv6())


@pytest.mark.parametrize(
    ("tries", "works"),
    [
        ([(quic(), None)], True),
        ([(quic(), SILENCE), (quic(), None)], True),
        ([(quic(), SILENCE)], False),
        ([(quic(), Failure.CONNECTION_REFUSED)], False),
        ([(quic(), Failure.SSL_INVALID_HOSTNAME), (quic(answered=True), Failure.SSL_INVALID_HOSTNAME)], None),
        ([(quic(), Failure.SPECIAL_ADDRESS)], None),
        ([(quic(), Failure.NETWORK_UNREACHABLE)], None),
        ([(quic(isolation=True), None)], None),
        ([(quic(isolation=True), SILENCE)], None),
        ([(tcp(V4), None)], None),
        ([], None),
    ],
)
def test_whether_quic_gets_through(agent: Agent, tries: list[tuple[Detail, str | None]], works: bool | None) -> None:
    assert agent.tries("other", *tries) or works is None
    assert works is agent.quic()


@pytest.mark.parametrize(
    ("tries", "works"),
    [
        ([(quic(answered=True), None)], True),
        ([(quic(answered=True), Failure.SSL_INVALID_HOSTNAME)], True),
        ([(vpn(answered=True), None)], True),
        ([(vpn(answered=True), Failure.VPN_FAILED_HANDSHAKE)], True),
        ([(vpn(), SILENCE)], False),
        ([(vpn(), SILENCE), (quic(answered=True), None)], True),
        ([(vpn(answered=True, over_tcp=True), None)], None),
        ([(vpn(), Failure.SPECIAL_ADDRESS)], None),
        ([(tcp(V4), None)], None),
    ],
)
def test_whether_anything_gets_through_over_udp(
    agent: Agent, tries: list[tuple[Detail, str | None]], works: bool | None
) -> None:
    assert agent.tries("other", *tries) or works is None
    assert works is agent.vantages.udp_works("a", "asked", NOON, 600)
    assert agent.vantages.udp_works("a", "other", NOON, 600) is None


@pytest.mark.parametrize(
    ("tries", "works"),
    [
        ([(tcp(), None)], True),
        ([(quic(V6), None)], True),
        ([(tcp(), SILENCE), (tcp(), None)], True),
        ([(tcp(), SILENCE)], False),
        ([(tcp(), Failure.NETWORK_UNREACHABLE)], False),
        ([(tcp(), Failure.SPECIAL_ADDRESS)], None),
        ([(tcp(V4), None)], None),
        ([(tcp(V4), SILENCE)], None),
    ],
)
def test_whether_ipv6_gets_through(agent: Agent, tries: list[tuple[Detail, str | None]], works: bool | None) -> None:
    agent.tries("other", *tries)
    agent.tries("another", (tcp(), SILENCE))
    assert works is agent.ipv6()


def test_it_takes_two_targets_to_say_that_ipv6_is_broken(agent: Agent) -> None:
    agent.tries("other", (tcp(), SILENCE))
    agent.tries("other", (tcp(), SILENCE))
    assert agent.ipv6() is None
    agent.tries("another", (tcp(), SILENCE))
    assert agent.ipv6() is False


def test_the_target_that_is_asked_about_does_not_speak_for_itself(agent: Agent) -> None:
    agent.tries("other", (quic(V6), None))
    assert (None, None) == (agent.quic("other"), agent.ipv6("other"))


def test_what_worked_once_says_more_than_what_failed(agent: Agent) -> None:
    agent.tries("other", (quic(V6), None))
    agent.tries("another", (quic(V6), SILENCE), at=5)
    assert (True, True) == (agent.quic(), agent.ipv6())


def test_a_newer_result_of_a_target_takes_the_place_of_the_older(agent: Agent) -> None:
    agent.tries("other", (quic(), None))
    agent.tries("other", (quic(), SILENCE), at=5)
    assert agent.quic() is False


@pytest.mark.parametrize(("at", "works"), [(600, True), (601, None), (-600, True), (-601, None)])
def test_results_of_another_time_say_nothing(agent: Agent, at: float, works: bool | None) -> None:
    agent.tries("other", (quic(V6), None), at=at)
    assert (works, works) == (agent.quic(), agent.ipv6())


def test_another_agents_results_say_nothing(agent: Agent) -> None:
    agent.tries("other", (quic(V6), None))
    assert (None, None) == (agent.quic(agent="b"), agent.ipv6(agent="b"))


@pytest.mark.parametrize("network", [NetworkContext(vpn=True), NetworkContext(captive_portal=True)])
def test_nor_what_was_measured_through_a_vpn_or_behind_a_portal(agent: Agent, network: NetworkContext) -> None:
    assert not agent.vantages.hear("a", replace(measured("other", (quic(V6), None)), network=network), NOON)
    assert (None, None) == (agent.quic(), agent.ipv6())


def test_ipv6_is_news_only_where_it_shows_something_else_than_before(agent: Agent) -> None:
    assert agent.tries("other", (tcp(), None))
    assert not agent.tries("other", (tcp(), None))
    assert not agent.tries("another", (tcp(), SILENCE))
    assert agent.tries("other", (tcp(), SILENCE))


def test_quic_is_always_news_for_it_is_measured_seldom(agent: Agent) -> None:
    assert agent.tries("other", (quic(), None))
    assert agent.tries("other", (quic(), None))


def test_of_many_targets_the_latest_are_kept(agent: Agent) -> None:
    agent.tries("first", (quic(), None))
    agent.tries("second", (quic(), SILENCE))
    agent.tries("first", (quic(), None))
    for number in range(KEPT - 1):
        agent.tries(str(number), (quic(), SILENCE))
    assert agent.quic() is True
    agent.tries("last", (quic(), SILENCE))
    assert agent.quic() is False


def test_agents_that_are_gone_are_forgotten_and_others_are_not() -> None:
    vantages = Vantages()
    every_s = FORGOTTEN_S / (ROOM / 2)
    for number in range(4 * ROOM):
        vantages.hear(str(number), measured("other", (quic(), None)), NOON + number * every_s)
        assert ROOM >= len(vantages)
        if number >= ROOM / 4:
            recent = number - ROOM // 4
            assert vantages.quic_works(str(recent), "asked", NOON + recent * every_s, 1)


def handshake(address: str) -> TlsHandshake:
    return TlsHandshake(address=address, port=443, server_name="x.com", source=AddressSource.SYSTEM)


def question(query_type: str) -> DnsQuery:
    return DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname="x.com", query_type=query_type)


def reached(agent: Agent, count: int, silent: int, *, start: float = 0.0) -> None:
    """Reaches some targets, of which the first `silent` only at the second try."""
    for number in range(count):
        tries = [(tcp(V4), SILENCE)] * (number < silent) + [(tcp(V4), None)]
        agent.vantages.hear_reached("a", measured(f"t{number}", *tries), NOON + start + number)


@pytest.mark.parametrize(
    ("count", "silent", "loses"), [(0, 0, None), (3, 3, None), (4, 0, False), (4, 1, True), (8, 1, False), (8, 2, True)]
)
def test_a_line_loses_where_silence_met_a_quarter_of_what_was_reached(
    agent: Agent, count: int, silent: int, loses: bool | None
) -> None:
    reached(agent, count, silent)
    assert loses is agent.vantages.loses("a", "asked", NOON, 600)


def test_the_target_itself_and_what_was_long_ago_say_nothing_of_losses(agent: Agent) -> None:
    reached(agent, 4, 1)
    assert agent.vantages.loses("a", "t0", NOON, 600) is None
    assert agent.vantages.loses("a", "asked", NOON + 700, 600) is None


def test_a_change_of_the_line_is_told(agent: Agent) -> None:
    told = [agent.vantages.hear_reached("a", measured(f"t{n}", (tcp(V4), None)), NOON) for n in range(5)]
    assert [False, False, False, True, False] == told


@pytest.mark.parametrize(
    "detail",
    [
        tcp(V6),
        TcpConnect(address=V4, port=443, source=AddressSource.DOH),
        TlsHandshake(address=V4, port=443, server_name="x.com", source=AddressSource.SYSTEM, split=True),
        DnsQuery(resolver_kind=ResolverKind.DOH, hostname="x.com", query_type="A"),
        DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname="x.com", query_type="A", transport=DnsTransport.TCP),
        quic(),
    ],
)
def test_silence_elsewhere_than_on_the_machine_s_own_way_is_no_loss(agent: Agent, detail: Detail) -> None:
    for number in range(4):
        seen = measured(f"t{number}", (detail, SILENCE), (detail, None), (tcp(V4), None))
        agent.vantages.hear_reached("a", seen, NOON)
    assert agent.vantages.loses("a", "asked", NOON, 600) is False


@pytest.mark.parametrize(
    "detail",
    [
        tcp(V4),
        TlsHandshake(address=V4, port=443, server_name="x.com", source=AddressSource.LITERAL),
        DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname="x.com", query_type="A"),
        HttpRoundTrip(address=V4, port=80, url="http://x.com/", tls=False),
    ],
)
def test_silence_on_the_machine_s_own_way_is_a_loss_where_an_answer_came_after_it(agent: Agent, detail: Detail) -> None:
    for number in range(4):
        agent.vantages.hear_reached("a", measured(f"t{number}", (detail, SILENCE), (detail, None)), NOON)
    assert agent.vantages.loses("a", "asked", NOON, 600) is True


@pytest.mark.parametrize(
    ("silent", "answered"),
    [
        (tcp(V4), tcp("93.184.216.2")),  # one of two addresses is dead, or cut
        (handshake(V4), handshake("93.184.216.2")),
        (question("AAAA"), question("A")),  # a home router that knows nothing of IPv6
        (handshake(V4), tcp(V4)),
    ],
)
def test_what_never_answers_is_no_loss(agent: Agent, silent: Detail, answered: Detail) -> None:
    for number in range(4):
        agent.vantages.hear_reached("a", measured(f"t{number}", (silent, SILENCE), (answered, None)), NOON)
    assert agent.vantages.loses("a", "asked", NOON, 600) is False


SHOWN, ANOTHER_S = (replace(handshake(V4), verified=True), None), (handshake(V4), str(Failure.SSL_UNKNOWN_AUTHORITY))


@pytest.mark.parametrize(
    ("tries", "works"),
    [
        ([], None),
        ([ANOTHER_S], None),  # its own certificate may be a bad one
        ([ANOTHER_S, ANOTHER_S], False),
        ([ANOTHER_S, ANOTHER_S, SHOWN], True),
        ([ANOTHER_S, (handshake(V4), SILENCE)], None),
    ],
)
def test_tls_works_where_any_target_shows_its_own_certificate(
    agent: Agent, tries: list[tuple[Detail, str | None]], works: bool | None
) -> None:
    for number, one in enumerate(tries):
        agent.tries(f"t{number}", one)
    assert works is agent.vantages.tls_works("a", "asked", NOON, 600)
    assert agent.vantages.tls_works("a", "asked", NOON + 700, 600) is None


def test_the_first_certificate_shown_puts_other_findings_in_another_light(agent: Agent) -> None:
    assert agent.tries("t1", SHOWN)
    assert not agent.tries("t2", SHOWN)


tries = st.lists(st.tuples(st.integers(0, KEPT + 2).map(str), st.booleans()), max_size=60)


def newest(tries: list[tuple[str, bool]]) -> dict[str, bool]:
    """The last results of the latest targets."""
    kept: dict[str, bool] = {}
    for target, works in tries:
        kept.pop(target, None)
        kept[target] = works
    return dict(list(kept.items())[-KEPT:])


def any_of_two(results: dict[str, bool]) -> bool | None:
    return True if any(results.values()) else False if len(results) >= 2 else None


def loses(results: dict[str, bool]) -> bool | None:
    return list(results.values()).count(False) >= LOSING * len(results) if len(results) >= LOSING_LEAST else None


@given(tries)
def test_what_lets_ipv6_through_is_counted_as_it_changes(tries: list[tuple[str, bool]]) -> None:
    agent = Agent()
    for number, (target, works) in enumerate(tries):
        before, after = newest(tries[:number]), newest(tries[: number + 1])
        told = agent.tries(target, (tcp(), None if works else SILENCE))
        assert told is (any_of_two(before) is not any_of_two(after))
        assert agent.ipv6() is any_of_two(after)
        assert agent.ipv6(target) is any_of_two({other: one for other, one in after.items() if other != target})


@given(tries)
def test_what_met_silence_is_counted_as_it_changes(tries: list[tuple[str, bool]]) -> None:
    vantages = Vantages()
    for number, (target, quiet) in enumerate(tries):
        before, after = newest(tries[:number]), newest(tries[: number + 1])
        seen = measured(target, (tcp(V4), SILENCE), (tcp("1.1.1.1" if quiet else V4), None))
        assert vantages.hear_reached("a", seen, NOON) is (loses(before) is not loses(after))
        assert vantages.loses("a", "asked", NOON, 600) is loses(after)
