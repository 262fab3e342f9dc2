"""A TCP connection to a collector, through a proxy where there is one: HTTP CONNECT, or SOCKS5 (RFC 1928, RFC 1929).

Through a proxy the collector's name goes to the proxy as it is, which resolves it. What a proxy says when it refuses is
passed on in one line, without credentials. Raises `OSError`, `ProxyError`, or `EOFError` where a peer closes.
"""

import asyncio
import base64
import socket
from ipaddress import ip_address

import h11

from rabta_agent.endpoint import Endpoint
from rabta_agent.proxy import Proxy, ProxyKind
from rabta_agent.strangers import in_words
from rabta_agent.words import lookup, mark, tr

ADDRESS_PATIENCE_S = 5.0  # for one address of several
_REPLIES = {  # RFC 1928, section 6
    1: mark("general failure"),
    2: mark("not allowed by its rules"),
    3: mark("network unreachable"),
    4: mark("host unreachable"),
    5: mark("connection refused"),
    6: mark("time to live expired"),
    7: mark("command not supported"),
    8: mark("address type not supported"),
}


class ProxyError(Exception):
    """A proxy that does not let us through; the message is one line."""


async def open_tunnel(endpoint: Endpoint, proxy: Proxy | None) -> socket.socket:
    """A connected socket, which its taker closes."""
    if proxy is None:
        return await _connect(endpoint.host, endpoint.port)
    try:
        opened = await _connect(proxy.host, proxy.port)
    except OSError as wrong:
        raise ProxyError(
            tr("the proxy {proxy} cannot be reached: {cause}", proxy=proxy, cause=in_words(wrong))
        ) from None
    try:
        speak = _ask_http if proxy.kind is ProxyKind.HTTP else _ask_socks
        await speak(opened, endpoint, proxy)
    except EOFError:
        opened.close()
        raise ProxyError(tr("the proxy {proxy} closed the connection", proxy=proxy)) from None
    except BaseException:
        opened.close()
        raise
    return opened


async def _connect(host: str, port: int) -> socket.socket:
    """One address after the other, in the system's order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(tr("no address"))
    for family, kind, number, _, place in found:
        opened = socket.socket(family, kind, number)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(ADDRESS_PATIENCE_S):
                await loop.sock_connect(opened, place)
        except OSError as wrong:  # TimeoutError is one
            opened.close()
            failure = wrong if str(wrong) else TimeoutError(_late())
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise failure


def _late() -> str:
    return tr("no answer within {seconds:g} s", seconds=ADDRESS_PATIENCE_S)


async def _ask_http(opened: socket.socket, endpoint: Endpoint, proxy: Proxy) -> None:
    loop, protocol = asyncio.get_running_loop(), h11.Connection(h11.CLIENT)
    headers = [("Host", endpoint.authority)]
    if proxy.user:
        pair = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {pair}"))
    request = h11.Request(method="CONNECT", target=endpoint.authority, headers=headers)
    await loop.sock_sendall(opened, protocol.send(request) + protocol.send(h11.EndOfMessage()))
    try:
        while not isinstance(event := protocol.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                protocol.receive_data(await _some(opened))
    except h11.RemoteProtocolError:
        raise ProxyError(tr("the proxy {proxy} does not speak HTTP", proxy=proxy)) from None
    if not 200 <= event.status_code < 300:
        reason = event.reason.decode("ascii", "replace").strip()
        answer = f"{event.status_code} {reason}".rstrip()[:150]
        raise ProxyError(tr("the proxy {proxy} answered: {answer}", proxy=proxy, answer=answer))


async def _ask_socks(opened: socket.socket, endpoint: Endpoint, proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    methods = b"\x00\x02" if proxy.user else b"\x00"
    await loop.sock_sendall(opened, b"\x05" + bytes([len(methods)]) + methods)
    version, method = await _exactly(opened, 2)
    if version != 5:
        raise ProxyError(tr("the proxy {proxy} does not speak SOCKS5", proxy=proxy))
    if method == 2 and proxy.user:
        await _say_who(opened, proxy)
    elif method != 0:
        wish = tr(
            "the proxy {proxy} wants another user and password"
            if proxy.user
            else "the proxy {proxy} wants a user and password",
            proxy=proxy,
        )
        raise ProxyError(wish)
    await loop.sock_sendall(opened, b"\x05\x01\x00" + _address(endpoint.host) + endpoint.port.to_bytes(2, "big"))
    version, reply, _, kind = await _exactly(opened, 4)
    if version != 5 or reply != 0:
        answer = lookup(_REPLIES.get(reply, f"reply {reply}"))
        raise ProxyError(tr("the proxy {proxy} answered: {answer}", proxy=proxy, answer=answer))
    length = {1: 4, 4: 16}.get(kind) or (await _exactly(opened, 1))[0]
    await _exactly(opened, length + 2)  # where it is bound, which is of no use


async def _say_who(opened: socket.socket, proxy: Proxy) -> None:
    user, password = proxy.user.encode(), proxy.password.encode()
    message = b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password
    await asyncio.get_running_loop().sock_sendall(opened, message)
    if (await _exactly(opened, 2))[1] != 0:
        raise ProxyError(tr("the proxy {proxy} does not take this user and password", proxy=proxy))


def _address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("idna")
        if len(name) > 255:
            raise ProxyError(tr("a name too long for SOCKS5")) from None
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


async def _some(opened: socket.socket) -> bytes:
    if data := await asyncio.get_running_loop().sock_recv(opened, 4096):
        return data
    raise EOFError


async def _exactly(opened: socket.socket, count: int) -> bytes:
    """So many bytes and none more: what follows belongs to whoever speaks next."""
    data = b""
    while len(data) < count:
        if not (part := await asyncio.get_running_loop().sock_recv(opened, count - len(data))):
            raise EOFError
        data += part
    return data
