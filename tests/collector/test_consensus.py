"""A control that stands alone is no measure for anybody, until it is in step again."""

from rabta_collector.consensus import FEWEST, KEPT, Consensus

CONTROLS = ("a", "b", "c")
REACH_S = 600.0


def rounds(consensus: Consensus, count: int, *, fails: str = "", of: int = 1, start: float = 0.0) -> None:
    """Controls look at targets in turn; one fails at the first `of` of four targets."""
    for number in range(count):
        target = ("x", f"https://{number % 4}.test/")
        for control in CONTROLS:
            reached = not (control == fails and number % 4 < of)
            consensus.hear(control, target, reached=reached, started=start + number * 60.0, reach_s=REACH_S)


def test_controls_that_agree_are_all_heard() -> None:
    consensus = Consensus()
    rounds(consensus, 60)
    assert not consensus.outliers


def test_one_that_fails_where_the_others_get_through_is_left_out() -> None:
    consensus = Consensus()
    rounds(consensus, FEWEST - 2, fails="b", of=4)
    assert not consensus.outliers
    rounds(consensus, 20, fails="b", of=4, start=1e4)
    assert {"b"} == consensus.outliers


def test_a_site_that_treats_one_country_apart_is_no_reason() -> None:
    consensus = Consensus()
    rounds(consensus, 80, fails="b", of=1)
    assert not consensus.outliers


def test_one_that_is_in_step_again_is_heard_again() -> None:
    consensus = Consensus()
    rounds(consensus, 40, fails="b", of=4)
    rounds(consensus, KEPT, start=1e5)
    assert not consensus.outliers


def test_two_controls_cannot_tell_which_of_them_is_wrong() -> None:
    consensus = Consensus()
    for number in range(100):
        for control in ("a", "b"):
            heard = consensus.hear(control, ("x", "u"), reached=control == "a", started=number * 60.0, reach_s=REACH_S)
            assert not heard
    assert not consensus.outliers


def test_looks_of_another_time_are_not_compared() -> None:
    consensus = Consensus()
    for number in range(100):
        for place, control in enumerate(CONTROLS):
            at = number * 1e5 + place * 1e4
            consensus.hear(control, ("x", "u"), reached=control != "c", started=at, reach_s=REACH_S)
    assert not consensus.outliers
