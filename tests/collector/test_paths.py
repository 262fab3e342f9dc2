"""Traces are kept beside verdicts, a bounded number of them, and shown without anything that tells whose they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.checkpoint import Head, freeze, read, write
from rabta_collector.paths import BEFORE_S, DAY_S, KEPT, Paths, to_rows
from rabta_proto.model import Measurement, NetworkContext, PathTrace
from support.cutoffs import cut_off, traced
from support.factories import NOON

PLACE = ("ptcl", "x")


def heard(*traces: tuple[str, float], paths: Paths | None = None, measurement: Measurement | None = None) -> Paths:
    found = paths or Paths()
    for agent, started in traces:
        found.hear(PLACE, agent, measurement or traced(), started)
    return found


def test_a_trace_is_located_and_kept_where_it_was_made() -> None:
    paths = heard(("a", NOON))
    (one,) = paths.find(PLACE, since=NOON)
    assert (NOON, "https://a.example/", 5, 9) == (one.started, one.url, one.location.begins, one.location.server)
    assert [] == paths.find(("nayatel", "x"), since=NOON)


def test_it_is_shown_while_what_it_traced_stands() -> None:
    paths = heard(("a", NOON), ("b", NOON + 7200))
    assert [NOON + 7200, NOON] == [one.started for one in paths.find(PLACE, since=NOON)]
    assert [NOON] == [one.started for one in paths.find(PLACE, since=NOON, until=NOON + 7200)]
    assert [NOON + 7200] == [one.started for one in paths.find(PLACE, since=NOON + BEFORE_S + 1)]


def test_the_first_signs_of_a_block_are_traced_before_it_is_decided() -> None:
    assert 1 == len(heard(("a", NOON)).find(PLACE, since=NOON + BEFORE_S))


def test_an_agent_has_one_of_a_target_and_day() -> None:
    paths = heard(*(("a", NOON + n) for n in range(5)), ("a", NOON + DAY_S))
    assert [NOON + DAY_S, NOON + 4] == [one.started for one in paths.find(PLACE, since=NOON)]


def test_their_number_is_bounded_and_the_oldest_go() -> None:
    paths = heard(*((f"agent-{n}", NOON + n) for n in range(3 * KEPT)))
    found = paths.find(PLACE, since=NOON)
    assert KEPT == len(found)
    assert NOON + 3 * KEPT - 1 == found[0].started
    assert NOON + 2 * KEPT == found[-1].started


def test_they_are_known_again_after_a_start(tmp_path: Path) -> None:
    paths = heard(("a", NOON), ("b", NOON + 5))
    head = Head(row=1, at_us=1, crc=1, decided_to=NOON, stamp={})
    write(tmp_path / "checkpoint", head, freeze(paths, {}))
    stored = read(tmp_path / "checkpoint")
    assert stored is not None
    assert paths == stored.thaw({})


@pytest.mark.parametrize(
    "network", [{"vpn": True}, {"changed": True}, {"captive_portal": True}, {"seen_isp": "zong"}], ids=str
)
def test_one_of_another_network_is_not_kept(network: dict[str, bool | str]) -> None:
    measurement = replace(traced(), network=NetworkContext(**network))  # type: ignore[arg-type] # as they are named
    assert [] == heard(("a", NOON), measurement=measurement).find(PLACE, since=NOON)


def test_one_without_a_trace_is_not_kept() -> None:
    assert [] == heard(("a", NOON), measurement=cut_off()).find(PLACE, since=NOON)


def test_a_row_says_where_and_what_came_and_nothing_of_whose_it_is() -> None:
    (row,) = to_rows(heard(("secret-agent", NOON + 42.5)).find(PLACE, since=NOON))
    assert {
        "target": "https://a.example/",
        "at": "2024-02-17T12:00:00.000Z",
        "cut": "reset",
        "after": 4,
        "begins": 5,
        "server": 9,
        "at_server": False,
        "by_name": True,
        "doubt": None,
        "resets": 2,
        "reset_ttls": [61, 61],
        "reset_ip_ids": [7, 7],
    } == row


def test_a_row_says_why_it_is_not_known_where() -> None:
    measurement = traced()
    own = next(o for o in measurement.observations if isinstance(o.detail, PathTrace) and not o.detail.isolation)
    assert isinstance(own.detail, PathTrace)
    once = replace(own, detail=replace(own.detail, steps=own.detail.steps[:5]))
    (row,) = to_rows(heard(("a", NOON), measurement=replace(measurement, observations=(once,))).find(PLACE, since=NOON))
    assert (None, None, None, "once") == (row["after"], row["begins"], row["server"], row["doubt"])
