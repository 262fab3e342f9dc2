"""What processes that decide say of themselves."""

import pytest

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin, read_bulletin, write_bulletin
from support.country import NOW, make_events

PAGE = "http://127.0.0.1:8080"


def test_where_a_page_is_what_is_decided_and_the_latest_events_come_over() -> None:
    said = Bulletin(page=PAGE, share=IspShare(2, 3), process="a1", at=NOW, since=NOW - 5, events=make_events())
    assert said == read_bulletin(write_bulletin(said))


def test_who_decides_on_all_isps_says_where_its_page_is_and_no_more() -> None:
    said = write_bulletin(Bulletin(page=PAGE, process="a1", at=NOW, events=make_events()))
    assert PAGE.encode() == said
    assert Bulletin(page=PAGE) == read_bulletin(said)


WHOLE = write_bulletin(Bulletin(page=PAGE, share=IspShare(1, 2), process="a1", at=NOW, events=make_events()))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"ftp://127.0.0.1",
        WHOLE[:-40],
        WHOLE.replace(b"1/2", b"3/2"),
        WHOLE.replace(b" a1 ", b" "),
        f"{PAGE}\n1/2 a1 1.0 1.0\nnothing".encode(),
    ],
)
def test_what_is_no_such_text_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_bulletin(text)
