"""A sealed file is taken whole, from the agent that signed it, by the collector that it is for, or not at all."""

import io
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.sealed import Sealer
from rabta_collector.sealed import MAX_PIECE_BYTES, InvalidSealedFileError, batches, check, public_key_of

SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PIECES = [b"one", b"", b"three" * 1000]


def sealed(*pieces: bytes, secret: bytes = SECRET, agent: str = "a1", signer: Ed25519PrivateKey = SIGNER) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, recipient=public_key_of(secret), agent_id=agent, signer=signer)
    for piece in pieces:
        sealer.add(piece)
    sealer.close()
    return file.getvalue()


WHOLE = sealed(*PIECES)


def key_of(agent: str) -> bytes:
    return SIGNER.public_key().public_bytes_raw()


def opened(file: bytes) -> str:
    return check(io.BytesIO(file), SECRET, key_of)


def test_what_was_put_in_comes_out() -> None:
    assert "a1" == opened(WHOLE)
    assert PIECES == list(batches(io.BytesIO(WHOLE), SECRET))


def test_a_file_that_holds_nothing_is_whole() -> None:
    assert "a1" == opened(sealed())
    assert [] == list(batches(io.BytesIO(sealed()), SECRET))


def test_no_two_files_are_alike_and_none_names_its_agent() -> None:
    assert WHOLE != sealed(*PIECES)
    assert b"a1x7" not in sealed(agent="a1x7")


@pytest.mark.parametrize("length", [0, 4, 8, 20, 40, 42, 44, 60, len(WHOLE) - 84, len(WHOLE) - 1])
def test_a_file_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidSealedFileError, match=r"cut off|no file that"):
        opened(WHOLE[:length])


@given(at=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_file_with_one_bit_changed_is_refused(at: int, bit: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1 << bit
    with pytest.raises(InvalidSealedFileError):
        opened(bytes(damaged))


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_it_is_refused_in_words(data: bytes) -> None:
    for file in (data, WHOLE[:8] + data, WHOLE[:40] + data, WHOLE + data[:1] + b"x"):
        with pytest.raises(InvalidSealedFileError):
            opened(file)


def test_a_file_for_another_collector_is_refused() -> None:
    with pytest.raises(InvalidSealedFileError, match="sealed to another collector"):
        opened(sealed(*PIECES, secret=OTHER))


def test_a_file_that_another_signed_is_refused() -> None:
    with pytest.raises(InvalidSealedFileError, match="not signed by the agent a1"):
        opened(sealed(*PIECES, signer=Ed25519PrivateKey.generate()))


def test_an_agent_that_gave_no_key_has_signed_nothing() -> None:
    with pytest.raises(InvalidSealedFileError, match="not signed"):
        check(io.BytesIO(WHOLE), SECRET, lambda _: b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b, rest: a + rest,  # one left out
        lambda a, b, rest: b + a + rest,
        lambda a, b, rest: a + a + b + rest,
    ],
)
def test_pieces_stay_in_their_place(change: Callable[[bytes, bytes, bytes], bytes]) -> None:
    file = sealed(b"aaaa", b"bbbb")
    head, first, size = file[:40], file[40:62], 4 + 4 + 16
    a, b, rest = file[62 : 62 + size], file[62 + size : 62 + 2 * size], file[62 + 2 * size :]
    with pytest.raises(InvalidSealedFileError, match="damaged at byte"):
        opened(head + first + change(a, b, rest))


def test_a_length_without_end_is_refused_before_it_is_read() -> None:
    class Bounded(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size <= MAX_PIECE_BYTES
            return super().read(size)

    with pytest.raises(InvalidSealedFileError, match="damaged at byte 40"):
        check(Bounded(WHOLE[:40] + b"\xff\xff\xff\xff" + bytes(100)), SECRET, key_of)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 65])
def test_a_name_that_no_agent_has_is_refused(name: str) -> None:
    with pytest.raises(InvalidSealedFileError, match="names no agent"):
        opened(sealed(agent=name))
