"""A property that is worked out once."""

from rabta_collector.verdict.once import once


class Sum:
    def __init__(self) -> None:
        self.looks = 0

    @once
    def total(self) -> int:
        """A sum."""
        self.looks += 1
        return 42


def test_it_is_worked_out_once_for_each_owner() -> None:
    first, second = Sum(), Sum()
    assert [42, 42, 42] == [first.total, first.total, second.total]
    assert (1, 1) == (first.looks, second.looks)


def test_it_shows_its_own_words() -> None:
    assert "A sum." == Sum.total.__doc__
