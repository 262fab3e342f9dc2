"""All resolvers of the country: each network's own, a public one over plain UDP, and public ones over HTTPS.

A public resolver serves every network, and knows an asker's by the source address; a network that is shut gets nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

from lab.atlas import PUBLIC_DOH, PUBLIC_UDP, Atlas, Network
from lab.authority import Authority
from lab.censor import Censor
from lab.doh import DohServer
from lab.names import Says, honest, on_the_path, own
from support.dns_server import DnsQuestion, DnsReply, DnsServer


class Resolvers:
    """Started and ended together."""

    def __init__(self, atlas: Atlas, censors: Mapping[str, Censor], authority: Authority) -> None:
        self._atlas = atlas
        self._censors = censors
        self._own = {n.id: DnsServer(_Speaker(atlas, censors, own, only=n), host=n.resolver) for n in atlas.networks}
        self._public = DnsServer(_Speaker(atlas, censors, on_the_path), host=PUBLIC_UDP)
        over_https = _Speaker(atlas, censors, honest)
        self._doh = [DohServer(host, over_https, authority.server(host)) for host in PUBLIC_DOH]

    def of(self, network: Network) -> str:
        return self._own[network.id].text

    @property
    def udp(self) -> tuple[str, ...]:
        return (self._public.text,)

    @property
    def doh(self) -> tuple[str, ...]:
        return tuple(server.url for server in self._doh)

    async def start(self) -> None:
        for server in (*self._own.values(), self._public):
            await server.start()
        for over_https in self._doh:
            await over_https.listener.open()

    async def end(self) -> None:
        await asyncio.gather(*(server.end() for server in (*self._own.values(), self._public)))
        await asyncio.gather(*(server.listener.end() for server in self._doh))


class _Speaker:
    """Answers for one kind of resolver. `only`: whose it is, which a stranger's source address does not change."""

    def __init__(self, atlas: Atlas, censors: Mapping[str, Censor], says: Says, *, only: Network | None = None) -> None:
        self._atlas = atlas
        self._censors = censors
        self._says = says
        self._only = only

    def __call__(self, question: DnsQuestion, client: str) -> Sequence[DnsReply]:
        network = self._only or self._atlas.network_at(client) or self._atlas.abroad[0]
        censor = self._censors[network.id]
        return [] if censor.shut else self._says(self._atlas, network, censor, question)
