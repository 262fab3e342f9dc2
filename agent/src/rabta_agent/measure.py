"""Measures a target once: the order of steps, and exactly which evidence a measurement holds.

The agent states facts; the collector's rules judge them and rely on what stands here.

Targets. https: steps 1 to 4. http: 1, 2 and 4. quic: 1 and 5, no TCP. tcp: 1 and 2, the connection is closed at once.
tls: steps 1 to 3. openvpn, ikev2, wireguard: 1 and 6; openvpn+tcp, tor, ech: 1, 2 and 6.
dns: 1 alone; a pass is won where the machine's own resolver gave an address, whatever that is.

Hops. Hop 0 is the target; a response of 301, 302, 303, 307 or 308 with a Location begins the next hop, at most ten,
with all steps from the start. The eleventh redirect, or one back to a URL of this measurement, makes its HTTP
observation fail with `http_too_many_redirects`; a Location that cannot be followed, with
`http_invalid_redirect_location_host`. A redirect is followed only from a pass that was won, and to http or https.

Passes. Each hop has up to three (`attempt` 1 to 3): the second at once, the third after a pause drawn between half and
one and a half times `repeat_pause_s`. A pass is won, and the hop over, when an address named by the machine's own
resolver (or by the URL) goes through all steps without a failure. What succeeds on an address that only public
resolvers or controls named is evidence and wins nothing.

1. dns. Attempt 1 asks the machine's own resolver, one public resolver over UDP, and DoH resolvers until one answers
   (rcode present), all at once; A, and AAAA where the network has IPv6. Repeats ask the machine's own only.
   The machine's second and third resolver are asked where the one before did not answer with an address,
   `dns_nxdomain_error` or `dns_no_answer`. A name without IPv6 addresses has `dns_no_answer` for AAAA: that is no
   anomaly by itself. Of the machine's own, `resolver_place` says whose it is by its address, and `resolver` is empty
   unless that is a well-known public one (resolvers.py). Both are blank where the platform asked. Who answers behind it
   is not asked (CHAOS `id.server`, `hostname.bind`, RFC 4892): many resolvers say the name of their machine, which may
   be the volunteer's.
   `transport` is UDP, TCP or HTTPS; unknown where the platform asked. A UDP response with `truncated` (TC) and rcode 0
   is a success, with the addresses that fitted or none. After any with `truncated` the same resolver is asked again
   over TCP, in an observation of its own. Where that one has an rcode, it is the resolver's word. Where it has none,
   nobody answers there over TCP, which is so of many an honest resolver; the addresses that fitted are then tried.
   `truncated` over TCP or HTTPS without an address is `dns_server_misbehaving`.
   `later_replies` are different UDP responses within `listen_s` of the first. The steps go on meanwhile, and the
   measurement waits for them at its end, save for those of a pass that was won over TLS or QUIC, which has proved its
   answer: there they are what came before the measurement's end.
   A literal address has no dns step. In the lab, and there alone, a name in the machine's hosts file is resolved by the
   platform.
   Which addresses are tried. At most four in attempt 1, in this order: the machine's own (A and AAAA in turn), what DoH
   named, what the plan has from controls (for hops to the target's own host; IPv6 only where the network has it), what
   the public resolver named. Places are kept for one of the machine's own of each family, for one that DoH named (of
   IPv4 if it can be), for one of the controls', and then for a second of the machine's own and for either family.
   The next is tried only where the one before failed at any step; of those that others named, the controls' also where
   one before worked. Repeats try the machine's own addresses, at most three: a further one of the same family where the
   one before failed at tcp, and the other family in any case. IPv4 and IPv6 fail each for itself.
   `source` is who named an address first: the machine's own resolver, the public one over UDP (if DoH named it too),
   DoH, controls, the public one alone.
2. tcp. One connection to one address. An address that must never be dialled is a tcp (or quic) observation with failure
   `special_address`; nothing was sent, and a URL that is such an address itself is not repeated.
   A public address of the volunteer's own network is `permission_denied`, and nothing was sent there either.
3. tls (https), on the connection of step 2, verified, SNI the host, ALPN http/1.1. A handshake with failure `None` is
   proof of the name's owner only where `verified`: by the authority that the plan has for a tls target, if it has one.
   After a failure other than the certificate's: a new connection (a tcp observation) to the same address and a
   handshake under an innocuous name with `isolation`, unless one was answered already in this hop; in each pass at most
   once at the machine's own addresses and once at others', another name in each. `server_answered` there means that the
   address speaks TLS to who does not name the target; an alert counts.
   Where it was answered, once in the hop: a new connection to the same address and a handshake under the target's name
   with `split`, verified as usual. It is the same question in another form, no repeat: a success wins nothing, and a
   failure is none of the pass's. `split` and `verified` together mean that the filter does not reassemble segments.
   After a certificate failure: a new connection to the same address and a handshake under the same name, `verified` and
   `isolation` both false, which holds the certificate that was refused; once for each address in a hop.
4. http (depth full), on the connection of step 2 or 3. Not on an https address that only others named.
5. quic (quic). One handshake with one address, verified, SNI the host, ALPN h3. After the hop's first failure that is
   neither the certificate's nor `special_address`: one handshake with the same address under an innocuous name with
   `isolation`, not verified. Silence there too says that UDP does not pass, to this address or at all.

6. transfer (depth transfer, where the plan names an object, and only after all of the above went well). One observation
   for each timed read, its connection and handshake included; rounds.py has which, and in which order.

6. vpn. One first message of the protocol to one address, said again over UDP while nobody answers (probes/vpn.py).
   tor, ech: a ClientHello written by hand, of which ServerHello is the answer; ech's has GREASE Encrypted Client Hello.
   After its failure, at once: a new connection (a tcp observation) to the same address and the same hello without it,
   `protocol` TLS. It is the question's other half, no repeat: it wins nothing, and its failure is none of the pass's.

7. trace (depth trace, which is a measurement of its own and holds nothing else; tracing.py). One observation for each
   name, the innocuous one with `isolation` first: connections to the address that was cut off, one after the other,
   whose first words may pass so many routers and no more.

A literal address is never isolated: it was named to nobody.

Captive portal. After a measurement that won no pass in its last hop, ran into too many redirects, or was sent to
another site over plain http, the plan's `portal_check` is asked: an http URL that answers 204. `network.captive_portal`
is true where anything else came over HTTP, false where 204 came, `None` where neither came or nothing was asked: no
check is made after a success. An answer holds for a minute. Its bytes are counted; it is no observation.

Network. `network.changed` says whether the interface or the source address towards the Internet (of IPv6, its first 64
bits) was another at the end than at the beginning; `None` in the lab and off line.

Time. A step begins only if its whole deadline fits into 90 seconds from the start, so a long measurement ends early but
no deadline is ever cut short; nor does one begin once the measurement has cost MEASUREMENT_MOST_BYTES (ceilings.py), or
what the day has left where that is less. A repeat begins only if all steps fit up to the furthest that failed in the
pass before. Where a step is missing after a success, time, bytes or depth kept it from being made.

Bytes. What the measurement cost both ways, with headers: see network.py. A DoH connection is paid for by the
measurement that opened it.
"""

