"""Which rows the journal may give up."""

import pytest

from rabta_collector.archive.keeping import DECIDES, SEALS, Held, Keeping, Need, needed_by_nobody, rows_to_drop

KEEPING = Keeping(journal_bytes=1000)


@pytest.mark.parametrize(
    ("held", "sealed", "checkpoint", "expected"),
    [
        (Held(first=1, bytes=10, young=51), 80, 90, 50),
        (Held(first=1, bytes=10, young=51), 30, 90, 30),
        (Held(first=1, bytes=10, young=51), 80, 40, 39),
        (Held(first=1, bytes=10, young=51), 0, 90, 0),
        (Held(first=1, bytes=10, young=1), 80, 90, 0),
        (Held(first=60, bytes=10, young=51), 80, 90, 0),
        (Held(first=1, bytes=1001, young=1), 80, 90, 4),
        (Held(first=1, bytes=1001, young=51), 80, 90, 50),
        (Held(first=78, bytes=1001, young=1), 80, 90, 78),
        (Held(first=81, bytes=1001, young=1), 80, 90, 0),
        (Held(first=0, bytes=1001, young=0), 0, 0, 0),
    ],
)
def test_only_what_is_sealed_and_needed_by_no_start_may_go(
    held: Held, sealed: int, checkpoint: int, expected: int
) -> None:
    assert expected == rows_to_drop(held, KEEPING, sealed=sealed, checkpoint=checkpoint)


def decides(number: int, count: int, row: int) -> Need:
    return Need(part=DECIDES, share=(number, count), row=row)


def test_nobody_needs_what_every_share_and_every_archive_has() -> None:
    seals = Need(part=SEALS, row=80)
    assert (0, "no archive") == needed_by_nobody([decides(1, 1, 90)])
    assert (0, "no decide") == needed_by_nobody([seals])
    assert (80, "") == needed_by_nobody([seals, decides(1, 1, 90)])
    assert (70, "") == needed_by_nobody([seals, decides(1, 2, 90), decides(2, 2, 70), decides(2, 2, 95)])
    assert (60, "") == needed_by_nobody([seals, Need(part=SEALS, row=60), decides(1, 1, 90)])


def test_while_a_share_has_nobody_all_is_needed() -> None:
    seals = Need(part=SEALS, row=80)
    assert (0, "no decide of share 2/3") == needed_by_nobody([seals, decides(1, 3, 90), decides(3, 3, 90)])
    after = [seals, decides(1, 3, 40), decides(1, 2, 90), decides(2, 2, 90)]
    assert (40, "") == needed_by_nobody(after), "what was before another division still counts while it is heard of"
