"""Who measures what when, by the collector's own sharing out of the work. Pure.

Plans hang on nothing but an agent's place among those connected, so they are made once for each number of agents. A
turn is at `phase + k x interval` and a jitter, as the agent's schedule says (agent's schedule.py); what that schedule
keeps apart beyond it (a second between any two measurements) is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rabta_collector.catalogue import Catalogue
from rabta_collector.share import DAY_S, Share, Terms, estimate_bytes, mirror, reading_bytes, share
from rabta_proto.vocabulary import Depth
from sim.dice import Dice

FLOOR_S = 60.0
BYTES_PER_DAY = 15_000_000.0
JITTER_SHARE, JITTER_MOST_S = 0.05, 5.0

TERMS = Terms(floor_s=FLOOR_S, bytes_per_day=BYTES_PER_DAY)
CONTROL_TERMS = Terms(floor_s=FLOOR_S, bytes_per_day=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One measurement to be made."""

    at: float
    number: int
    depth: Depth


@dataclass(slots=True, kw_only=True)
class Plans:
    """The plans of a catalogue; `wanted` says of which platforms' targets (references always)."""

    catalogue: Catalogue
    wanted: frozenset[str]
    dice: Dice
    _probes: dict[int, list[tuple[Share, ...]]] = field(default_factory=dict)
    _controls: dict[int, list[tuple[Share, ...]]] = field(default_factory=dict)

    def of(self, place: int, agents: int, *, control: bool = False) -> tuple[Share, ...]:
        """The plan of an agent that is at a place among so many, in their own order."""
        made = self._controls if control else self._probes
        if agents not in made:
            made[agents] = self._make(agents, control=control)
        return made[agents][place]

    def _make(self, agents: int, *, control: bool) -> list[tuple[Share, ...]]:
        split, terms = (mirror, CONTROL_TERMS) if control else (share, TERMS)
        names = [f"{n:04}" for n in range(agents)]
        shares = split(self.catalogue.targets, dict.fromkeys(names, frozenset[str]()), terms)
        return [tuple(one for one in shares[name] if self._wants(one)) for name in names]

    def _wants(self, one: Share) -> bool:
        return not one.target.platform or one.target.platform in self.wanted

    def turn_after(self, agent: str, one: Share, moment: float) -> Turn:
        """An agent's next turn of a target."""
        return self._turn(agent, one, int((moment - one.phase_s) // one.interval_s) + 1)

    def turns_before(self, agent: str, one: Share, moment: float, count: int) -> list[Turn]:
        """Its last turns, oldest first."""
        last = int((moment - one.phase_s) // one.interval_s)
        turns = [self._turn(agent, one, last - back) for back in reversed(range(count + 1))]
        return [turn for turn in turns if turn.at < moment][-count:]

    def _turn(self, agent: str, one: Share, number: int) -> Turn:
        jitter_s = min(JITTER_SHARE * one.interval_s, JITTER_MOST_S)
        drawn = self.dice.share("jitter", agent, one.target.url, number)
        offset = int(self.dice.share("offset", agent, one.target.url) * one.full_every)
        depth = Depth.FULL if (number + offset) % one.full_every == 0 else Depth.LIGHT
        if one.transfer_every:
            reads = int(self.dice.share("reads", agent, one.target.url) * one.transfer_every)
            depth = Depth.TRANSFER if (number + reads) % one.transfer_every == 0 else depth
        return Turn(at=one.phase_s + number * one.interval_s + drawn * jitter_s, number=number, depth=depth)


def day_bytes(shares: Sequence[Share]) -> float:
    """What a plan costs an agent a day."""
    total = 0.0
    for one in shares:
        full, light = (estimate_bytes(one.target.url, depth) for depth in (Depth.FULL, Depth.LIGHT))
        total += DAY_S / one.interval_s * (full + (one.full_every - 1) * light) / one.full_every
        if one.transfer_every and one.target.transfer is not None:
            total += (
                reading_bytes([one.target]) * one.target.transfer.interval_s / (one.interval_s * one.transfer_every)
            )
    return total
