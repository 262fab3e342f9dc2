"""One measurement in the simulated country: what it shows, how long it takes, and what it costs. Pure."""

from dataclasses import dataclass

from rabta_collector.catalogue import Target
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth
from sim.dice import Dice
from sim.land import Agent
from sim.noise import clock_error_s
from sim.reading import reads_cost_bytes, reads_last_s, reads_of, with_reads
from sim.sights import Seen, cost_bytes, lasts_s, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`cost_bytes` both ways."""

    measurement: Measurement
    lasts_s: float
    cost_bytes: float


def take(
    agent: Agent, target: Target, *, at: float, seen: Seen, depth: Depth, asked: bool, dice: Dice, most_reads: int = 0
) -> Taken:
    """What an agent makes of a target from a moment on. `asked`: by "measure now". `most_reads`: 0: a whole round."""
    url = target.url
    timed = depth is Depth.TRANSFER
    reads = reads_of(agent, url, seen.sight, at, dice, asked=asked, most=most_reads) if timed else ()
    took_s = lasts_s(seen.sight, asked=asked) * dice.between(0.85, 1.15, "lasts", agent.id, url, at)
    took_s += reads_last_s(reads)
    measurement = measure(
        url=url,
        platform=target.platform,
        at=at + clock_error_s(agent, dice),
        seen=seen,
        depth=depth,
        lasts_s=took_s,
    )
    return Taken(
        measurement=with_reads(measurement, reads),
        lasts_s=took_s,
        cost_bytes=cost_bytes(url, depth, seen.sight) + reads_cost_bytes(reads),
    )
