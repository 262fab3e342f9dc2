"""Bytes that are nearly right: what is mutated, and how. Pure: a seed gives the same bytes for ever."""

import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random

LONGEST = 64 * 1024
_ODD = (
    *(b"\x00", b"\xff", b"\x80", b"\x7f", b"\n", b"\r\n", b'"', b"'", b"{", b"}", b"[", b"]", b"=", b":", b",", b"#"),
    *(
        b"null",
        b"true",
        b"-1",
        b"0",
        b"1e999",
        b"NaN",
        b"1" * 400,
        b"\xed\xa0\x80",
        b"\xf0\x9f\x87\xb5",
        b"\xef\xbb\xbf",
    ),
    *(b"[" * 2000, b'{"a":' * 500, b"\\u0000", b"\\ud800", b"%00", b"..", b"://", b"9" * 20, b"2" + b"0" * 30),
)
_NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)


def varint(number: int) -> bytes:
    """As protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def mutate(data: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """The data with one to eight small things changed; `others` lend their parts."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(out) + 1)
        until = min(len(out), at + rng.choice((1, 1, 2, 4, 16, 256)))
        match rng.randrange(9):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at:until] = rng.randbytes(until - at)
            case 2:
                del out[at:until]
            case 3:
                out[at:at] = out[at:until] * rng.choice((1, 2, 50))
            case 4:
                out[at:at] = rng.choice(_ODD)
            case 5:
                out[at:until] = rng.choice(_ODD)
            case 6:
                number = rng.choice(_NUMBERS)
                out[at:until] = rng.choice(
                    (varint(number), struct.pack(">Q", number), struct.pack("<I", number % 2**32))
                )
            case 7:
                other = rng.choice(others)
                begin = rng.randrange(len(other) + 1)
                out[at:until] = other[begin : begin + rng.choice((1, 8, 64, 1024))]
            case _:
                del out[at:]
    return bytes(out[:LONGEST])


Shape = Callable[[Random], bytes]


def mutants(seeds: Sequence[bytes], seed: int, shape: Shape | None = None) -> Iterator[bytes]:
    """Each seed as it is, then mutants of them and of one another without end, and as many of a shape."""
    rng, pool = Random(seed), list(seeds)
    yield from seeds
    while True:
        if shape is not None:
            yield shape(rng)
        mutant = mutate(rng.choice(pool), pool, rng)
        yield mutant
        if rng.random() < 0.02:  # some become parents, so that changes add up
            pool.append(mutant)
            if len(pool) > len(seeds) + 64:
                del pool[len(seeds)]
