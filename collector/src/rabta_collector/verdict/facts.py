"""What rules may ask about a measurement, its controls, and the references that the same agent measured.

Every answer is made when it is asked for, so that a measurement without trouble costs little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rabta_collector.verdict import fingerprints
from rabta_collector.verdict.legs import REDIRECTS, Leg, Manner, Seen, http, read_legs, something_answered, tls
from rabta_collector.verdict.once import once
from rabta_collector.verdict.pages import REFUSING_STATUSES, is_challenge, same_page
from rabta_collector.verdict.support import ORDER, Support, Voices, last_page
from rabta_proto.model import HttpRoundTrip, Measurement
from rabta_proto.vocabulary import ResolverKind, Step

_NOT_A_BRAND = frozenset({"www", "com", "co", "org", "or", "net", "ne", "gov", "go", "edu", "ac"})


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Facts:
    """A measurement beside its controls (see support.py) and beside the agent's references."""

    measurement: Measurement
    controls: Sequence[Measurement] = ()
    references: Sequence[Measurement] = ()
    known: fingerprints.Known = fingerprints.OURS

    @once
    def legs(self) -> tuple[Leg, ...]:
        return read_legs(self.measurement)

    @once
    def leg(self) -> Leg:
        """The deepest leg: a chain is judged from there."""
        return self.legs[-1] if self.legs else Leg(hop=0, secure=self.measurement.target.startswith("https:"))

    @property
    def name(self) -> str:
        return self.leg.name or fingerprints.host_of(self.measurement.target) or "the target"

    # The vantage

    @property
    def offline(self) -> bool:
        """Nobody answered anything, resolvers included."""
        network = self.measurement.network
        if network.ipv4 is False and not network.ipv6:
            return True
        return not something_answered(self.measurement.observations) and any(leg.dns for leg in self.legs)

    @once
    def references_fail(self) -> bool:
        """Whether every reference that this agent measured ended at this step or before."""
        if self.step is None:
            return False
        ends = [read_legs(reference)[-1].step for reference in self.references if reference.observations]
        return bool(ends) and all(end is not None and ORDER[end] <= ORDER[self.step] for end in ends)

    # The machine's own way to the site

    @once
    def completed(self) -> tuple[Leg, ...]:
        """Legs at which the chain came to its end with an answer, on the machine's own way."""
        return tuple(leg for leg in self.legs if _ended(leg, deepest=leg is self.leg))

    @once
    def reached(self) -> bool:
        """Whether the site answered under a certificate valid for its name."""
        return any(leg.secure for leg in self.completed)

    @property
    def requested(self) -> bool:
        return any(leg.answered for leg in self.completed)

    @property
    def first_time(self) -> bool:
        """Whether nothing had to be tried again."""
        return all(o.attempt <= 1 for o in self.measurement.observations)

    @once
    def step(self) -> Step | None:
        """The step at which the way ends; `None` where it does not."""
        return None if self.completed else self.leg.step

    def ends(self, step: Step, *manners: Manner) -> bool:
        """Whether the way ends at this step in one of these manners (or in any, where none is given)."""
        return self.step is step and (not manners or self.leg.manner in manners)

    # Names

    @property
    def reachable_elsewhere(self) -> bool:
        """Whether an address that only a public resolver gave showed a valid certificate: no control is needed then."""
        return bool(self.leg.elsewhere)

    @once
    def honest(self) -> frozenset[str]:
        """Addresses of the name by every account but the machine's own resolver's."""
        public = self.leg.named_by(ResolverKind.UDP, ResolverKind.DOH)
        return public.union(*(leg.named_by(*ResolverKind) for leg in self.voices.legs))

    @property
    def foreign_addresses(self) -> bool:
        """Whether others name addresses, and none of the machine's own is among them."""
        return bool(self.honest) and self.leg.own.isdisjoint(self.honest)

    @property
    def not_the_site(self) -> bool:
        """Whether a control went to the machine's own addresses, which none but its resolver names, and found no site.

        Somebody else's certificate needs no failure of the control's: no success is enough.
        """
        certificate = self.ends(Step.TLS, Manner.CERTIFICATE)
        return any(not leg.secured if certificate else bool(leg.failed) for leg in self.visited)

    @once
    def visited(self) -> list[Leg]:
        """What controls saw that went to the machine's own addresses, which none but its resolver names."""
        if not self.foreign_addresses:
            return []
        return [leg for leg in self.voices.legs if leg.own and leg.own <= self.leg.own]

    @property
    def only_own_resolver(self) -> bool:
        """Whether public resolvers, asked from the same network, name addresses and none of the machine's own."""
        public = self.leg.named_by(ResolverKind.UDP, ResolverKind.DOH)
        return bool(public) and self.leg.own.isdisjoint(public)

    @property
    def own_filtered(self) -> bool:
        return not self.leg.own.isdisjoint(fingerprints.FAMILY_FILTER_ADDRESSES)

    @property
    def own_block_page(self) -> bool:
        return not self.leg.own.isdisjoint(self.known.addresses)

    # SNI isolation

    @once
    def isolated(self) -> Seen:
        """Handshakes with an innocuous name that the server answered, on an address where the target's name failed."""
        failed = {tls(o).address for o in self.leg.tls if o.failure}
        return [o for o in self.leg.isolation if tls(o).server_answered and tls(o).address in failed]

    def by_name(self, manner: Manner) -> bool:
        """Whether a handshake failed in this manner, and the name in its ClientHello sets that off."""
        return self.ends(Step.TLS, manner) and bool(self.isolated)

    @property
    def server_spoke(self) -> bool:
        """Whether the server had begun to answer when the handshake failed."""
        return self.step is Step.TLS and any(tls(o).server_answered for o in self.leg.failed)

    # Certificates

    @property
    def certificate_as_controls(self) -> bool:
        """Whether the controls were shown the same certificate, or one with the same key."""
        mine = _keys(self.leg)
        return bool(mine) and any(mine & _keys(leg) for leg in self.voices.legs)

    # Pages

    @once
    def page(self) -> HttpRoundTrip | None:
        """The response that the chain ended with."""
        return last_page(self.legs)

    @once
    def plain(self) -> list[HttpRoundTrip]:
        """Responses that no valid certificate vouches for."""
        return [http(o) for leg in self.legs for o in leg.answered if not http(o).tls]

    @property
    def page_as_controls(self) -> bool:
        return self.page is not None and any(same_page(self.page, other) for other in self.voices.pages)

    @property
    def status_as_controls(self) -> bool:
        return self.page is not None and any(self.page.status == other.status for other in self.voices.pages)

    @property
    def controls_agree(self) -> bool:
        """Whether all controls were given one page."""
        return all(same_page(self.voices.pages[0], other) for other in self.voices.pages[1:])

    @property
    def another_page(self) -> bool:
        """Whether a response is unlike the one page that the controls were given, and not by its status."""
        comparable = self.requested and self.works and self.status_as_controls and self.controls_agree
        return comparable and not self.harmless_page and not self.page_as_controls

    @property
    def refused_service(self) -> bool:
        """Whether the server says no here and yes to a control."""
        if self.page is None or self.page.status not in REFUSING_STATUSES:
            return False
        return any(page.status not in REFUSING_STATUSES for page in self.voices.pages)

    @property
    def challenged(self) -> bool:
        return self.page is not None and is_challenge(self.page)

    @property
    def block_host(self) -> str | None:
        """The host of block pages that a plain response sent on to."""
        return fingerprints.find_block_host(page.location for page in self.plain) if self.plain else None

    @property
    def block_page(self) -> str | None:
        """What marks a plain response as a block page, unless the controls were given the same."""
        found = {mark for page in self.plain if (mark := fingerprints.find_block_page(page, self.known))}
        theirs = {fingerprints.find_block_page(page, self.known) for page in self.voices.pages} if found else set()
        return min(found - theirs, default=None)

    @property
    def harmless_page(self) -> bool:
        """Whether a response is known for looking like a block page without being one."""
        return any(not self.known.harmless.isdisjoint(page.marks) for page in self.plain)

    @once
    def diverted(self) -> bool:
        """Whether a plain response sent on to a site of another name, where no control was sent."""
        if not any(page.status in REDIRECTS for page in self.plain):
            return False
        start, end = fingerprints.host_of(self.measurement.target), self.leg.name
        return bool(end) and end not in self.voices.names and _brand(start) != _brand(end)

    # The controls

    @once
    def voices(self) -> Voices:
        return Voices(controls=self.controls, measurement=self.measurement, leg=self.leg, step=self.step)

    @property
    def works(self) -> bool:
        return self.voices.support is Support.WORKS

    @property
    def fails(self) -> bool:
        return self.voices.support is Support.FAILS

    @property
    def name_gone(self) -> bool:
        """Whether neither controls nor public resolvers find an address for the name."""
        return self.fails and not self.honest


def _ended(leg: Leg, *, deepest: bool) -> bool:
    """Whether the chain came to its end at this leg, with an answer."""
    if leg.step is not None or not (deepest or leg.terminal):
        return False
    # Without a request (a light measurement) a valid handshake is an answer; a mere connection is none.
    return leg.secure or any(http(o).address in leg.own for o in leg.answered)


def _keys(leg: Leg) -> frozenset[bytes]:
    certificates = (tls(o).certificate for o in leg.tls)
    return frozenset(certificate.spki_sha256 for certificate in certificates if certificate is not None)


def _brand(host: str) -> str:
    """The label by which a site is known: `bbc` of www.bbc.co.uk."""
    labels = [label for label in host.split(".")[:-1] if label not in _NOT_A_BRAND]
    return labels[-1] if labels else host