import random
from dataclasses import replace

from rabta_agent.clock import Clock
from rabta_agent.context import NetworkIdentity, has_changed, identify_network
from rabta_agent.cutoff import Cutoff
from rabta_agent.hop import Hop, measure_name
from rabta_agent.names import find_means
from rabta_agent.network import Network, Vantage
from rabta_agent.notebook import Equipment, Notebook
from rabta_agent.portal import PortalCheck
from rabta_agent.probes import quic
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.rounds import Round
from rabta_agent.task import Settings, Task
from rabta_agent.tracing import Tracing
from rabta_agent.urls import DnsName, InvalidTarget, QuicUrl, Target, WebUrl, is_elsewhere, parse_target
from rabta_agent.version import agent_version
from rabta_agent.words import tr
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth

__all__ = ["InvalidTarget", "Prober", "Settings", "Task", "parse_measurable"]

REDIRECTS_LIMIT = 10


def parse_measurable(text: str) -> Target:
    """A target that this installation can measure. Raises `InvalidTarget`."""
    target = parse_target(text)
    if isinstance(target, QuicUrl) and not quic.available():
        raise InvalidTarget(
            tr("QUIC is not installed here, so {text} cannot be measured (rabta-agent[quic] has it)", text=text)
        )
    return target


class Prober:
    """Makes measurements, any number at a time. `close` gives up the connections that it keeps."""

    def __init__(self, vantage: Vantage, clock: Clock, rng: random.Random) -> None:
        self._vantage = vantage
        self._portal = PortalCheck()
        self._contexts = TlsContexts()
        self._equipment = Equipment(
            network=Network(vantage),
            clock=clock,
            contexts=self._contexts,
            doh=DohClient(self._contexts, find_means),
            rng=rng,
        )

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        """Measures a target once. Raises `InvalidTarget` for one that cannot be measured, and for nothing else.

        Of `network`, what a measurement alone can tell is filled in: the captive portal, and whether it changed.
        """
        target = parse_measurable(task.target)
        notebook = Notebook(
            self._equipment,
            settings,
            depth=task.depth,
            ipv6=network.ipv6 is True,
            byte_limit=task.byte_limit,
            authority=task.authority,
        )
        before = identify_network(self._vantage)
        async with notebook.open():
            clean = await _measure(notebook, target, task.control_addresses)
            if clean and task.transfer is not None and task.depth is Depth.TRANSFER:
                await Round(notebook=notebook, task=task.transfer).run()
            portal = None if clean else await self._portal.look(notebook, before)
        return self._conclude(task, notebook, replace(network, captive_portal=portal), before)

    async def trace(self, task: Task, cutoff: Cutoff, settings: Settings, network: NetworkContext) -> Measurement:
        """Looks where on the path a target is cut off. Never raises for what the network does."""
        notebook = Notebook(
            self._equipment, settings, depth=task.depth, ipv6=network.ipv6 is True, byte_limit=task.byte_limit
        )
        before = identify_network(self._vantage)
        async with notebook.open():
            await Tracing(notebook, cutoff).run()
        return self._conclude(task, notebook, network, before)

    def _conclude(
        self, task: Task, notebook: Notebook, network: NetworkContext, before: NetworkIdentity | None
    ) -> Measurement:
        """The measurement that a notebook holds; `before`: the network that it began on."""
        changed = has_changed(before, identify_network(self._vantage))
        return Measurement(
            target=task.target,
            platform=task.platform,
            started_at=notebook.started_at,
            duration_us=notebook.scene.elapsed_us(),
            agent_version=agent_version(),
            plan_version=task.plan_version,
            request=task.request,
            trigger=task.trigger,
            depth=task.depth,
            network=replace(network, changed=changed),
            observations=notebook.observations,
            bytes_sent=notebook.meter.sent,
            bytes_received=notebook.meter.received,
        )

    async def close(self) -> None:
        """Gives up the connections to DoH resolvers."""
        await self._equipment.doh.close()


async def _measure(notebook: Notebook, target: Target, control: tuple[str, ...]) -> bool:
    """Whether all went well, and nothing in it looks like a captive portal's doing."""
    match target:
        case DnsName():
            return await measure_name(notebook, target)
        case WebUrl():
            return await _follow_hops(notebook, target, control)
        case _:
            return await Hop(notebook, target, control=control).measure() is not None


async def _follow_hops(notebook: Notebook, target: WebUrl, control: tuple[str, ...]) -> bool:
    url, visited, clean = target, {target}, True
    for index in range(REDIRECTS_LIMIT + 1):
        won = await Hop(notebook, url, index, control if url.host == target.host else ()).measure()
        if won is None or won.following is None:
            return clean and won is not None
        if won.following in visited:
            notebook.end_redirects("loop")
            return False
        clean = clean and (url.tls or not is_elsewhere(url.host, won.following.host))
        url = won.following
        visited.add(url)
    notebook.end_redirects("")
    return False
