import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rabta_agent.network import Vantage
from rabta_agent.probes import resolve
from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.resolve import LATER_REPLIES_LIMIT, Asked, Resolver, describe, query, query_platform
from rabta_agent.probes.step import Outcome
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import DnsTransport, ResolverKind, ResolverPlace
from support.dns_server import DnsReply, DnsServer, addresses, cut_short, nxdomain, raw, refused
from support.peers import free_port
from support.scenes import LAB, make_scene, within

X = Question(hostname="x.com", type="A")
SIX = Question(hostname="x.com", type="AAAA")


async def ask(
    *replies: DnsReply,
    question: Question = X,
    seconds: float = 5.0,
    listen_s: float = 0.0,
    kind: ResolverKind = ResolverKind.SYSTEM,
) -> tuple[Outcome[tuple[str, ...]], DnsQuery]:
    """One query to a resolver that says this."""
    async with DnsServer(lambda asked, client: replies) as server:
        resolver = Resolver(kind=kind, endpoint=server.text)
        outcome = await hear_out(await query(make_scene(), resolver, question, within(seconds), listen_s=listen_s))
    return outcome, detail_of(outcome)


async def hear_out(asked: Asked) -> Outcome[tuple[str, ...]]:
    """The outcome with all that was heard, as a notebook has it at the end."""
    if asked.listening is None:
        return asked.outcome
    await asked.listening.run()
    asked.listening.close()
    return replace(asked.outcome, observation=asked.listening.amend(asked.outcome.observation))


async def ask_plainly(resolver: Resolver, vantage: Vantage = LAB) -> Outcome[tuple[str, ...]]:
    return (await query(make_scene(vantage), resolver, X, within(), listen_s=0)).outcome


def detail_of(outcome: Outcome[tuple[str, ...]]) -> DnsQuery:
    assert isinstance(outcome.observation.detail, DnsQuery)
    return outcome.observation.detail


async def test_an_answer_is_its_addresses() -> None:
    outcome, seen = await ask(addresses("104.244.42.1", "104.244.42.65"))
    assert (None, ("104.244.42.1", "104.244.42.65"), 0) == (outcome.observation.failure, outcome.value, seen.rcode)
    assert ("x.com", "A", ("104.244.42.1", "104.244.42.65")) == (seen.hostname, seen.query_type, seen.addresses)


async def test_both_types_are_asked_apart() -> None:
    reply = addresses("104.244.42.1", "2606:4700::1")
    assert ("2606:4700::1",) == (await ask(reply, question=SIX))[0].value


@pytest.mark.parametrize(
    ("replies", "failure", "rcode"),
    [
        ([nxdomain()], "dns_nxdomain_error", 3),
        ([refused()], "dns_refused_error", 5),
        ([addresses()], "dns_no_answer", 0),
        ([raw(b"!")], "dns_server_misbehaving", None),
        ([raw(b"not DNS at all, but long enough")], "dns_server_misbehaving", None),
    ],
    ids=["nxdomain", "refused", "empty", "one byte", "garbage"],
)
async def test_each_refusal_has_its_name(replies: Sequence[DnsReply], failure: str, rcode: int | None) -> None:
    outcome, seen = await ask(*replies, listen_s=0.01)
    assert (failure, rcode, None) == (outcome.observation.failure, seen.rcode, outcome.value)


async def test_silence_is_our_deadline() -> None:
    outcome, seen = await ask(seconds=0.05)
    assert ("generic_timeout_error", None) == (outcome.observation.failure, seen.rcode)


async def test_a_closed_port_is_refused() -> None:
    resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=f"127.0.0.1:{free_port()}")
    outcome = await ask_plainly(resolver)
    assert "connection_refused" == outcome.observation.failure


async def test_a_second_different_reply_is_kept_as_a_mark_of_injection() -> None:
    race = addresses("10.10.34.34"), addresses("104.244.42.1", delay_s=0.02), addresses("104.244.42.1", delay_s=0.03)
    outcome, seen = await ask(*race, listen_s=0.3)
    assert ("10.10.34.34",) == outcome.value
    assert [("104.244.42.1",)] == [tuple(answer.value for answer in reply.answers) for reply in seen.later_replies]
    assert seen.later_replies[0].offset_us >= 15_000


