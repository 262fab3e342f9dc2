"""Through proxies to where we want, and what they say when they do not let us."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from rabta_agent.endpoint import Endpoint
from rabta_agent.proxy import Proxy, ProxyKind
from rabta_agent.tunnel import ProxyError, open_tunnel
from support.proxies import FakeProxy, proxying

NAMES = {"collector.example": "127.0.0.1"}


@pytest.fixture
async def echo() -> AsyncIterator[Endpoint]:
    """A server that says what it hears, under a name that only the proxy knows."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Endpoint(host="collector.example", port=server.sockets[0].getsockname()[1], tls=True)
    server.close()


def towards(proxy: FakeProxy, *, socks: bool, user: str = "", password: str = "") -> Proxy:
    kind = ProxyKind.SOCKS5 if socks else ProxyKind.HTTP
    return Proxy(kind=kind, host="127.0.0.1", port=proxy.port, user=user, password=password)


async def say(endpoint: Endpoint, proxy: Proxy | None) -> bytes:
    with contextlib.closing(await open_tunnel(endpoint, proxy)) as tunnel:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(tunnel, b"hello")
        return await loop.sock_recv(tunnel, 100)


@pytest.mark.parametrize("socks", [False, True])
@pytest.mark.parametrize("user", ["", "us3r"])
async def test_the_proxy_resolves_the_name_and_the_bytes_get_through(echo: Endpoint, socks: bool, user: str) -> None:
    password = "s3cret" if user else ""
    async with proxying(FakeProxy(names=NAMES, user=user, password=password), socks=socks) as proxy:
        assert b"hello" == await say(echo, towards(proxy, socks=socks, user=user, password=password))
    assert [echo.authority] == proxy.asked


async def test_without_a_proxy_it_is_a_connection(echo: Endpoint) -> None:
    assert b"hello" == await say(Endpoint(host="127.0.0.1", port=echo.port, tls=True), None)


@pytest.mark.parametrize(
    ("socks", "refusal", "user", "message"),
    [
        (False, "403 Forbidden", "", "answered: 403 Forbidden"),
        (False, "", "wrong", "answered: 407 Proxy Authentication Required"),
        (True, "2", "", "answered: not allowed by its rules"),
        (True, "99", "", "answered: reply 99"),
    ],
)
async def test_what_a_proxy_refuses_with_is_passed_on(socks: bool, refusal: str, user: str, message: str) -> None:
    fake = FakeProxy(names=NAMES, refusal=refusal, user="right" if user else "", password="right")
    async with proxying(fake, socks=socks) as proxy:
        with pytest.raises(ProxyError, match=message) as raised:
            await say(
                Endpoint(host="collector.example", port=1, tls=True),
                towards(proxy, socks=socks, user=user, password="s3cret"),
            )
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("user", "message"), [("", "wants a user and password"), ("us3r", "does not take this user and password")]
)
async def test_a_socks_proxy_that_wants_another_password_is_named(user: str, message: str) -> None:
    async with proxying(FakeProxy(names=NAMES, user="us3r", password="right"), socks=True) as proxy:
        with pytest.raises(ProxyError, match=message):
            await say(
                Endpoint(host="collector.example", port=1, tls=True),
                towards(proxy, socks=True, user=user, password="s3cret" if user else ""),
            )


@pytest.mark.parametrize("socks", [False, True])
async def test_what_is_no_proxy_is_named(socks: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    kind = ProxyKind.SOCKS5 if socks else ProxyKind.HTTP
    proxy = Proxy(kind=kind, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    with pytest.raises(ProxyError, match="does not speak"):
        await say(Endpoint(host="collector.example", port=1, tls=True), proxy)
    server.close()
    with pytest.raises(ProxyError, match=r"cannot be reached: .*refused"):
        await say(Endpoint(host="collector.example", port=1, tls=True), proxy)
