"""Known marks of block pages."""

from rabta_collector.verdict.fingerprints import (
    BLOCK_PAGE_ADDRESSES,
    BLOCK_PAGE_TITLES,
    FAMILY_FILTER_ADDRESSES,
    MARKS,
    find_block_host,
    find_block_page,
    host_of,
)
from rabta_proto.model import HttpRoundTrip


def page(**facts: object) -> HttpRoundTrip:
    return HttpRoundTrip(address="192.0.2.1", port=80, url="http://x.com/", tls=False, **facts)  # type: ignore[arg-type]


def test_marks_have_ids_of_their_own_and_texts() -> None:
    assert len(MARKS) == len({mark.id for mark in MARKS}) == len({mark.text for mark in MARKS})
    assert all(len(mark.text) > 8 for mark in MARKS)


def test_an_opt_in_filter_is_not_a_block_page() -> None:
    assert not BLOCK_PAGE_ADDRESSES & FAMILY_FILTER_ADDRESSES


def test_titles_are_compared_in_lower_case() -> None:
    assert all(title == title.lower() for title in BLOCK_PAGE_TITLES)
    assert 'the title "SURF SAFELY"' == find_block_page(page(title="SURF SAFELY"))


def test_a_mark_decides_and_an_unknown_one_does_not() -> None:
    assert "the mark pk.prohibited" == find_block_page(page(marks=("other", "pk.prohibited")))
    assert find_block_page(page(marks=("other",), title="Surf")) is None


def test_a_host_of_block_pages_is_found_in_any_url() -> None:
    assert "restrict.wateen.net" == find_block_host(["https://x.com/", "http://RESTRICT.wateen.net:8080/?u=1"])
    assert find_block_host(["https://x.com/?u=restrict.wateen.net", "", "::"]) is None


def test_the_host_of_what_is_no_url_is_empty() -> None:
    assert ["", "", "x.com"] == [host_of("http://[::"), host_of("x.com"), host_of("HTTPS://X.com:8/")]
