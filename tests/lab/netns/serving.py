"""Every server of the hard lab, in one process with sockets in many namespaces: `python -m lab.netns.serving FILE`.

Started in the core. Says `ready` once all of them listen, and ends at SIGTERM or with its starter. FILE is what
`write_plan` wrote.
"""

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from lab.authority import Authorities
from lab.doh import DohServer
from lab.listening import Listener
from lab.netns.middlebox import Middlebox
from lab.netns.namespaces import inside
from lab.netns.rules import INJECTED, INJECTOR_PORT
from lab.netns.tunnel import End
from lab.netns.world import PUBLIC_DOH, PUBLIC_UDP, Network, World
from lab.netns.zones import honest, injected, own
from lab.scenario import CensorKind, Controls, Scenario, Scheme, SiteKind, Vantage
from lab.sites.servers import Servers
from support.dns_server import DnsServer


def write_plan(world: World, path: Path, authorities: Path) -> None:
    """What another process must know of a world."""
    rows = [
        {key: getattr(row, key) for key in ("id", "scheme", "site", "censor", "vantage", "controls", "rate")}
        for row in world.scenarios
    ]
    path.write_text(json.dumps({"tag": world.tag, "authorities": str(authorities), "scenarios": rows}), "utf-8")


def read_plan(path: Path) -> tuple[World, Authorities]:
    plan = json.loads(path.read_text("utf-8"))
    scenarios = tuple(_read_scenario(**row) for row in plan["scenarios"])
    return World(tag=plan["tag"], scenarios=scenarios), Authorities.load(Path(plan["authorities"]))


def _read_scenario(*, id: str, scheme: str, site: str, censor: str, vantage: str, controls: str, rate: int) -> Scenario:
    """A scenario without what must be said of it, which changes nothing on the wire."""
    return Scenario(
        id=id,
        title="",
        scheme=Scheme(scheme),
        site=SiteKind(site),
        censor=CensorKind(censor),
        vantage=Vantage(vantage),
        controls=Controls(controls),
        rate=rate,
        labs=frozenset(),
        states=(),
        mechanisms=(),
    )


async def serve(plan: Path) -> None:
    world, authorities = read_plan(plan)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for network in world.networks:
            await _open_network(world, network, stack)
        await _open_resolvers(world, authorities, stack)
        await stack.enter_async_context(Servers(world.sites, authorities, world.is_inside))
        print("ready", flush=True)
        await stop.wait()


async def _open_network(world: World, network: Network, stack: AsyncExitStack) -> None:
    """What a network's router has. Nothing runs beside this until all is open, so sockets land where they must."""
    router = world.router(network)
    blocks = world.blocks(network)
    middlebox = Middlebox(world, router, blocks)
    with inside(router):
        await stack.enter_async_context(DnsServer(own(world, network), host=network.resolver, port=53))
        if any(block.kind in INJECTED for block in blocks):
            await stack.enter_async_context(DnsServer(injected(world, network), host="0.0.0.0", port=INJECTOR_PORT))
        await _open(middlebox.listener, stack)
    if network.vantage is Vantage.VPN:
        for number in range(1, 1 + network.agents):
            _open_tunnel(world, network, number, stack)


def _open_tunnel(world: World, network: Network, number: int, stack: AsyncExitStack) -> None:
    agent, gate = network.agent(number), network.gate(number)
    for end in (
        End(world.home(network, number), "tun0", agent, gate),
        End(world.router(network), f"vpn{number}", gate, agent),
    ):
        end.start()
        stack.callback(end.end)


async def _open_resolvers(world: World, authorities: Authorities, stack: AsyncExitStack) -> None:
    """The public ones."""
    answer = honest(world)
    await stack.enter_async_context(DnsServer(answer, host=PUBLIC_UDP, port=53))
    for host in PUBLIC_DOH:
        server = DohServer(host, answer, authorities.usual.server(host))
        server.listener.port = 443
        await _open(server.listener, stack)


async def _open(listener: Listener, stack: AsyncExitStack) -> None:
    await listener.open()
    stack.push_async_callback(listener.end)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
