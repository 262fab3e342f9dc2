"""Timed reads in the simulated country: what an agent reads against the clock, of a line that is its own. Pure.

Lines carry from 0.8 to 32 Mbit/s, evenly on a logarithmic scale, and a read gets between half and all of that, for
nobody has a line to himself (assumptions; both are below Pakistan's medians for fixed and mobile lines). What is held
down is so after a first burst, whatever the line. Rounds are the agent's own: reads under the target's name and an
innocuous one in turns, as long as the plan's deadline has them last, four of them, and four more where these look
suspicious (agent's rounds.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from urllib.parse import urlsplit

from rabta_agent.rounds import SUSPICIOUS
from rabta_collector.catalogue import Deadlines
from rabta_proto.model import Measurement, Observation, Transfer
from sim.dice import Dice
from sim.land import Agent
from sim.sights import Sight
from support.timed import HELD, KINDS, ROUND, read

SLOWEST, FASTEST = 100_000.0, 4_000_000.0
SHARED = 0.5
OVERHEAD = 1.1  # headers of packets, and of TLS
HANDSHAKE_BYTES = 5_000
CLEAN = (Sight.WORKS, Sight.SLOW)


def reads_of(
    agent: Agent, url: str, sight: Sight, at: float, dice: Dice, *, asked: bool, most: int = 0
) -> tuple[Transfer, ...]:
    """A round begun at a moment; none where anything failed before it. `asked`: with half the patience.

    `most`: no more than so many of its reads; 0: all.
    """
    if sight not in CLEAN:
        return ()
    stream = dice.stream("reads", agent.id, url, at)
    line = exp(dice.between(log(SLOWEST), log(FASTEST), "line", agent.id))
    rates = [
        (letter, min(rate, HELD) if sight is Sight.SLOW and letter == "A" else rate)
        for letter in ROUND
        for rate in [line * stream.uniform(SHARED, 1.0)]
    ]
    seconds = Deadlines().transfer_s / (2 if asked else 1)
    return tuple(
        _read(url, turn, *one, seconds) for turn, one in enumerate(_until_clear(rates)[: most or None], start=1)
    )


def _until_clear(rates: Sequence[tuple[str, float]]) -> Sequence[tuple[str, float]]:
    """The first half suffices where it shows nothing."""
    half = rates[: len(rates) // 2]
    own, other = ([rate for letter, rate in half if letter == kind] for kind in "AB")
    return rates if max(own) < SUSPICIOUS * min(other) else half


def _read(url: str, turn: int, letter: str, rate: float, seconds: float) -> Transfer:
    made = read(KINDS[letter], rate, turn=turn, seconds=seconds)
    return replace(made, url=url, server_name=urlsplit(url).hostname or "") if letter == "A" else made


def reads_last_s(reads: Sequence[Transfer]) -> float:
    return sum(((one.connect_us or 0) + (one.handshake_us or 0) + (one.read_us or 0)) / 1e6 for one in reads)


def reads_cost_bytes(reads: Sequence[Transfer]) -> float:
    return sum(HANDSHAKE_BYTES + OVERHEAD * one.body_bytes for one in reads)


def with_reads(measurement: Measurement, reads: Sequence[Transfer]) -> Measurement:
    """The measurement with its round at the end; it lasts as long already."""
    observations, offset_us = list(measurement.observations), measurement.duration_us - int(reads_last_s(reads) * 1e6)
    for one in reads:
        duration_us = int(reads_last_s([one]) * 1e6)
        observations.append(Observation(detail=one, offset_us=max(0, offset_us), duration_us=duration_us))
        offset_us += duration_us
    return replace(measurement, observations=tuple(observations))
