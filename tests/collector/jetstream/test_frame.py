"""A row comes back as it was, and damage shows."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.jetstream.frame import AHEAD_US, HEAD_BYTES, Order, frame, held_back, unframe
from rabta_collector.journal_file import Kind, Row

rows = st.builds(
    Row,
    id=st.just(0),
    kind=st.sampled_from([int(kind) for kind in Kind]),
    at_us=st.integers(0, 2**53),
    agent=st.text("0123456789abcdef", max_size=16),
    isp=st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", max_size=63),
    role=st.sampled_from(["probe", "control", ""]),
    epoch=st.integers(0, 2**64 - 1),
    first_sequence=st.integers(0, 2**64 - 1),
    last_sequence=st.integers(0, 2**64 - 1),
    count=st.integers(0, 10_000),
    payload=st.binary(max_size=200),
)


@given(rows, st.integers(1, 2**63))
def test_a_row_comes_back_as_it_was(row: Row, number: int) -> None:
    message = frame(row, "5f3a-17")
    found = unframe(number, message)
    assert (replace(row, id=number), "5f3a-17", True) == (found.row, found.id, found.sound)
    assert len(message) - len(row.payload) < HEAD_BYTES


@given(rows, st.data())
def test_a_changed_byte_is_noticed(row: Row, data: st.DataObject) -> None:
    """But for one in the writer's id, which nothing hangs on."""
    message = bytearray(frame(row, "i"))
    at = data.draw(st.sampled_from([n for n in range(len(message)) if not 7 <= n <= 15]))
    message[at] ^= data.draw(st.integers(1, 255))
    found = unframe(1, bytes(message))
    assert not found.sound or (found.row.payload, found.row.at_us) == (row.payload, row.at_us)


def test_a_number_without_end_is_not_sound_and_no_error() -> None:
    message = frame(Row(0, 1, 5, "a", "ptcl", "probe"), "i")
    assert b'"e":0' in message
    assert not unframe(1, message.replace(b'"e":0', b'"e":1e999')).sound


@given(st.binary(max_size=100))
def test_anything_else_is_not_sound_and_no_error(message: bytes) -> None:
    assert not unframe(3, message).sound


@given(rows, st.integers(1, 2**53), st.one_of(st.just(""), st.just('{"epochs":[[7,0,[[1,9]]]],"retired":[]}')))
def test_a_row_of_many_writers_says_its_place_among_its_agents(row: Row, number: int, held: str) -> None:
    order = Order(number, held) if held else Order(number, base=number)
    assert order == unframe(1, frame(row, "i", order=order)).order
    assert unframe(1, frame(row, "i")).order is None


@given(rows, st.integers(0, 2**53))
def test_no_row_is_much_later_than_the_stream_took_it(row: Row, taken_us: int) -> None:
    found = held_back(row, taken_us)
    assert min(row.at_us, taken_us + AHEAD_US) == found.at_us
    assert replace(row, at_us=0) == replace(found, at_us=0)
