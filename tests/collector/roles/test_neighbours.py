"""Who decides on what, by their own word."""

import pytest

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin
from rabta_collector.roles.neighbours import AVOIDED_S, KNOWN_S, Neighbours, has, missing, owner_of

ISPS = ("ptcl", "jazz", "zong")
FIRST, SECOND = IspShare(1, 2), IspShare(2, 2)


def bulletin(page: str, share: IspShare, at: float = 1.0) -> Bulletin:
    return Bulletin(page=page, share=share, process=page, at=at)


@pytest.fixture
def known() -> Neighbours:
    known = Neighbours()
    for page, share in (("b", FIRST), ("a", FIRST), ("c", SECOND)):
        known.hear(bulletin(page, share), 100.0)
    return known


def pages(found: list[Bulletin]) -> list[str]:
    return [one.page for one in found]


def test_those_of_a_share_are_found(known: Neighbours) -> None:
    assert ["a", "b"] == pages(known.of(FIRST, 100.0))
    assert ["c"] == pages(known.of(SECOND, 100.0))
    assert [] == known.of(IspShare(1, 3), 100.0)
    assert ["a", "b", "c"] == pages(known.all(100.0))


def test_who_could_not_be_reached_is_tried_last_for_a_while(known: Neighbours) -> None:
    known.avoid(bulletin("a", FIRST), 100.0)
    assert ["b", "a"] == pages(known.of(FIRST, 101.0))
    known.hear(bulletin("a", FIRST), 100.0 + AVOIDED_S)
    known.hear(bulletin("b", FIRST), 100.0 + AVOIDED_S)
    assert ["a", "b"] == pages(known.of(FIRST, 100.0 + AVOIDED_S))


def test_who_is_not_heard_of_any_more_is_not_asked(known: Neighbours) -> None:
    known.hear(bulletin("b", FIRST), 102.0)
    assert ["b"] == pages(known.all(100.0 + KNOWN_S))


def test_a_process_may_come_back_with_another_share(known: Neighbours) -> None:
    known.hear(bulletin("b", SECOND), 101.0)
    assert ["b", "c"] == pages(known.of(SECOND, 101.0))


def test_a_share_is_decided_as_far_as_any_of_its_processes_is(known: Neighbours) -> None:
    known.hear(bulletin("a", FIRST, at=7.5), 100.0)
    assert (7.5, 1.0) == (known.decided_to(FIRST, 100.0), known.decided_to(SECOND, 100.0))
    assert known.decided_to(FIRST, 100.0 + KNOWN_S) is None


def test_each_isp_is_one_share_s_and_what_is_on_no_list_the_first_one_s() -> None:
    for of in (1, 2, 3, 7):
        for isp in (*ISPS, "gone"):
            owners = [share for number in range(1, of + 1) if has(share := IspShare(number, of), isp, ISPS)]
            assert [owner_of(isp, ISPS, of)] == owners
    assert FIRST == owner_of("gone", ISPS, 2)


def test_readers_are_told_which_isps_are_missing() -> None:
    said = missing([SECOND], ISPS)
    assert "share 2/2 (jazz)" in said
    assert "\n" not in said
