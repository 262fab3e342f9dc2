"""A harm does what it says, and a sample of harms covers the place."""

from random import Random

from faults.harm import Harm, every_byte, some_of


def test_a_file_is_cut_or_one_byte_of_it_is_another() -> None:
    assert b"ab" == Harm(at=2, cut=True).done_to(b"abcd")
    changed = Harm(at=2, cut=False).done_to(b"abcd")
    assert 4 == len(changed)
    assert [2] == [at for at in range(4) if changed[at] != b"abcd"[at]]


def test_every_byte_is_every_byte() -> None:
    harms = list(every_byte(3, 6))
    assert {(at, cut) for at in (3, 4, 5) for cut in (True, False)} == {(harm.at, harm.cut) for harm in harms}


def test_a_sample_is_spread_over_all() -> None:
    harms = list(every_byte(0, 500))
    sample = some_of(harms, 10, Random(1))
    assert list(range(10)) == [harms.index(harm) // 100 for harm in sample]
    assert harms == some_of(harms, 1000, Random(1))
