"""The oracle sees each fault that it is there for, and none where there is none."""

from dataclasses import replace

import pytest

from faults.books import SpoolBook
from faults.diary import Diary, Key
from faults.oracle import FAULTS, Finding, compare

DIARY = Diary(produced={(7, n): 100 + n for n in range(1, 6)}, settled=frozenset({(7, 1), (7, 2)}))
SPOOL = SpoolBook(
    epoch=7,
    last=5,
    waiting={(7, 4): 104, (7, 5): 105},
    counters={"produced": 5, "acked": 3, "rejected": 0, "dropped": 0},
)
JOURNAL: dict[Key, list[int]] = {(7, 1): [101], (7, 2): [102], (7, 3): [103]}


def faults(finding: Finding) -> dict[str, int]:
    return {name: count for name in FAULTS if (count := getattr(finding, name))}


def test_good_accounts_are_good() -> None:
    finding = compare(DIARY, SPOOL, JOURNAL)
    assert finding.good
    assert (5, 2) == (finding.records, finding.waiting)


def test_what_was_sent_and_not_acknowledged_yet_may_be_at_both_ends() -> None:
    assert compare(DIARY, SPOOL, JOURNAL | {(7, 4): [104]}).good


def test_what_the_diary_was_killed_before_it_could_note_is_no_invention() -> None:
    assert compare(replace(DIARY, produced={}), SPOOL, JOURNAL).good


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ({(7, 1): [101], (7, 2): [102]}, {"lost": 1}),
        ({(7, 1): [101], (7, 3): [103]}, {"lost": 1, "unkept": 1}),
        ({**JOURNAL, (7, 3): [103, 103]}, {"twice": 1}),
        ({**JOURNAL, (7, 3): [13]}, {"changed": 1}),
        ({**JOURNAL, (7, 6): [106]}, {"invented": 1}),
        ({**JOURNAL, (8, 1): [101]}, {"invented": 1}),
    ],
)
def test_a_journal_that_is_wrong_is_found(journal: dict[Key, list[int]], expected: dict[str, int]) -> None:
    assert expected == faults(compare(DIARY, SPOOL, journal))


def test_what_came_while_the_accounts_were_read_is_no_invention() -> None:
    ahead = {**JOURNAL, (7, 6): [106], (7, 7): [107]}
    assert compare(DIARY, SPOOL, ahead, last=7).good
    assert {"invented": 1} == faults(compare(DIARY, SPOOL, ahead, last=6))


def test_a_spool_that_forgot_one_is_found() -> None:
    forgetful = replace(SPOOL, waiting={(7, 5): 105})
    assert {"lost": 1, "miscounted": 1} == faults(compare(DIARY, forgetful, JOURNAL))


def test_a_number_that_a_spool_took_back_is_found() -> None:
    """The spool lost a commit: what it had said it synced is gone."""
    torn = replace(SPOOL, last=4, waiting={(7, 4): 104}, counters={**SPOOL.counters, "produced": 4})
    assert {"lost": 1} == faults(compare(DIARY, torn, JOURNAL))


@pytest.mark.parametrize("counter", ["dropped", "rejected"])
def test_what_the_spool_says_it_gave_up_is_not_lost(counter: str) -> None:
    said = replace(SPOOL, waiting={(7, 5): 105}, counters={**SPOOL.counters, counter: 1})
    assert compare(DIARY, said, JOURNAL).good


def test_findings_add_up() -> None:
    assert Finding(records=3, lost=1) == Finding(records=2) + Finding(records=1, lost=1)
    assert "records=3 waiting=0 lost=1" in str(Finding(records=3, lost=1))
