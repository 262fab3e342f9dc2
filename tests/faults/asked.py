"""How long the tests of this folder go on: few rounds in `make check`, as many as `make faults` says there.

RABTA_FAULTS_LONG      1: the long forms
RABTA_FAULTS_ROUNDS    rounds of each test that kills or cuts
RABTA_FAULTS_AGENTS    agents of a crowd, and
RABTA_FAULTS_SECONDS   for how long they send while processes are killed at random, and
RABTA_FAULTS_RATE      how many measurements a second all of them together
RABTA_FAULTS_SHARES    among how many processes the ISPs are shared that decide
RABTA_FAULTS_JOURNAL   measurements of the journal that is replayed
RABTA_FAULTS_SEED      the seed of a run that went wrong, as it printed it
"""

import os
import sys
from random import Random, SystemRandom
from typing import NamedTuple

LONG = os.environ.get("RABTA_FAULTS_LONG") == "1"
_ROUNDS = int(os.environ.get("RABTA_FAULTS_ROUNDS") or 0)
TIMEOUT_S = max(4 * 3600 if LONG else 600, 600 + 60 * _ROUNDS)  # of a whole test, whose rounds take some seconds each
PATIENCE_S = 900.0 if LONG else 120.0  # with one condition: hours see a machine at its busiest, too


def rounds(bounded: int, long: int = 200) -> int:
    """Rounds of a test."""
    return _ROUNDS or (long if LONG else bounded)


class Crowded(NamedTuple):
    """Agents that measure so much a second, all together, and for how many seconds; shares of their ISPs."""

    agents: int
    seconds: float
    rate: float
    shares: int


def crowd(bounded: Crowded, long: Crowded) -> Crowded:
    """How large a crowd is, and for how long."""
    usual = long if LONG else bounded
    asked = (os.environ.get(f"RABTA_FAULTS_{name}") for name in ("AGENTS", "SECONDS", "RATE", "SHARES"))
    agents, seconds, rate, shares = (float(one or number) for one, number in zip(asked, usual, strict=True))
    return Crowded(int(agents), seconds, rate, int(shares))


def journal_length(bounded: int, long: int = 10_000_000) -> int:
    """Measurements in the journal that is replayed."""
    return int(os.environ.get("RABTA_FAULTS_JOURNAL") or (long if LONG else bounded))


def dice(name: str) -> Random:
    """Randomness whose seed is told, so that a run can be had again."""
    seed = os.environ.get("RABTA_FAULTS_SEED") or str(SystemRandom().randrange(10**9))
    tell(name, seed=seed)
    return Random(f"{name} {seed}")


def tell(name: str, **figures: object) -> None:
    """One line of figures; pytest shows it with -s, and with the test where that failed."""
    sys.stdout.write(f"faults: {name} {' '.join(f'{key}={value}' for key, value in figures.items())}\n")
