"""What the controls say of the site at the time of a measurement, at the step where the measurement ended.

A control that began after the measurement shows whether the site worked since; one that began before it shows whether
it had worked until then. The site worked at the time when most of those after passed the step and, where there are any
before, most of those did too. So a site that goes down or comes back between two looks is never called blocked.
A control whose own network was broken, or that ran through a VPN, does not speak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rabta_collector.verdict.legs import Leg, http, read_legs, something_answered
from rabta_collector.verdict.once import once
from rabta_proto.model import HttpRoundTrip, Measurement, Observation
from rabta_proto.vocabulary import Step

ORDER = {Step.DNS: 0, Step.TCP: 1, Step.TLS: 2, Step.HTTP: 3}


class Support(StrEnum):
    """How the controls' words come out."""

    WORKS = "works"
    FAILS = "fails"
    SPLIT = "split"  # some say this, some that
    AWAITED = "awaited"  # it had worked before; none has looked since
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What one control says: whether it passed the step, and whether it began after the measurement."""

    leg: Leg
    passed: bool
    after: bool


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Voices:
    """The controls of one measurement. `step`: where it ended, `None` where it did not."""

    controls: Sequence[Measurement]
    measurement: Measurement
    leg: Leg
    step: Step | None

    @once
    def _chains(self) -> list[tuple[tuple[Leg, ...], Measurement]]:
        return [(read_legs(control), control) for control in self.controls if _speaks(control)]

    @once
    def _same_name(self) -> list[tuple[Leg, Measurement]]:
        """Of each control the leg with the name in question."""
        name, first = self.leg.name, self.leg.hop == 0
        return [
            (leg, control)
            for legs, control in self._chains
            for leg in legs
            if (leg.name == name if name else first and leg.hop == 0)
        ]

    @property
    def legs(self) -> list[Leg]:
        return [leg for leg, _ in self._same_name]

    @property
    def names(self) -> frozenset[str]:
        """Every name that a control was sent to."""
        return frozenset(leg.name for legs, _ in self._chains for leg in legs)

    @once
    def pages(self) -> list[HttpRoundTrip]:
        """The responses that the controls ended with."""
        return [page for legs, _ in self._chains if (page := last_page(legs)) is not None]

    @once
    def words(self) -> list[Word]:
        """One for each control that went as far as the step in question."""
        step, start = self.step or Step.HTTP, self.measurement.started_at
        words = []
        for leg, control in self._same_name:
            passed = leg.step is None or ORDER[leg.step] > ORDER[step]
            if not passed and not leg.failed:
                continue  # it never came to that step, which is no failure
            if passed and step is Step.HTTP and not leg.answered:
                continue  # a light one: it never asked
            words.append(Word(leg=leg, passed=passed, after=control.started_at >= start))
        return words

    @once
    def support(self) -> Support:
        before = [word.passed for word in self.words if not word.after]
        after = [word.passed for word in self.words if word.after]
        if not after:
            return Support.NONE if not before else Support.AWAITED if most(before) else Support.FAILS
        if most(after):
            return Support.WORKS if not before or most(before) else Support.SPLIT
        return Support.FAILS if most([not passed for passed in after]) else Support.SPLIT

    @property
    def some_passed(self) -> bool:
        """Whether a control that looked since passed the step."""
        return any(word.passed and word.after for word in self.words)

    @property
    def fail_alike(self) -> bool:
        """Whether they fail, and most of those just as the measurement does: it is the site's doing then."""
        failing = [word.leg for word in self.words if not word.passed]
        alike = [leg.step is self.step and leg.manner is self.leg.manner for leg in failing]
        return self.support is Support.FAILS and most(alike)


def most(votes: Sequence[bool]) -> bool:
    return 2 * sum(votes) > len(votes)


def last_page(legs: Sequence[Leg]) -> HttpRoundTrip | None:
    """The response that a chain ended with."""

    def place(observation: Observation) -> tuple[int, int, int]:
        return observation.hop, observation.attempt, observation.offset_us

    answered = [o for leg in legs for o in leg.answered]
    return http(max(answered, key=place)) if answered else None


def _speaks(control: Measurement) -> bool:
    network = control.network
    return not network.vpn and not network.captive_portal and something_answered(control.observations)