async def test_the_same_reply_twice_is_no_injection() -> None:
    _, seen = await ask(addresses("104.244.42.1"), addresses("104.244.42.1"), nxdomain(delay_s=0.02), listen_s=0.2)
    assert [3] == [reply.rcode for reply in seen.later_replies]


async def test_listening_on_does_not_make_the_query_look_slow() -> None:
    outcome, _ = await ask(addresses("104.244.42.1"), listen_s=0.2)
    assert outcome.observation.duration_us < 150_000


async def test_the_first_reply_is_handed_on_before_anything_else_is_heard() -> None:
    race = [addresses(f"10.10.34.{number}") for number in range(1 + LATER_REPLIES_LIMIT)]
    async with DnsServer(lambda asked, client: race) as server:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        asked = await query(make_scene(), resolver, X, within(60), listen_s=60.0)
        assert (("10.10.34.0",), ()) == (asked.outcome.value, detail_of(asked.outcome).later_replies)
        outcome = await hear_out(asked)
    heard = [answer.value for reply in detail_of(outcome).later_replies for answer in reply.answers]
    assert ["10.10.34.1", "10.10.34.2", "10.10.34.3", "10.10.34.4"] == heard
    assert () == detail_of(asked.outcome).later_replies


async def test_who_was_never_answered_is_not_heard_on() -> None:
    async with DnsServer(lambda asked, client: []) as server:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        asked = await query(make_scene(), resolver, X, within(0.05), listen_s=5.0)
    assert None is asked.listening


async def test_what_breaks_the_parser_later_leaves_the_answer_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with DnsServer(lambda asked, client: [nxdomain(), addresses("104.244.42.1")]) as server:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        asked = await query(make_scene(), resolver, X, within(), listen_s=5.0)
        monkeypatch.setattr(resolve, "decode_response", lambda *_: {}["broken"])
        outcome = await hear_out(asked)
    assert ("dns_nxdomain_error", ()) == (outcome.observation.failure, detail_of(outcome).later_replies)


@pytest.mark.parametrize("fitted", [(), ("104.244.42.1",)])
async def test_a_reply_that_was_cut_short_is_no_failure(fitted: tuple[str, ...]) -> None:
    outcome, seen = await ask(cut_short(*fitted))
    assert (None, fitted, fitted, True, 0) == (
        outcome.observation.failure,
        outcome.value,
        seen.addresses,
        seen.truncated,
        seen.rcode,
    )
    assert DnsTransport.UDP is seen.transport


async def test_a_no_that_was_cut_short_is_still_a_no() -> None:
    outcome, seen = await ask(replace(cut_short(), rcode=3))
    assert ("dns_nxdomain_error", True) == (outcome.observation.failure, seen.truncated)


async def test_a_whole_reply_after_one_that_was_cut_short_is_kept() -> None:
    _, seen = await ask(cut_short(), cut_short(), addresses("104.244.42.1"), cut_short("1.1.1.1"), listen_s=0.1)
    assert [(False, 1), (True, 1)] == [(reply.truncated, len(reply.answers)) for reply in seen.later_replies]


async def test_a_flood_of_later_replies_is_bounded() -> None:
    _, seen = await ask(*(addresses(f"1.1.1.{number}") for number in range(50)), listen_s=1.0)
    assert 4 == len(seen.later_replies)


FLOOD = [raw(b"\0" * 1_300)] * 60  # 78 kB that answer another query
PATIENCE_S = 60.0  # no test waits for it


async def test_what_is_heard_for_one_query_is_bounded() -> None:
    outcome, _ = await ask(*FLOOD, addresses("104.244.42.1"), seconds=PATIENCE_S)
    assert ("dns_server_misbehaving", "too much") == (
        outcome.observation.failure,
        outcome.observation.failure_detail,
    )


