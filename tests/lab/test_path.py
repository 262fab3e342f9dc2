"""What a client's socket sees of each thing that a censor does on the path: real sockets, plain Python clients."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.atlas import PAKISTAN, Network
from lab.censor import Action, Rule
from lab.country import Country
from lab.sites.pages import BLOCKPAGE_TEXT
from support.waiting import PATIENCE_S

PTCL = PAKISTAN.network("ptcl")
NAYATEL = PAKISTAN.network("nayatel")
X = PAKISTAN.site("x")
SOON_S = 0.3  # how long a client waits before it calls a server silent


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    async with Country(PAKISTAN, tmp_path, collector=("127.0.0.1", 9)) as country:
        yield country


async def connect(country: Country, network: Network, *, address: str = "") -> socket.socket:
    """A connection from one of a network's agents to X, at the address that its network gives."""
    client = socket.socket()
    client.setblocking(False)
    client.bind((network.agent(1), 0))
    try:
        await asyncio.get_running_loop().sock_connect(client, (address or network.near(X), country.port))
    except BaseException:
        client.close()
        raise
    return client


async def speak_tls(
    country: Country, network: Network, name: str, *, verified: bool = True, address: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    country.authorities.usual.trust(context)
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    client = await connect(country, network, address=address)
    return await asyncio.open_connection(sock=client, ssl=context, server_hostname=name)


async def hello_and_then(country: Country, network: Network, name: str) -> bytes:
    """What comes back after a ClientHello: asyncio's own TLS would call a FIN a reset."""
    client = await connect(country, network)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), hello := ssl.MemoryBIO(), server_hostname=name
    )
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return await say(client, hello.read())


async def say(client: socket.socket, words: bytes) -> bytes:
    """All that comes back until the server closes."""
    loop, answer = asyncio.get_running_loop(), b""
    with client:
        await loop.sock_sendall(client, words)
        while data := await loop.sock_recv(client, 65536):
            answer += data
    return answer


async def fetch(country: Country, network: Network) -> bytes:
    """The page of X over TLS."""
    reader, writer = await speak_tls(country, network, X.hostname)
    writer.write(f"GET / HTTP/1.1\r\nHost: {X.hostname}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


REQUEST = f"GET / HTTP/1.1\r\nHost: {X.hostname}\r\n\r\n".encode()
TLS_SERVER_HELLO = b"\x16\x03"


async def test_without_a_censor_the_page_comes_from_the_site(country: Country) -> None:
    assert X.name.encode() in await fetch(country, PTCL)


async def test_without_a_censor_plain_http_is_answered_too(country: Country) -> None:
    assert (await say(await connect(country, PTCL), REQUEST)).startswith(b"HTTP/1.1 200 OK")


async def test_refusal_is_an_rst_to_the_syn_and_only_at_that_network(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_REFUSED))
    with pytest.raises(ConnectionRefusedError):
        await connect(country, PTCL)
    assert X.name.encode() in await fetch(country, NAYATEL)


async def test_what_was_refused_is_reachable_again_once_the_rule_is_gone(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_REFUSED))
    await country.censor("ptcl", "x", Rule(action=Action.CLEAR))
    assert X.name.encode() in await fetch(country, PTCL)


async def test_a_reset_comes_on_a_connection_that_stands(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_RESET))
    client = await connect(country, PTCL)
    with pytest.raises(ConnectionResetError):
        await say(client, b"")


async def test_silence_leaves_the_syn_unanswered_and_only_for_that_network(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_SILENCE))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await connect(country, PTCL)
    assert X.name.encode() in await fetch(country, NAYATEL)


async def test_dialling_the_near_address_of_another_network_does_not_get_around_a_silence(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_SILENCE))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await connect(country, PTCL, address=NAYATEL.near(X))


async def test_a_silence_that_was_lifted_is_heard_no_more(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TCP_SILENCE))
    await country.censor("ptcl", "x", Rule(action=Action.CLEAR))
    assert X.name.encode() in await fetch(country, PTCL)


async def test_the_name_in_the_client_hello_sets_off_a_reset(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.SNI_RESET))
    with pytest.raises(ConnectionResetError):
        await hello_and_then(country, PTCL, X.hostname)


async def test_the_name_in_the_client_hello_sets_off_a_close(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.SNI_CLOSE))
    assert b"" == await hello_and_then(country, PTCL, X.hostname)


