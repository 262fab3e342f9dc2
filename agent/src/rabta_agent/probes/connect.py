"""Step `tcp`: one connection (RFC 9293) to one address. One attempt, no fallback to another address."""

from rabta_agent.network import Connection
from rabta_agent.probes.step import Outcome, Scene
from rabta_proto.model import TcpConnect


async def connect(scene: Scene, endpoint: TcpConnect, deadline: float) -> Outcome[Connection]:
    """Opens a connection, which its taker closes. An address that must not be dialled is `special_address`."""
    work = scene.network.connect(endpoint.address, endpoint.port, scene.meter)
    return await scene.timed(work, lambda: endpoint, deadline)
