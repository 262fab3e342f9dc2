import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.clienthello import cut

LABELS = st.text("abcxyz0123456789-", min_size=1, max_size=20)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(lambda name: len(name) > 1)


def make_hello(name: str, before: bytes = b"\x16\x03\x01", after: bytes = b"\x00\x17") -> bytes:
    """The server_name extension's entry for a host between other bytes."""
    return before + b"\x00" + len(name).to_bytes(2) + name.encode() + after


@given(NAMES, st.binary(max_size=50), st.binary(max_size=50))
def test_two_pieces_make_the_whole_and_neither_holds_the_name(name: str, before: bytes, after: bytes) -> None:
    first, second = cut(make_hello(name), name)
    assert make_hello(name) == first + second
    assert first
    assert second
    assert name.encode() not in first
    assert name.encode() not in second
    assert make_hello(name, before, after) == b"".join(cut(make_hello(name, before, after), name))


@given(LABELS, LABELS)
def test_neither_piece_holds_the_domain_of_which_the_name_is_a_part(label: str, last: str) -> None:
    domain = f"{label}.{last}"
    first, second = cut(make_hello(f"www.{domain}"), f"www.{domain}")
    assert domain.encode() not in first
    assert domain.encode() not in second


@pytest.mark.parametrize(
    ("name", "first"),
    [("www.x.com", b"www.x"), ("www.youtube.com", b"www.yout"), ("localhost", b"local"), ("a", b"a")],
)
def test_the_cut_is_in_the_last_label_but_one(name: str, first: bytes) -> None:
    assert cut(make_hello(name), name)[0].endswith(first)


@pytest.mark.parametrize("name", ["other.example", "", "xn--n\u00e9"])
def test_bytes_without_the_name_are_not_cut(name: str) -> None:
    data = make_hello("site.example")
    assert (data,) == cut(data, name)


def test_the_name_elsewhere_in_the_bytes_is_not_the_servers() -> None:
    hello = b"site.example" + make_hello("site.example")
    assert b"site.example" in cut(hello, "site.example")[0]
    assert not cut(hello, "site.example")[1].startswith(b"site")
