"""Which rows the journal may give up."""

import pytest

from rabta_collector.archive.keeping import Held, Keeping, rows_to_drop

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
