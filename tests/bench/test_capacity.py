"""What so many agents need: it grows with them, what is full first is named, and the page says what is reckoned."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench.capacities import AGENTS, PAGE, habits, kept, on_page, reckon
from bench.capacity import Costs, Habits, MissingPartError, costs_of, needs, table, to_json

COSTS = Costs(
    take_us=100.0,
    message_us=50.0,
    sparse=2.0,
    decide_us=100.0,
    pass_us=4.0,
    nats_us=30.0,
    stored_bytes=1000.0,
    archived_bytes=100.0,
    seal_us=30.0,
    wire_bytes=300.0,
    session_bytes=100_000.0,
    roll_bytes=30.0,
    roll_write_us=2.0,
    roll_hear_us=2.0,
    roll_keep_us=0.3,
)
HABITS = Habits(
    measurements=2000.0,
    heartbeat_s=15.0,
    journal_days=90.0,
    sessions=10_000,
    series=58_600,
    own_series=100,
    whole_s=600.0,
    isps=17,
)


def test_few_agents_need_two_processes_of_each_part_on_three_nodes() -> None:
    found = needs(100, COSTS, HABITS)
    assert (1, 2, 2, 3) == (found.streams, found.ingests, found.decides, found.nodes)


def test_more_agents_never_need_less() -> None:
    every = [needs(agents, COSTS, HABITS) for agents in (1_000, 10_000, 50_000, 100_000, 300_000, 1_000_000)]
    for before, after in pairwise(every):
        for name in ("streams", "ingests", "decides", "nodes", "rate", "disk_bytes", "series", "full"):
            assert getattr(before, name) <= getattr(after, name), name


def test_where_one_core_does_not_decide_on_all_the_isps_are_shared() -> None:
    one, many = needs(10_000, COSTS, HABITS), needs(400_000, COSTS, HABITS)
    assert (1, 2) == (one.streams, one.decides)
    assert 1 == many.streams
    assert 2 < many.decides
    assert many.decides <= 2 * HABITS.isps


def test_no_process_has_more_sessions_than_it_may() -> None:
    found = needs(1_000_000, replace(COSTS, take_us=0.0, message_us=0.0, decide_us=0.0), HABITS)
    assert found.agents / found.ingests <= HABITS.sessions


@pytest.mark.parametrize(
    ("dear", "fullest"),
    [
        ({"decide_us": 5_000.0}, "one core that decides on the largest ISP"),
        ({"pass_us": 5_000.0}, "the rows that every process reads that decides"),
        (
            {"roll_hear_us": 100_000.0, "decide_us": 0.0},
            "the roll of sessions, which every process hears",
        ),
        ({"nats_us": 50_000.0}, "the NATS node that leads"),
        ({"seal_us": 5_000.0}, "the process that makes the archive"),
        ({"stored_bytes": 10_000_000.0}, "the network of the NATS node that leads"),
    ],
)
def test_what_is_dear_is_what_is_full_first_and_streams_are_split_for_it(dear: dict[str, float], fullest: str) -> None:
    found = needs(100_000, replace(COSTS, **dear), HABITS)
    assert fullest == found.fullest
    assert found.full > 1
    assert found.streams >= found.full / 2


def test_the_disk_holds_what_the_journal_keeps() -> None:
    found = needs(1_000, COSTS, HABITS)
    assert 1_000 * 2000 * 90 * 1000 == pytest.approx(found.disk_bytes)


def test_a_stream_keeps_no_more_days_than_the_disk_of_one_server_holds() -> None:
    found = needs(200_000, COSTS, HABITS)
    assert (HABITS.nats_disk_bytes, 20.0) == (
        pytest.approx(found.disk_bytes / found.streams),
        pytest.approx(found.days),
    )
    assert found.nodes == 3 * found.streams


def test_what_was_not_measured_is_said_with_what_to_type() -> None:
    with pytest.raises(MissingPartError, match='make bench PART="ingest fleet sizes"'):
        costs_of({"scale": {"points": []}})


def test_unit_costs_come_from_what_the_benchmarks_keep() -> None:
    point = {"journal": "R3", "ingest_us": 90.0, "nats_us": 20.0, "decide_us": 80.0, "pass_us": 3.0}
    point |= {"stored_bytes": 900.0}
    found = {
        "scale": {
            "points": [
                {"journal": "R1"} | dict.fromkeys(point, 1.0) | {"journal": "R1"},
                point | {"wire_bytes": 250.0},
            ],
            "roll": {"bytes": 20.0, "write_us": 1.0, "hear_us": 2.0, "keep_us": 0.1},
        },
        "ingest": {"collector 10": {"server_us": [60.0]}, "collector 50": {"server_us": [52.0]}},
        "fleet": {"collector": {"kb_each": 100.0, "cores": 0.12, "rate": 1000.0}},
        "sizes": {"sealed": {"archive_bytes": 110.0, "sealed_per_cpu_s": 10_000.0}},
    }
    costs = costs_of(found)
    assert (90.0, 80.0, 20.0, 900.0) == (costs.take_us, costs.decide_us, costs.nats_us, costs.stored_bytes)
    assert (3.0, 100.0) == (costs.pass_us, costs.seal_us)
    assert 100.0 == pytest.approx(costs.message_us)
    assert 2.0 == pytest.approx(costs.sparse)
    assert to_json(costs)["message_us"] == 100.0


def test_an_agent_of_the_default_catalogue_spends_what_volunteers_give() -> None:
    assert 500 < habits().measurements < 10_000


def test_the_page_says_what_is_reckoned_from_the_unit_costs_beside_it() -> None:
    found = reckon(kept())
    assert AGENTS == tuple(one.agents for one in found)
    assert table(found) == on_page(PAGE.read_text(encoding="utf-8"))