async def test_a_flood_after_an_answer_ends_the_listening_and_leaves_the_answer() -> None:
    outcome, seen = await ask(addresses("104.244.42.1"), *FLOOD, seconds=PATIENCE_S, listen_s=PATIENCE_S)
    assert (("104.244.42.1",), ()) == (outcome.value, seen.later_replies)


async def test_an_honest_reply_after_garbage_is_taken() -> None:
    outcome, _ = await ask(raw(b"junk"), addresses("104.244.42.1", delay_s=0.02), listen_s=0.2)
    assert ("104.244.42.1",) == outcome.value


async def test_a_reply_to_another_query_is_passed_over() -> None:
    async with DnsServer(lambda asked, client: []) as server:
        server.answer = lambda asked, client: [
            raw(bytes(2) + asked.query.to_wire()[2:]),
            addresses("104.244.42.1"),
        ]
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        outcome = await ask_plainly(resolver)
    assert ("104.244.42.1",) == outcome.value


@pytest.mark.parametrize(
    ("kind", "endpoint", "name", "place"),
    [
        (ResolverKind.SYSTEM, "192.168.1.1", "", ResolverPlace.LOCAL),
        (ResolverKind.SYSTEM, "203.99.163.240", "", ResolverPlace.NETWORK),
        (ResolverKind.SYSTEM, "1.1.1.1:53", "1.1.1.1", ResolverPlace.PUBLIC),
        (ResolverKind.UDP, "1.1.1.1:53", "1.1.1.1:53", ResolverPlace.UNKNOWN),
    ],
)
def test_whose_the_machines_own_resolver_is_stands_in_its_observation(
    kind: ResolverKind, endpoint: str, name: str, place: ResolverPlace
) -> None:
    seen = describe(Resolver(kind=kind, endpoint=endpoint), X, DnsTransport.UDP, None)
    assert (name, place) == (seen.resolver, seen.resolver_place)


async def test_the_machines_own_resolver_stays_unnamed_and_a_public_one_does_not() -> None:
    assert "" == (await ask(nxdomain()))[1].resolver
    assert (await ask(nxdomain(), kind=ResolverKind.UDP))[1].resolver.startswith("127.0.0.1:")


async def test_a_public_resolver_at_a_special_address_is_not_asked() -> None:
    async with DnsServer(lambda asked, client: [nxdomain()]) as server:
        resolver = Resolver(kind=ResolverKind.UDP, endpoint=server.text)
        outcome = await ask_plainly(resolver, Vantage())
        assert ("special_address", 0) == (outcome.observation.failure, len(server.questions))


async def test_the_machines_own_resolver_may_be_at_a_special_address() -> None:
    async with DnsServer(lambda asked, client: [nxdomain()]) as server:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        outcome = await ask_plainly(resolver, Vantage())
    assert "dns_nxdomain_error" == outcome.observation.failure


async def test_a_resolver_that_is_no_address_is_a_failure() -> None:
    resolver = Resolver(kind=ResolverKind.UDP, endpoint="dns.example")
    outcome = await ask_plainly(resolver)
    assert "unknown_failure: ValueError" == outcome.observation.failure


async def answer_getaddrinfo(monkeypatch: pytest.MonkeyPatch, result: object) -> Outcome[tuple[str, ...]]:
    """Asks a platform that says this."""

    async def getaddrinfo(*_: object, **__: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return await query_platform(make_scene(), X, within())


async def test_the_platform_is_asked_where_it_alone_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("104.244.42.1", 0))
    outcome = await answer_getaddrinfo(monkeypatch, [entry, entry])
    assert (("104.244.42.1",), 0) == (outcome.value, detail_of(outcome).rcode)


async def test_the_platforms_no_is_nxdomain(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await answer_getaddrinfo(monkeypatch, socket.gaierror(socket.EAI_NONAME, "unknown"))
    assert ("dns_nxdomain_error", None) == (outcome.observation.failure, detail_of(outcome).rcode)


async def test_the_platforms_empty_yes_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "dns_no_answer" == (await answer_getaddrinfo(monkeypatch, [])).observation.failure
