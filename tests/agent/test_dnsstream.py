import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.failure import StepError
from rabta_agent.network import Vantage
from rabta_agent.probes.dnsstream import RECEIVED_LIMIT, query_stream, take_message
from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.resolve import Resolver
from rabta_agent.probes.step import Outcome
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import DnsTransport, ResolverKind
from support.dns_server import Answer, addresses, cut_short, nxdomain, raw, read_question, to_wire
from support.peers import (
    Call,
    Peer,
    Script,
    close_after_hello,
    drip,
    free_port,
    reset_after_hello,
    serve_dns,
    silence,
)
from support.scenes import LAB, make_scene, within

X = Question(hostname="x.com", type="A")


async def ask(
    script: Script, *, seconds: float = 5.0, kind: ResolverKind = ResolverKind.SYSTEM, vantage: Vantage = LAB
) -> tuple[Outcome[tuple[str, ...]], DnsQuery]:
    """One query to a resolver that does this; what it cost is in `scene.meter`."""
    async with Peer(script) as peer:
        resolver = Resolver(kind=kind, endpoint=f"127.0.0.1:{peer.port}")
        outcome = await query_stream(make_scene(vantage), resolver, X, within(seconds))
    assert isinstance(outcome.observation.detail, DnsQuery)
    return outcome, outcome.observation.detail


def says(*values: str) -> Answer:
    return lambda question, client: [addresses(*values)]


async def test_an_answer_that_no_datagram_would_hold_is_read_whole() -> None:
    values = tuple(f"104.244.42.{number}" for number in range(60))
    outcome, seen = await ask(serve_dns(says(*values)))
    assert (None, values, values, 0) == (outcome.observation.failure, outcome.value, seen.addresses, seen.rcode)
    assert ("x.com", "A", DnsTransport.TCP, False) == (seen.hostname, seen.query_type, seen.transport, seen.truncated)


async def test_an_answer_in_single_bytes_is_read() -> None:
    async def script(call: Call) -> None:
        question = read_question((await call.hear())[2:])
        assert question is not None
        wire = to_wire(addresses("104.244.42.1"), question)
        for byte in len(wire).to_bytes(2) + wire:
            await call.send(bytes([byte]))
            await asyncio.sleep(0)
        await call.wait_for_end()

    assert ("104.244.42.1",) == (await ask(script))[0].value


async def test_length_and_query_go_out_together() -> None:
    """RFC 7766 section 8."""
    async with Peer(close_after_hello) as peer:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=f"127.0.0.1:{peer.port}")
        await query_stream(make_scene(), resolver, X, within())
    (said,) = peer.heard
    assert len(said) == 2 + int.from_bytes(said[:2])


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reset_after_hello, "connection_reset"),
        (close_after_hello, "eof_error"),
        (drip(b"\x00\x50 half of what was announced"), "generic_timeout_error"),
        (silence, "generic_timeout_error"),
        (drip(b"\x00\x04!!!!"), "dns_server_misbehaving"),
        (drip(b"\x00\x00"), "dns_server_misbehaving"),
        (drip(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "dns_server_misbehaving"),
    ],
    ids=["reset", "closed", "half", "silent", "garbage", "nothing", "another protocol"],
)
async def test_who_does_not_answer_is_told_apart_and_has_no_rcode(script: Script, failure: str) -> None:
    outcome, seen = await ask(script, seconds=0.2)
    assert (failure, None, None) == (outcome.observation.failure, seen.rcode, outcome.value)


async def test_who_does_not_speak_tcp_refuses() -> None:
    resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=f"127.0.0.1:{free_port()}")
    outcome = await query_stream(make_scene(), resolver, X, within())
    assert "connection_refused" == outcome.observation.failure


async def test_a_no_over_tcp_is_the_resolvers_word() -> None:
    outcome, seen = await ask(serve_dns(lambda question, client: [nxdomain()]))
    assert ("dns_nxdomain_error", 3) == (outcome.observation.failure, seen.rcode)


async def test_nothing_is_cut_short_over_tcp() -> None:
    outcome, seen = await ask(serve_dns(lambda question, client: [cut_short()]))
    assert ("dns_server_misbehaving", "truncated", True) == (
        outcome.observation.failure,
        outcome.observation.failure_detail,
        seen.truncated,
    )


async def test_the_response_to_another_query_is_passed_over() -> None:
    other = bytes(12)
    outcome, _ = await ask(serve_dns(lambda question, client: [raw(other), addresses("104.244.42.1")]))
    assert ("104.244.42.1",) == outcome.value


async def test_a_resolver_without_end_costs_no_more_than_the_limit() -> None:
    """Messages that answer somebody else, one after another."""

    async def script(call: Call) -> None:
        await call.hear()
        while True:
            await call.send((b"\x00\x0c" + bytes(12)) * 1000)

    scene = make_scene()
    async with Peer(script) as peer:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=f"127.0.0.1:{peer.port}")
        outcome = await query_stream(scene, resolver, X, within())
    assert ("dns_server_misbehaving", "too long") == (outcome.observation.failure, outcome.observation.failure_detail)
    assert scene.meter.received < 8 * RECEIVED_LIMIT


async def test_a_public_resolver_at_a_special_address_is_not_dialled_and_the_machines_own_is() -> None:
    honest = serve_dns(says("104.244.42.1"))
    outcome, _ = await ask(honest, kind=ResolverKind.UDP, vantage=Vantage())
    assert "special_address" == outcome.observation.failure
    outcome, seen = await ask(honest, vantage=Vantage())
    assert (None, "") == (outcome.observation.failure, seen.resolver)


async def test_a_message_longer_than_will_be_read_is_refused_at_its_announcement() -> None:
    with pytest.raises(StepError, match="too long"):
        take_message(bytearray((RECEIVED_LIMIT - 1).to_bytes(2)))
    assert None is take_message(bytearray((RECEIVED_LIMIT - 2).to_bytes(2)))


@given(st.lists(st.binary(max_size=50), max_size=5), st.binary(max_size=1))
def test_messages_come_out_as_they_went_in(messages: list[bytes], rest: bytes) -> None:
    buffer = bytearray(b"".join(len(message).to_bytes(2) + message for message in messages) + rest)
    assert messages == [take_message(buffer) for _ in messages]
    assert None is take_message(buffer)
    assert rest == bytes(buffer)
