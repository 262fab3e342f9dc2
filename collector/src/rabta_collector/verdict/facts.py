"""What rules may ask about a measurement, its controls, and what else is known of its agent.

Every answer is made when it is asked for, so that a measurement without trouble costs little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rabta_collector.verdict import fingerprints
from rabta_collector.verdict.around import Around
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.certificates import Certificates
from rabta_collector.verdict.legs import (
    Leg,
    Scheme,
    Seen,
    address_of,
    http,
    is_ipv6,
    read_legs,
    scheme_of,
    something_answered,
    tcp,
    tls,
)
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.naming import Naming
from rabta_collector.verdict.once import once
from rabta_collector.verdict.reads import Reads
from rabta_collector.verdict.responses import Responses, brand
from rabta_collector.verdict.support import ORDER, Support, Voices
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Step

_WEB_PORTS = (80, 443)


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Facts:
    """A measurement beside its controls (support.py), its agent's references, and what else is known (background.py).

    `naming` holds what resolvers said, `responses` the pages that came back. `around`: how the controls lie about it;
    `None`: as their times say.
    """

    measurement: Measurement
    controls: Sequence[Measurement] = ()
    references: Sequence[Measurement] = ()
    known: fingerprints.Known = fingerprints.OURS
    background: Background = NOTHING
    around: Sequence[Around] | None = None

    @once
    def legs(self) -> tuple[Leg, ...]:
        return read_legs(self.measurement)

    @once
    def leg(self) -> Leg:
        """The deepest leg: a chain is judged from there."""
        return self.legs[-1] if self.legs else Leg(hop=0, scheme=scheme_of(self.measurement.target))

    @property
    def name(self) -> str:
        return self.leg.name or fingerprints.host_of(self.measurement.target) or "the target"

    @once
    def naming(self) -> Naming:
        return Naming(leg=self.leg, voices=self.voices, background=self.background)

    @once
    def responses(self) -> Responses:
        return Responses(legs=self.legs, target=self.measurement.target, voices=self.voices, known=self.known)

    @once
    def reads(self) -> Reads:
        """Timed reads, which say something only where the site was reached."""
        return Reads(measurement=self.measurement, controls=self.controls)

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
        """Whether every reference that this agent measured went as wrong as this, or more so."""
        if (self.reached and not self.diverted) or not self.references:
            return False
        if self.requested and self.responses.as_controls:
            return False
        step = self.step or Step.HTTP
        told = [_went_wrong(reference, step) for reference in self.references if reference.observations]
        return bool(told) and all(told)

    @property
    def quic_works(self) -> bool:
        """Whether QUIC is known to leave this machine's network."""
        tried = (*self.leg.tls, *self.leg.isolation) if self.leg.scheme is Scheme.QUIC else ()
        return self.background.quic_works is True or any(tls(o).server_answered for o in tried)

    @property
    def lost_over_quic(self) -> bool:
        """Whether the way ends over QUIC in a manner in which networks cut UDP as a whole."""
        return self.ends(Step.QUIC, Manner.SILENCE, Manner.REFUSAL, Manner.UNREACHABLE)

    @property
    def ipv6_unsure(self) -> bool:
        """Whether nothing but IPv6 addresses failed, silently, at a machine whose IPv6 may be broken."""
        failed = self.leg.failed if self.step in (Step.TCP, Step.QUIC, Step.VPN) else []
        silent = self.leg.manner in (Manner.SILENCE, Manner.UNREACHABLE)
        if not failed or not silent or not all(is_ipv6(address_of(o)) for o in failed):
            return False
        # A machine without a route gets `unreachable` from its own kernel.
        believed = self.measurement.network.ipv6 is True and self.leg.manner is Manner.SILENCE
        works = self.background.ipv6_works
        return works is False or (works is None and not believed)

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

    @once
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

    def passes(self, scheme: Scheme) -> bool:
        """Whether the target is written so and the way does not end; of use where no certificate says whose it is."""
        return self.leg.scheme is scheme and self.step is None

    @property
    def diverted(self) -> bool:
        """Whether a plain response sent on to another site, where no control was sent, nor given the same page."""
        return self.responses.diverted and not self.responses.as_controls

    @property
    def unavailable_for_legal_reasons(self) -> bool:
        return self.requested and self.responses.page is not None and self.responses.page.status == 451

    # Names and addresses

    @property
    def named_only(self) -> bool:
        """Whether the target is a mere name or a port, and nothing failed: no certificate tells whose the answer is."""
        return self.passes(Scheme.DNS) or self.passes(Scheme.TCP)

    @property
    def address_is_believed(self) -> bool:
        """Whether a mere connection went to the site: as others say, or for want of a sign that it did not.

        Liars have a server where pages stand, and seldom elsewhere.
        """
        if self.naming.honest and not self.naming.unvouched:
            return True
        at_a_web_port = any(tcp(o).port in _WEB_PORTS for o in self.leg.tcp)
        return not self.naming.contradicted and not (self.naming.unvouched and at_a_web_port)

    @property
    def foreign_certificate(self) -> bool:
        """Whether the way ends with a certificate that does not stand for the name."""
        return self.ends(Step.TLS, Manner.CERTIFICATE) or self.ends(Step.QUIC, Manner.CERTIFICATE)

    @property
    def alive_elsewhere(self) -> bool:
        """Whether the site answered, as seen from here, at an address that others named."""
        return bool(self.leg.elsewhere) or self.responses.alive_at(self.leg.connected - self.leg.own)

    @property
    def at_a_foreign_address(self) -> bool:
        """Whether the network has the machine go to an address that nobody else gives."""
        return self.naming.network_s_word and (self.naming.foreign or self.naming.denied_by_others)

    @property
    def not_the_site(self) -> bool:
        """Whether a control went to the machine's own addresses, which none but its resolver names, and found no site.

        Somebody else's certificate needs no failure of the control's: no success is enough.
        """
        certificate = self.ends(Step.TLS, Manner.CERTIFICATE)
        return any(not leg.secured if certificate else bool(leg.failed) for leg in self.naming.visited)

    @property
    def own_address_fails(self) -> bool:
        """Whether the machine's own addresses fail, are near none that others name, and one of those works."""
        fails = self.step in (Step.TCP, Step.QUIC, Step.VPN) or (self.step is Step.TLS and not self.isolated)
        return fails and self.naming.foreign and not self.naming.others_fail and self.alive_elsewhere

    @property
    def lied_to(self) -> bool:
        """Whether the failure hangs on what the resolver said."""
        by_address = self.foreign_certificate and self.naming.unvouched
        return self.step is Step.DNS or by_address or self.own_address_fails

    @property
    def own_filtered(self) -> bool:
        return not self.leg.own.isdisjoint(fingerprints.FAMILY_FILTER_ADDRESSES)

    @property
    def own_block_page(self) -> bool:
        """Whether the machine's own resolver gave the address of a block page, and the controls' did not."""
        pages = self.leg.own & self.known.addresses  # hardly ever any: then no control has to be asked
        return bool(pages) and not pages <= self.naming.by_controls

    @property
    def name_gone(self) -> bool:
        """Whether neither controls nor public resolvers find an address for the name, but for the same lie."""
        return self.fails and not self.naming.vouched and self.naming.public <= self.leg.own

    # SNI isolation

    @once
    def isolated(self) -> Seen:
        """Handshakes with an innocuous name that the server answered, on an address where the target's name failed."""
        failed = {address_of(o) for o in self.leg.tls if o.failure}
        return [o for o in self.leg.isolation if tls(o).server_answered and address_of(o) in failed]

    def by_name(self, manner: Manner, step: Step = Step.TLS) -> bool:
        """Whether a handshake failed in this manner, and the name in its ClientHello sets that off."""
        return self.ends(step, manner) and bool(self.isolated)

    @property
    def server_spoke(self) -> bool:
        """Whether the server had begun to answer when the handshake failed."""
        return self.step in (Step.TLS, Step.QUIC) and any(tls(o).server_answered for o in self.leg.failed)

    @once
    def certificates(self) -> Certificates:
        return Certificates(measurement=self.measurement, leg=self.leg, voices=self.voices, background=self.background)

    # The controls

    @once
    def voices(self) -> Voices:
        return Voices(
            controls=self.controls,
            measurement=self.measurement,
            leg=self.leg,
            step=self.step,
            background=self.background,
            around=self.around,
        )

    @property
    def works(self) -> bool:
        return self.voices.support is Support.WORKS

    @property
    def fails(self) -> bool:
        return self.voices.support is Support.FAILS


def _ended(leg: Leg, *, deepest: bool) -> bool:
    """Whether the chain came to its end at this leg, with an answer."""
    if leg.step is not None or not (deepest or leg.terminal):
        return False
    # Without a request (a light measurement) a valid handshake is an answer; a mere connection is none.
    return leg.secure or any(http(o).address in leg.own for o in leg.answered)


def _went_wrong(reference: Measurement, step: Step) -> bool:
    """Whether a reference ended at this step or before, or was sent astray, as captive portals do."""
    legs = read_legs(reference)
    end = legs[-1].step
    if end is not None:
        return ORDER.get(end, 0) <= ORDER[step]
    plain = any(not http(o).tls for leg in legs for o in leg.answered)
    return plain and brand(legs[-1].name) != brand(fingerprints.host_of(reference.target))
