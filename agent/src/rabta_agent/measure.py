"""Measures a target once: the order of steps, and exactly which evidence a measurement holds.

The agent states facts; the collector's rules judge them and rely on what stands here.

Hops. Hop 0 is the target; a response of 301, 302, 303, 307 or 308 with a Location begins the next hop, at most ten,
with all steps from the start. The eleventh redirect, or one back to a URL of this measurement, makes its HTTP
observation fail with `http_too_many_redirects`; a Location that cannot be followed, with
`http_invalid_redirect_location_host`. A redirect is followed only from a pass that was won.

Passes. Each hop has up to three (`attempt` 1 to 3): the second at once, the third after a pause drawn between half and
one and a half times `repeat_pause_s`. A pass is won, and the hop over, when an address named by the machine's own
resolver (or by the URL) goes through all steps without a failure. What succeeds on an address that only public
resolvers named is evidence and wins nothing.

1. dns. Attempt 1 asks the machine's own resolver, one public resolver over UDP, and DoH resolvers until one answers
   (rcode present), all at once; A, and AAAA where the network has IPv6. Repeats ask the machine's own only.
   The machine's second and third resolver are asked where the one before did not answer with an address,
   `dns_nxdomain_error` or `dns_no_answer`. A name without IPv6 addresses has `dns_no_answer` for AAAA: that is no
   anomaly by itself. Who answers behind the machine's own is not asked (CHAOS `id.server`, `hostname.bind`, RFC 4892):
   many resolvers say the name of their machine, which may be the volunteer's.
   `transport` is UDP, TCP or HTTPS; unknown where the platform asked. A UDP response with `truncated` (TC) and rcode 0
   is a success, with the addresses that fitted or none. After any with `truncated` the same resolver is asked again
   over TCP, in an observation of its own. Where that one has an rcode, it is the resolver's word. Where it has none,
   nobody answers there over TCP, which is so of many an honest resolver; the addresses that fitted are then tried.
   `truncated` over TCP or HTTPS without an address is `dns_server_misbehaving`.
   `later_replies` are different UDP responses within `listen_s` of the first. The steps go on meanwhile, and the
   measurement waits for them at its end, save for those of a pass that was won over TLS, which has proved its answer:
   there they are what came before the measurement's end.
   A literal address has no dns step. In the lab, and there alone, a name in the machine's hosts file is resolved by the
   platform.
2. tcp. At most three addresses in attempt 1: the machine's own resolver's first (A and AAAA in turn), then others; one
   that DoH named is always among them. The next is tried only where the one before failed at any step. Repeats try the
   machine's own addresses, a further one only where the one before failed at tcp. An address that must never be dialled
   is a tcp observation with failure `special_address`; nothing was sent, and a URL that is such an address itself is
   not repeated.
3. tls (https), on the connection of step 2, verified, SNI the host, ALPN http/1.1. A handshake with failure `None` is
   proof of the name's owner only where `verified`.
   After a failure other than the certificate's: a new connection (a tcp observation) to the same address and a
   handshake under an innocuous name with `isolation`, unless one was answered already in this hop; another name in each
   attempt. `server_answered` there means that the address speaks TLS to who does not name the target; an alert counts.
   After a certificate failure: a new connection to the same address and a handshake under the same name, `verified` and
   `isolation` both false, which holds the certificate that was refused; once for each address in a hop.
4. http (depth full), on the connection of step 2 or 3. Not on an https address that only others named.

Time. A step begins only if its whole deadline fits into 90 seconds from the start, so a long measurement ends early but
no deadline is ever cut short. Where a step is missing after a success, time or depth kept it from being made.

Bytes. What the measurement cost both ways, with headers: see network.py. A DoH connection is paid for by the
measurement that opened it.
"""

import random

from rabta_agent.clock import Clock
from rabta_agent.hop import Hop
from rabta_agent.names import find_resolver
from rabta_agent.network import Network, Vantage
from rabta_agent.notebook import Equipment, Notebook
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.tls import TlsContexts
from rabta_agent.task import Settings, Task
from rabta_agent.urls import InvalidTarget, WebUrl, parse_url
from rabta_agent.version import agent_version
from rabta_proto.model import Measurement, NetworkContext

__all__ = ["InvalidTarget", "Prober", "Settings", "Task"]

REDIRECTS_LIMIT = 10


class Prober:
    """Makes measurements, any number at a time. `close` gives up the connections that it keeps."""

    def __init__(self, vantage: Vantage, clock: Clock, rng: random.Random) -> None:
        self._contexts = TlsContexts()
        self._equipment = Equipment(
            network=Network(vantage),
            clock=clock,
            contexts=self._contexts,
            doh=DohClient(self._contexts, find_resolver),
            rng=rng,
        )

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        """Measures a target once. Raises `InvalidTarget` for a URL that cannot be measured, and for nothing else."""
        url = parse_url(task.target)
        notebook = Notebook(self._equipment, settings, depth=task.depth, ipv6=network.ipv6 is True)
        async with notebook.open():
            await _follow_hops(notebook, url)
        return Measurement(
            target=task.target,
            platform=task.platform,
            started_at=notebook.started_at,
            duration_us=notebook.scene.elapsed_us(),
            agent_version=agent_version(),
            plan_version=task.plan_version,
            trigger=task.trigger,
            depth=task.depth,
            network=network,
            observations=notebook.observations,
            bytes_sent=notebook.meter.sent,
            bytes_received=notebook.meter.received,
        )

    async def close(self) -> None:
        """Gives up the connections to DoH resolvers."""
        await self._equipment.doh.close()


async def _follow_hops(notebook: Notebook, url: WebUrl) -> None:
    visited = {url}
    for index in range(REDIRECTS_LIMIT + 1):
        following = await Hop(notebook, url, index).measure()
        if following is None:
            return
        if following in visited:
            notebook.end_redirects("loop")
            return
        visited.add(following)
        url = following
    notebook.end_redirects("")
