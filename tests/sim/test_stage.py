"""Whole plays, small ones: blocks are found, calm stays calm, and the same seed tells the same."""

from sim.affairs import AFFAIRS_BY_ID
from sim.figures import bars, rows
from sim.picture import draw
from sim.stage import Job, Show, play
from sim.tables import bars_table, events_table


def told(show: Show) -> list[tuple[object, ...]]:
    return [(place, one.state, one.since) for place, stood in sorted(show.stood.items(), key=repr) for one in stood]


def test_a_nationwide_block_is_found_everywhere_and_the_same_seed_tells_the_same() -> None:
    job = Job(affair="nationwide", fleet=4, seed=3)
    show = play(job)
    assert 8 == sum(one.after_s is not None for one in show.score.found) == len(show.score.found)
    assert 0 < show.asked < 1
    assert told(show) == told(play(job))


def test_a_mobile_shutdown_is_found_at_mobile_networks_alone() -> None:
    show = play(Job(affair="mobile shutdown", fleet=3, seed=3))
    down = {place[0] for place, stood in show.stood.items() for one in stood if one.state == "down"}
    assert {"jazz", "zong", "telenor", "ufone"} == down


def test_the_end_of_throttling_is_seen_within_minutes_and_not_before() -> None:
    show = play(Job(affair="whatsapp media 2024", fleet=5, seed=1))
    assert {"jazz", "zong", "telenor", "ufone"} == {one.truth.isp for one in show.score.over}
    assert all(one.after_s < 480 for one in show.score.over)
    assert 4 == [one.state for stood in show.stood.values() for one in stood].count("throttled")


def test_plays_become_tables_bars_and_a_picture() -> None:
    show = play(Job(affair="nat storm", fleet=3, seed=3, closed_loop=False))
    assert 0 == show.asked
    (row,) = rows([show])
    assert ("nat storm", 3, 0) == (row.affair, row.fleet, row.blocks)
    assert "nat storm" in events_table([row])
    assert "not played" in bars_table(bars([show]))
    assert draw(show).startswith("<svg")
    assert draw(show).count("<rect") > 5


def test_every_event_is_written_for_a_bar_that_there_is() -> None:
    assert {"", "first", "others", "down", "timed"} == {affair.bar for affair in AFFAIRS_BY_ID.values()}
