"""Timed reads as stories tell them: so many under a name, at such a rate, after a burst."""

from collections.abc import Sequence
from dataclasses import replace

from rabta_proto.model import Transfer, TransferPoint
from rabta_proto.vocabulary import AddressSource, TransferKind
from support.factories import NEAR, SITE, Story, works

WANTED = 98_304
A, B, R = TransferKind.TARGET, TransferKind.CONTROL, TransferKind.REFERENCE
KINDS = {"A": A, "B": B, "R": R}
FAST = 2_000_000.0
HELD = 16_000.0
ROUND = "ABBABAAB"


def read(
    kind: TransferKind = A,
    rate: float = FAST,
    *,
    turn: int = 1,
    seconds: float = 6.0,
    burst: int = 8_000,
    handshake_s: float = 0.05,
    tls: bool = True,
    status: int = 206,
) -> Transfer:
    """A read of WANTED bytes, of which `burst` come at once and the rest at a steady rate, for so many seconds."""
    needed_s = (WANTED - burst) / rate if rate else seconds
    lasts_s = min(seconds, needed_s)
    points = [
        TransferPoint(offset_us=round(lasts_s * part / 8 * 1e6), bytes=round(burst + rate * lasts_s * part / 8))
        for part in range(9)
    ]
    name = {A: SITE, B: "www.example.com", R: "reference.example"}[kind]
    host = "reference.example" if kind is R else SITE
    return Transfer(
        kind=kind,
        turn=turn,
        address=NEAR,
        port=443 if tls else 80,
        source=AddressSource.SYSTEM,
        url=f"{'https' if tls else 'http'}://{host}/object",
        server_name=name,
        verified=tls and kind is not B,
        connect_us=20_000,
        handshake_us=round(handshake_s * 1e6) if tls else None,
        first_byte_us=30_000,
        status=status,
        declared_bytes=262_144,
        wanted_bytes=WANTED,
        body_bytes=min(WANTED, round(burst + rate * lasts_s)),
        read_us=round(lasts_s * 1e6) + 1000,
        curve=tuple(points),
    )


def timed(order: str, told: Story | None = None, **kinds: Transfer | Sequence[Transfer]) -> Story:
    """A site that works, and then reads in this order; of a kind that was not named, fast ones.

    A list is gone through, one for each read of that kind.
    """
    story = told or works()
    left = {letter: list(given) if isinstance(given, Sequence) else [given] for letter, given in kinds.items()}
    for turn, letter in enumerate(order, start=1):
        those = left.get(letter) or [read(KINDS[letter])]
        one = those.pop(0) if len(those) > 1 else those[0]
        story.sees(replace(one, turn=turn), None)
    return story


def slowed(order: str = ROUND, rate: float = HELD, **facts: object) -> Story:
    """Held to a rate under the target's name."""
    return timed(order, A=read(A, rate, **facts))
