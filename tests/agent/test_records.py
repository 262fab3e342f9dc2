import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.records import RecordWatch

SERVER_HELLO = bytes([22, 3, 3, 0, 4]) + b"\x02\x00\x00\x00"
ALERT = bytes([21, 3, 3, 0, 2, 2, 112])
WARNING = bytes([21, 3, 3, 0, 2, 1, 112])
ENCRYPTED_ALERT = bytes([21, 3, 3, 0, 26]) + bytes(26)


def watch(*pieces: bytes) -> RecordWatch:
    seen = RecordWatch()
    for piece in pieces:
        seen.feed(piece)
    return seen


@pytest.mark.parametrize("data", [SERVER_HELLO, ALERT, WARNING, b"\x17\x03\x03\x00\x01x"])
def test_any_tls_record_is_an_answer(data: bytes) -> None:
    assert watch(data).answered


@pytest.mark.parametrize(
    "data", [b"", b"\x16\x03", b"HTTP/1.1 400 Bad Request\r\n", b"\x16\x02\x00\x00\x04", b"\x16\x03\x03\xff\xff"]
)
def test_other_bytes_are_none(data: bytes) -> None:
    assert not watch(data).answered


@pytest.mark.parametrize("data", [ALERT, WARNING, SERVER_HELLO + ALERT])
def test_an_alert_in_plain_text_is_read_even_as_a_warning(data: bytes) -> None:
    assert 112 == watch(data).alert


def test_an_encrypted_alert_says_nothing() -> None:
    assert None is watch(ENCRYPTED_ALERT).alert


def test_the_first_alert_counts() -> None:
    assert 112 == watch(ALERT, bytes([21, 3, 3, 0, 2, 2, 0])).alert


def test_nothing_counts_after_bytes_that_are_not_tls() -> None:
    assert None is watch(b"\x00" * 5, ALERT).alert


@given(st.lists(st.integers(1, 7)))
def test_it_does_not_matter_how_the_bytes_are_cut(lengths: list[int]) -> None:
    data, pieces = SERVER_HELLO + ENCRYPTED_ALERT + ALERT, []
    for length in lengths:
        pieces.append(data[:length])
        data = data[length:]
    assert 112 == watch(*pieces, data).alert


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_borne(pieces: list[bytes]) -> None:
    assert watch(*pieces).answered in (True, False)
