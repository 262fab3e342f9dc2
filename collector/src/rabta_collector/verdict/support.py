"""What the controls say of the site at the time of a measurement, at the step where the measurement ended.

A control's last look before the measurement shows whether the site had worked until then, its first look after it
whether it worked since. It speaks for the site where it got through after and, where it had looked before, then too; it
speaks against it where it failed after. So a site that goes down or comes back between two looks is never called
blocked.
More than half of the controls that look decide; one that had got through before and has not looked since is awaited,
and so is one that has only just come.
A control whose own network was broken or changed meanwhile, or that ran through a VPN, does not speak; one that nobody
at all answered, where it is not known that its line worked (`Background.controls_sound`).
Controls are told apart by the epoch of their measurements, which every spool draws for itself (around.py); as each has
at most one look on either side, further ones under the same epoch are taken for other controls'.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import starmap, zip_longest

from rabta_collector.verdict.around import Around, arrange
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.legs import Leg, Manner, http, is_ipv6, something_answered
from rabta_collector.verdict.once import once
from rabta_collector.verdict.readings import Readings
from rabta_proto.model import HttpRoundTrip, Measurement
from rabta_proto.vocabulary import Step

ORDER = {Step.DNS: 0, Step.TCP: 1, Step.TLS: 2, Step.QUIC: 2, Step.VPN: 2, Step.HTTP: 3}
"""How deep a step is; QUIC has TCP's and TLS's place."""

_READINGS = Readings()
"""A control's measurement is heard for every one of an agent's around it."""


class Support(StrEnum):
    """How the controls' words come out."""

    WORKS = "works"
    FAILS = "fails"
    SPLIT = "split"  # some say this, some that
    AWAITED = "awaited"  # it had worked before; too few have looked since
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One look of one control: whether it passed the step, and how it lies about the measurement."""

    around: Around
    leg: Leg
    passed: bool

    @property
    def after(self) -> bool:
        return self.around.after


class Voice(StrEnum):
    """What one control's looks say together."""

    WORKS = "works"
    FAILS = "fails"
    CHANGED = "changed"  # it had failed, and works again
    AWAITED = "awaited"  # it had worked, and has not looked since


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Voices:
    """The controls of one measurement. `step`: where it ended, `None` where it did not. `around`: as of `Facts`."""

    controls: Sequence[Measurement]
    measurement: Measurement
    leg: Leg
    step: Step | None
    background: Background = NOTHING
    around: Sequence[Around] | None = None

    @once
    def _chains(self) -> list[tuple[tuple[Leg, ...], Around]]:
        around = arrange(self.measurement, self.controls) if self.around is None else self.around
        looks = zip(self.controls, around, strict=True)
        return [(_READINGS.of(control), around) for control, around in looks if self._speaks(control)]

    def _speaks(self, control: Measurement) -> bool:
        network = control.network
        elsewhere = network.vpn or network.captive_portal or network.changed
        return not elsewhere and (self.background.controls_sound or something_answered(control.observations))

    @once
    def _same_name(self) -> list[tuple[Leg, Around]]:
        """Of each control the leg with the name in question."""
        name, first = self.leg.name, self.leg.hop == 0
        return [
            (leg, around)
            for legs, around in self._chains
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
        """One for each look that went as far as the step in question."""
        step = self.step or Step.HTTP
        words = []
        for leg, around in self._same_name:
            passed = leg.step is None or ORDER[leg.step] > ORDER[step]
            if not passed and not leg.failed:
                continue  # it never came to that step, which is no failure
            if passed and step is Step.HTTP and not leg.answered:
                continue  # a light one: it never asked
            if not passed and self._lacks_ipv6(leg):
                continue  # no wonder that it found no address
            words.append(Word(around=around, leg=leg, passed=passed))
        return words

    def _lacks_ipv6(self, leg: Leg) -> bool:
        """Whether a control found no address because this site has IPv6 addresses alone, and it asked for none."""
        asked = leg.asked_for("AAAA")
        return bool(self.leg.own) and all(map(is_ipv6, self.leg.own)) and leg.manner is Manner.EMPTY and not asked

    @once
    def support(self) -> Support:
        voices = Counter(starmap(_voice, _pairs(self.words)))
        if not voices:
            return Support.NONE
        voices[Voice.AWAITED] += self.background.controls_to_come
        if 2 * voices[Voice.WORKS] > voices.total():
            return Support.WORKS
        if 2 * voices[Voice.FAILS] > voices.total():
            return Support.FAILS
        return Support.AWAITED if voices[Voice.AWAITED] else Support.SPLIT

    @property
    def some_passed(self) -> bool:
        """Whether a control that looked since passed the step."""
        return any(word.passed and word.after for word in self.words)

    @property
    def fail_alike(self) -> bool:
        """Whether they fail, and most of those just as the measurement does: it is the site's doing then."""
        failing = [word.leg for word in self.words if not word.passed]
        return self.support is Support.FAILS and most([self._alike(leg) for leg in failing])

    @property
    def site_s_doing(self) -> bool:
        """Whether they fail alike, or all that have looked since do, be it that others have yet to look."""
        since = [word.leg for word in self.words if word.after and not word.passed]
        return self.fail_alike or (not self.some_passed and most([self._alike(leg) for leg in since]))

    def _alike(self, leg: Leg) -> bool:
        return leg.step is self.step and leg.manner is self.leg.manner

    def answers_of(self, name: str) -> list[HttpRoundTrip]:
        """Every response that a control got from a name."""
        return [http(o) for legs, _ in self._chains for leg in legs if leg.name == name for o in leg.answered]


def _pairs(words: Sequence[Word]) -> Iterator[tuple[Word | None, Word | None]]:
    """Each control's look before and after."""
    ordered = sorted(words, key=lambda word: (word.around.nearer, word.passed))
    for control in sorted({word.around.control for word in words}):
        its = [word for word in ordered if word.around.control == control]
        yield from zip_longest([word for word in its if not word.after], [word for word in its if word.after])


def _voice(before: Word | None, after: Word | None) -> Voice:
    """What one control says; without a look since, what failed before is taken to fail still, which accuses nobody."""
    if after is None:
        return Voice.AWAITED if before and before.passed else Voice.FAILS
    if not after.passed:
        return Voice.FAILS
    return Voice.CHANGED if before and not before.passed else Voice.WORKS


def most(votes: Sequence[bool]) -> bool:
    return 2 * sum(votes) > len(votes)


def last_page(legs: Sequence[Leg]) -> HttpRoundTrip | None:
    """The response that a chain ended with; when it came is asked only of those that came on one hop and attempt."""
    answered = [o for leg in legs for o in leg.answered]
    end = max(((o.hop, o.attempt) for o in answered), default=None)
    last = [o for o in answered if (o.hop, o.attempt) == end]
    if len(last) > 1:
        return http(max(last, key=lambda o: o.offset_us))
    return http(last[0]) if last else None