async def test_the_name_in_the_client_hello_sets_off_silence(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.SNI_SILENCE))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await hello_and_then(country, PTCL, X.hostname)


@pytest.mark.parametrize("action", [Action.SNI_RESET, Action.SNI_CLOSE, Action.SNI_SILENCE, Action.TLS_FORGED])
async def test_an_innocuous_name_at_the_same_address_is_answered_by_the_site(country: Country, action: Action) -> None:
    await country.censor("ptcl", "x", Rule(action=action))
    _, writer = await speak_tls(country, PTCL, "www.innocuous.example", verified=False)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert X.hostname.encode() in certificate
    writer.close()


@pytest.mark.parametrize("action", [Action.SNI_RESET, Action.SNI_CLOSE, Action.SNI_SILENCE])
async def test_plain_http_passes_a_censor_that_looks_at_names_in_tls(country: Country, action: Action) -> None:
    await country.censor("ptcl", "x", Rule(action=action))
    assert (await say(await connect(country, PTCL), REQUEST)).startswith(b"HTTP/1.1 200 OK")


async def test_a_client_hello_that_comes_in_pieces_is_read_all_the_same(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.SNI_RESET))
    client = await connect(country, PTCL)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), hello := ssl.MemoryBIO(), server_hostname="x.com"
    )
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    words = hello.read()
    await asyncio.get_running_loop().sock_sendall(client, words[:50])
    with pytest.raises(ConnectionResetError):
        await say(client, words[50:])


async def test_a_forged_certificate_bears_the_name_and_is_believed_by_nobody(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.TLS_FORGED))
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        await speak_tls(country, PTCL, X.hostname)


async def test_the_host_of_a_request_sets_off_a_reset(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.HOST_RESET))
    with pytest.raises(ConnectionResetError):
        await say(await connect(country, PTCL), REQUEST)


async def test_the_host_of_a_request_sets_off_a_block_page(country: Country) -> None:
    await country.censor("ptcl", "x", Rule(action=Action.HOST_BLOCKPAGE))
    assert BLOCKPAGE_TEXT.encode() in await say(await connect(country, PTCL), REQUEST)


@pytest.mark.parametrize("action", [Action.HOST_RESET, Action.HOST_BLOCKPAGE])
async def test_tls_passes_a_censor_that_looks_at_hosts(country: Country, action: Action) -> None:
    await country.censor("ptcl", "x", Rule(action=action))
    assert X.name.encode() in await fetch(country, PTCL)


async def test_bandwidth_is_held_to_the_rate_for_that_name_alone(country: Country) -> None:
    loop, rate = asyncio.get_running_loop(), 20_000

    async def seconds(network: Network) -> float:
        begin = loop.time()
        size = len(await fetch(country, network))
        assert size > 6_000
        return loop.time() - begin

    await country.censor("ptcl", "x", Rule(action=Action.THROTTLE, bytes_per_second=rate))
    held_s = 0.8 * 6_000 / rate
    assert await seconds(PTCL) > held_s
    async with asyncio.timeout(PATIENCE_S):
        while await seconds(NAYATEL) > held_s:  # a busy machine is slow at times, and a rate is at all times
            continue


async def test_a_site_that_is_down_refuses_everybody(country: Country) -> None:
    await country.take_down("x")
    for network in (PTCL, PAKISTAN.network("abroad-1")):
        with pytest.raises(ConnectionRefusedError):
            await connect(country, network)
    await country.bring_up("x")
    assert X.name.encode() in await fetch(country, PTCL)


async def test_a_shutdown_stops_connections_that_stand_and_lets_them_go_on_afterwards(country: Country) -> None:
    reader, writer = await speak_tls(country, PTCL, X.hostname)
    await country.shut("ptcl")
    writer.write(REQUEST)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await reader.readexactly(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await connect(country, PTCL, address=PAKISTAN.network("ptcl").near(PAKISTAN.site("wikipedia")))
    await country.restore("ptcl")
    async with asyncio.timeout(PATIENCE_S):
        assert X.name.encode() in await reader.read()
    writer.close()


async def test_the_block_page_has_an_address_at_each_network(country: Country) -> None:
    client = await connect(country, PTCL, address=PTCL.block_page)
    assert BLOCKPAGE_TEXT.encode() in await say(client, REQUEST)
