"""What is told of a crowd's country is held against what is so, and against what was so a moment before."""

from faults.truth import OPEN, TURNING, WALLED, Held, Truth

TRUTH = Truth(blocked=(100.0, 200.0))


def hear(state: str, at: float, platform: str = TURNING, held: Held | None = None) -> Held:
    held = held or Held(truth=TRUTH, late_s=60.0)
    held.hear("decide0", [{"platform": platform, "isp": "ptcl", "state": state}], at)
    return held


def test_the_platform_that_turns_is_blocked_for_a_while() -> None:
    assert ["reachable", "blocked", "reachable"] == [TRUTH.of(TURNING, at) for at in (99.9, 100.0, 200.0)]
    assert ["reachable", "blocked"] == [TRUTH.of(platform, 150.0) for platform in (OPEN[0], WALLED[0])]


def test_what_was_so_until_lately_is_late_and_not_wrong() -> None:
    held = hear("reachable", 130.0)
    assert ([], 30.0) == (held.wrong, held.latest_s)


def test_what_was_so_long_ago_is_wrong() -> None:
    assert hear("reachable", 170.0).wrong


def test_what_was_never_so_is_wrong() -> None:
    assert hear("down", 50.0).wrong
    assert hear("blocked", 50.0, OPEN[0]).wrong
    assert hear("reachable", 50.0, WALLED[0]).wrong
    assert hear("blocked", 99.0).wrong, "before it was"


def test_inconclusive_is_wrong_once_a_state_was_told() -> None:
    assert [] == hear("inconclusive", 50.0).wrong
    assert hear("inconclusive", 60.0, held=hear("reachable", 50.0)).wrong


def test_who_has_told_what_is_counted() -> None:
    held = hear("reachable", 50.0)
    told = [held.decided("decide0", "ptcl"), held.decided("decide0", "zong"), held.decided("decide1", "ptcl")]
    assert (1, [1, 0, 0]) == (held.told, told)
