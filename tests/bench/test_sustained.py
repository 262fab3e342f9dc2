"""What is read of the events of a run."""

from bench.sustained import late


def test_verdicts_that_turn_are_told_from_the_first_ones() -> None:
    told = [
        {"from": "inconclusive", "to": "reachable", "detected_after_seconds": 0.5},
        {"from": "reachable", "to": "blocked", "detected_after_seconds": 1.25},
        {"from": "blocked", "to": "reachable", "detected_after_seconds": 2.0},
        {"from": "up", "to": "down", "detected_after_seconds": None},
    ]
    assert [1.25, 2.0] == late(told)
