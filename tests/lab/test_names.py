"""What an asker gets from the country's resolvers: real queries from a network's own addresses."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from lab.atlas import PAKISTAN, Network
from lab.censor import Action, Rule
from lab.country import Country

PTCL, NAYATEL = PAKISTAN.network("ptcl"), PAKISTAN.network("nayatel")
X = PAKISTAN.site("x")
SOON_S = 0.3


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    async with Country(PAKISTAN, tmp_path, collector=("127.0.0.1", 9)) as country:
        yield country


async def ask(resolver: str, network: Network, *, type_: str = "A", replies: int = 1) -> list[dns.message.Message]:
    """The first replies to a plain UDP query from one of a network's agents."""
    host, port = resolver.split(":")
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind((network.agent(1), 0))
        await loop.sock_connect(client, (host, int(port)))
        await loop.sock_sendall(client, dns.message.make_query(X.hostname, type_).to_wire())
        return [dns.message.from_wire(await loop.sock_recv(client, 4096)) for _ in range(replies)]


async def ask_over_https(country: Country, network: Network, questions: int = 1) -> list[dns.message.Message]:
    """Answers to queries that follow one another on one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    country.authorities.usual.trust(context)
    host, port = country.public_doh[0].removeprefix("https://").removesuffix("/dns-query").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, local_addr=(network.agent(1), 0))
    try:
        return [await post(reader, writer, host) for _ in range(questions)]
    finally:
        writer.close()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> dns.message.Message:
    wire = dns.message.make_query(X.hostname, "A").to_wire()
    writer.write(f"POST /dns-query HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(wire)}\r\n\r\n".encode() + wire)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200")
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return dns.message.from_wire(await reader.readexactly(length))


def addresses(message: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in message.answer for record in rrset]


@pytest.mark.parametrize("network", [PTCL, NAYATEL])
async def test_every_honest_resolver_gives_the_address_near_the_asker(country: Country, network: Network) -> None:
    answers = await ask(country.resolver(network), network)
    answers += await ask(country.public_udp[0], network)
    answers += await ask_over_https(country, network)
    assert [[network.near(X)]] * 3 == [addresses(answer) for answer in answers]


async def test_no_site_has_an_ipv6_address(country: Country) -> None:
    (answer,) = await ask(country.resolver(PTCL), PTCL, type_="AAAA")
    assert (dns.rcode.NOERROR, []) == (answer.rcode(), addresses(answer))


async def test_several_questions_are_answered_on_one_connection(country: Country) -> None:
    assert 3 == len(await ask_over_https(country, PTCL, questions=3))


@pytest.mark.parametrize(
    ("action", "rcode"), [(Action.DNS_NXDOMAIN, dns.rcode.NXDOMAIN), (Action.DNS_REFUSED, dns.rcode.REFUSED)]
)
async def test_the_networks_own_resolver_denies_the_name(country: Country, action: Action, rcode: int) -> None:
    await country.censor("ptcl", "x", Rule(action=action))
    (answer,) = await ask(country.resolver(PTCL), PTCL)
    assert (rcode, []) == (answer.rcode(), addresses(answer))


async def test_a_forged_answer_is_the_block_page_or_what_the_rule_says(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.DNS_FORGED))
    assert [PTCL.block_page] == addresses((await ask(country.resolver(PTCL), PTCL))[0])
    await country.censor("ptcl", "x", Rule(action=Action.DNS_FORGED, address="10.10.34.35"))
    assert ["10.10.34.35"] == addresses((await ask(country.resolver(PTCL), PTCL))[0])


async def test_a_silent_resolver_answers_nothing_for_that_name(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.DNS_SILENCE))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await ask(country.resolver(PTCL), PTCL)


@pytest.mark.parametrize("on_path", [False, True])
async def test_dns_over_https_and_other_networks_never_hear_the_lie(country: Country, on_path: bool) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.DNS_NXDOMAIN, on_path=on_path))
    answers = await ask_over_https(country, PTCL)
    answers += await ask(country.resolver(NAYATEL), NAYATEL) + await ask(country.public_udp[0], NAYATEL)
    assert [[PTCL.near(X)], [NAYATEL.near(X)], [NAYATEL.near(X)]] == [addresses(answer) for answer in answers]


async def test_a_resolver_that_lies_leaves_the_public_one_alone(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.DNS_NXDOMAIN))
    assert [PTCL.near(X)] == addresses((await ask(country.public_udp[0], PTCL))[0])


async def test_a_lie_on_the_path_comes_before_the_true_answer(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.DNS_NXDOMAIN, on_path=True))
    lie, truth = await ask(country.public_udp[0], PTCL, replies=2)
    assert (dns.rcode.NXDOMAIN, [PTCL.near(X)]) == (lie.rcode(), addresses(truth))


async def test_a_network_that_is_shut_has_no_names_of_any_kind(country: Country) -> None:
    await country.shut("ptcl")
    for question in (
        ask(country.resolver(PTCL), PTCL),
        ask(country.public_udp[0], PTCL),
        ask_over_https(country, PTCL),
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON_S):
                await question
