"""How often agents leave, and what that costs to know."""

from rabta_collector.departures import HAZARDS_S, Departures

TOGETHER_S = 180.0


def departures(*left: tuple[str, float]) -> Departures:
    made = Departures(together_s=TOGETHER_S)
    for isp, at in left:
        made.note(isp, at)
    return made


def test_nobody_leaves_where_nobody_left() -> None:
    assert 0.0 == departures().hazard("ptcl", 10)


def test_departures_are_counted_for_each_agent_that_was_there() -> None:
    made = departures(("ptcl", 1000.0), ("zong", 1010.0))
    assert 2 / (HAZARDS_S[0] * 10) == made.hazard("jazz", 8)


def test_those_of_one_fall_are_not_held_against_themselves() -> None:
    made = departures(("ptcl", 1000.0), *(("jazz", 1100.0 + n) for n in range(5)))
    assert 1 / (HAZARDS_S[0] * 10) == made.hazard("jazz", 9)
    assert 6 / (HAZARDS_S[0] * 15) == made.hazard("ptcl-of-another-kind", 9)


def test_who_left_before_the_fall_counts_at_the_same_isp_too() -> None:
    made = departures(("jazz", 1000.0), ("jazz", 1100.0), ("jazz", 1300.0))
    assert 1 / (HAZARDS_S[0] * 9) == made.hazard("jazz", 8)


def test_the_worse_of_the_stretches_holds_and_what_is_old_goes() -> None:
    slowly = departures(*(("ptcl", 100.0 * n) for n in range(30)))
    assert max(2 / (300 * 12), 11 / (1200 * 21)) < slowly.hazard("jazz", 10) < 3 / (300 * 13) + 1e-9
    assert 1 / (HAZARDS_S[0] * 11) == departures(("ptcl", 0.0), ("ptcl", 5000.0)).hazard("jazz", 10)


def test_ten_thousand_that_leave_at_once_are_soon_counted() -> None:
    made = Departures(together_s=TOGETHER_S)
    for number in range(10_000):
        made.note(f"isp-{number % 30}", 1000.0 + number / 1000)
        made.hazard("isp-0", 10_000 - number)
    assert made.hazard("isp-0", 0) > 1e-4


def test_an_outage_is_not_held_against_those_who_fall_after_it() -> None:
    made = departures(("jazz", 900.0), *(("jazz", 1100.0 + n) for n in range(5)), ("ptcl", 1110.0))
    made.explain("jazz", 1050.0)
    assert 2 / (HAZARDS_S[0] * 12) == made.hazard("zong", 10)
    made.note("jazz", 1120.0)
    assert 3 / (HAZARDS_S[0] * 13) == made.hazard("zong", 10)
