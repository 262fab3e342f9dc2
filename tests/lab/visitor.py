"""A plain client in the loopback lab: sockets, ssl and DNS messages of the standard kind, no code of the agent."""

import asyncio
import contextlib
import socket
import ssl

import dns.message

from lab.atlas import Network
from lab.loopback import LoopbackLab
from lab.scenario import Scenario

SOON_S = 0.3  # how long it waits for what must not come before it calls a server silent
IN_TIME_S = 60.0


class Visitor:
    """Wants the site of a scenario: from its vantage, or from another network where one is given."""

    def __init__(self, lab: LoopbackLab, scenario: Scenario) -> None:
        self.country = lab.country
        self.home = self.country.atlas.network(scenario.vantage)
        self.abroad = self.country.atlas.network("control-1")
        self.site = self.country.atlas.site(scenario.host)

    async def connect(
        self, network: Network | None = None, *, place: int = 0, near: Network | None = None, within: float = IN_TIME_S
    ) -> socket.socket:
        """A connection to the site's address near the network, or near another. Raises `TimeoutError` for silence."""
        network = network or self.home
        client = socket.socket()
        client.setblocking(False)
        client.bind((network.agent(1), 0))
        address = (near or network).near(self.site, place)
        try:
            async with asyncio.timeout(within):
                await asyncio.get_running_loop().sock_connect(client, (address, self.country.port))
        except BaseException:
            client.close()
            raise
        return client

    async def say(self, words: bytes, network: Network | None = None, *, within: float = IN_TIME_S) -> bytes:
        """All that comes back until the server closes."""
        loop, answer = asyncio.get_running_loop(), b""
        with await self.connect(network) as client:
            await loop.sock_sendall(client, words)
            async with asyncio.timeout(within):
                while data := await loop.sock_recv(client, 65536):
                    answer += data
        return answer

    async def get(self, network: Network | None = None, *, within: float = IN_TIME_S) -> bytes:
        """The response of the site over plain HTTP."""
        request = f"GET / HTTP/1.1\r\nHost: {self.site.hostname}\r\n\r\n"
        return await self.say(request.encode(), network, within=within)

    async def hello(self, name: str = "", network: Network | None = None, *, within: float = IN_TIME_S) -> bytes:
        """The first bytes that come back after a ClientHello with the site's name, or another; none for FIN."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
            ssl.MemoryBIO(), words := ssl.MemoryBIO(), server_hostname=name or self.site.hostname
        )
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        loop = asyncio.get_running_loop()
        with await self.connect(network) as client:
            await loop.sock_sendall(client, words.read())
            async with asyncio.timeout(within):
                return await loop.sock_recv(client, 65536)

    async def certificate_error(self, network: Network | None = None, roots: str = "") -> str:
        """Why the certificate is refused; empty where it is not."""
        context = ssl.create_default_context(cafile=roots or str(self.country.roots))
        client = await self.connect(network)
        try:
            _, writer = await asyncio.open_connection(sock=client, ssl=context, server_hostname=self.site.hostname)
        except ssl.SSLCertVerificationError as error:
            return str(error.verify_message)
        writer.close()
        return ""

    async def ask(
        self, resolver: str = "", network: Network | None = None, *, replies: int = 1
    ) -> list[tuple[int, list[str]]]:
        """Codes and addresses of the first responses to a query over UDP; the network's own resolver is asked.

        With `replies` 0 none is expected: raises `TimeoutError` soon.
        """
        host, port = (resolver or self.country.resolver(network or self.home)).split(":")
        query = dns.message.make_query(self.site.hostname, "A").to_wire()
        answers = await self.send((host, int(port)), query, network, replies=replies)
        read = map(dns.message.from_wire, answers)
        return [(one.rcode(), [record.to_text() for rrset in one.answer for record in rrset]) for one in read]

    async def send(
        self, where: tuple[str, int], words: bytes, network: Network | None = None, *, replies: int = 1
    ) -> list[bytes]:
        """The first datagrams that come back to one. With `replies` 0 none is expected: raises `TimeoutError` soon."""
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.bind(((network or self.home).agent(1), 0))
            await loop.sock_connect(client, where)
            await loop.sock_sendall(client, words)
            async with asyncio.timeout(SOON_S if replies == 0 else IN_TIME_S):
                return [await loop.sock_recv(client, 65536) for _ in range(replies or 1)]
