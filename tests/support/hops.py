"""One hop of a measurement on loopback, in a network whose resolvers say what they are told."""

from dataclasses import dataclass, replace

from rabta_agent.hop import Hop
from rabta_agent.network import Vantage
from rabta_agent.notebook import Notebook
from rabta_agent.task import Settings
from rabta_agent.trial import Try
from rabta_agent.urls import DnsName, parse_target
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import Depth
from support.dns_server import Answer, DnsServer, addresses, nxdomain
from support.peers import Authority, Call, Peer, Script, serve_https
from support.scenes import make_contexts, make_notebook, outline, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
HONEST = serve_https(AUTHORITY.server("site.example"))
LIAR = "127.0.0.2"
FORGED = serve_https(Authority().server("site.example"))
QUICK = Settings(
    doh=(),
    udp=(),
    listen_s=0,
    dns_s=2,
    tcp_s=2,
    tls_s=2,
    quic_s=2,
    http_s=2,
    repeat_pause_s=0,
    innocuous_names=("a.example", "b.example"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one hop has seen."""

    notebook: Notebook
    won: Try | None
    peer: Peer

    @property
    def lines(self) -> list[str]:
        return outline(self.notebook.observations)

    @property
    def handshakes(self) -> list[TlsHandshake]:
        return [seen.detail for seen in self.notebook.observations if isinstance(seen.detail, TlsHandshake)]


def says(*values: str) -> Answer:
    return lambda question, client: [addresses(*values)]


DENIED: Answer = lambda question, client: [nxdomain()]  # noqa: E731 - a value, named as such


def in_turn(*scripts: Script) -> Script:
    """A script for each connection; the last goes on for all that follow."""
    left = list(scripts)

    async def script(call: Call) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(call)

    return script


async def look(
    target: str,
    *,
    system: Answer,
    public: Answer | None = None,
    control: tuple[str, ...] = (),
    depth: Depth = Depth.FULL,
    settings: Settings = QUICK,
    lab: bool = True,
    ipv6: bool = False,
    hurry_s: float | None = None,
) -> tuple[Notebook, Try | None]:
    """One hop to a target, in a network whose resolvers say this; with `hurry_s` so many seconds are left for it."""
    async with DnsServer(system) as resolver, DnsServer(public or says()) as udp:
        vantage = Vantage(lab=lab, system_resolvers=(resolver.text,))
        chosen = replace(settings, udp=(udp.text,) if public else ())
        notebook = make_notebook(CONTEXTS, chosen, vantage=vantage, depth=depth, ipv6=ipv6)
        if hurry_s is not None:
            notebook._end = within(hurry_s)
        endpoint = parse_target(target)
        assert not isinstance(endpoint, DnsName)
        return notebook, await Hop(notebook, endpoint, control=control).measure()


async def measure(
    script: Script,
    *,
    system: Answer | None = None,
    public: Answer | None = None,
    scheme: str = "https",
    host: str = "site.example",
    depth: Depth = Depth.FULL,
    settings: Settings = QUICK,
    lab: bool = True,
) -> Measured:
    """One hop to one server at 127.0.0.1."""
    async with Peer(script) as peer:
        target = f"{scheme}://{host}:{peer.port}" + ("" if scheme == "tcp" else "/")
        notebook, won = await look(
            target,
            system=system or says("127.0.0.1"),
            public=public,
            depth=depth,
            settings=settings,
            lab=lab,
        )
    return Measured(notebook=notebook, won=won, peer=peer)
