"""What pages came back, and whether the controls were given the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from rabta_collector.verdict import fingerprints
from rabta_collector.verdict.legs import REDIRECTS, Leg, http
from rabta_collector.verdict.once import once
from rabta_collector.verdict.pages import REFUSING_STATUSES, has_length, is_challenge, same_page, uncommon
from rabta_collector.verdict.support import Support, Voices, last_page
from rabta_proto.model import HttpRoundTrip, Observation

_NOT_A_BRAND = frozenset({"www", "com", "co", "org", "or", "net", "ne", "gov", "go", "edu", "ac"})


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Responses:
    """The responses of a measurement's legs."""

    legs: Sequence[Leg]
    target: str
    voices: Voices
    known: fingerprints.Known

    @once
    def page(self) -> HttpRoundTrip | None:
        """The response that the chain ended with."""
        return last_page(self.legs)

    @once
    def plain(self) -> list[HttpRoundTrip]:
        """Responses that no valid certificate vouches for."""
        return [http(o) for leg in self.legs for o in leg.answered if not http(o).tls]

    @property
    def as_controls(self) -> bool:
        return self.page is not None and any(same_page(self.page, other) for other in self.voices.pages)

    @property
    def status_as_controls(self) -> bool:
        return self.page is not None and any(self.page.status == other.status for other in self.voices.pages)

    @property
    def controls_agree(self) -> bool:
        """Whether all controls were given one page."""
        return all(same_page(self.voices.pages[0], other) for other in self.voices.pages[1:])

    @property
    def another(self) -> bool:
        """Whether a response is unlike the one page that the controls were given, and not by its status.

        A redirect is compared by where it leads.
        """
        works = self.voices.support is Support.WORKS and self.comparable
        alike = works and self.status_as_controls and self.controls_agree and not self.redirecting
        return alike and not self.harmless and not self.as_controls

    @property
    def comparable(self) -> bool:
        """Whether a page is known well enough, here and by controls, for a difference to say something."""
        return self.page is not None and all(map(has_length, (self.page, *self.voices.pages)))

    @property
    def redirecting(self) -> bool:
        """Whether the chain ended with a redirect that was not followed."""
        return self.page is not None and self.page.status in REDIRECTS

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
        """The host of block pages that a plain response sent on to, unless the controls were sent there, too."""
        host = fingerprints.find_block_host(page.location for page in self.plain) if self.plain else None
        return None if host is None or host in self.voices.names else host

    @property
    def block_page(self) -> str | None:
        """What marks a plain response as a block page, unless the controls were given the same."""
        found = {mark for page in self.plain if (mark := fingerprints.find_block_page(page, self.known))}
        theirs = {fingerprints.find_block_page(page, self.known) for page in self.voices.pages} if found else set()
        return min(found - theirs, default=None)

    @property
    def harmless(self) -> bool:
        """Whether a response is known for looking like a block page without being one."""
        return any(not self.known.harmless.isdisjoint(page.marks) for page in self.plain)

    @property
    def end(self) -> str:
        """The host that the chain came to."""
        return self.legs[-1].name if self.legs else ""

    @once
    def diverted(self) -> bool:
        """Whether a plain response sent on to a site of another name, where no control was sent."""
        if not any(page.status in REDIRECTS for page in self.plain):
            return False
        start, end = fingerprints.host_of(self.target), self.end
        return bool(end) and end not in self.voices.names and brand(start) != brand(end)

    @property
    def diverted_by_server(self) -> bool:
        """Whether what sent on bears an uncommon header that the site bears for controls, too."""
        sent = [leg for leg in self.legs if leg.name in self.voices.names and any(map(_sends_on, leg.answered))]
        if not sent:
            return False
        theirs = self.voices.answers_of(sent[-1].name)
        return any(uncommon(http(o)) & uncommon(page) for o in sent[-1].answered if _sends_on(o) for page in theirs)

    def alive_at(self, addresses: set[str]) -> bool:
        """Whether one of these addresses gave the page that the controls were given."""
        found = [http(o) for o in self.legs[-1].answered if http(o).address in addresses] if self.legs else []
        return any(same_page(page, other) for page in found for other in self.voices.pages)


def _sends_on(observation: Observation) -> bool:
    return http(observation).status in REDIRECTS


def brand(host: str) -> str:
    """The label by which a site is known: `bbc` of www.bbc.co.uk."""
    labels = [label for label in host.split(".")[:-1] if label not in _NOT_A_BRAND]
    return labels[-1] if labels else host
