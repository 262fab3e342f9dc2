"""What the page says, before it is HTML."""

from dataclasses import replace

import pytest

from rabta_collector.pages.changes import make_took
from rabta_collector.pages.country import Overview, make_overview
from rabta_collector.pages.words import MEANINGS, SYMBOLS, make_mark
from rabta_collector.state import Snapshot
from rabta_collector.timeline import find_spans
from rabta_proto.vocabulary import IspKind, IspState, Mechanism, State
from support.country import (
    NOW,
    PLATFORMS,
    make_catalogue,
    make_event,
    make_events,
    make_isp,
    make_snapshot,
    make_verdict,
)


def overview(snapshot: Snapshot | None = None) -> Overview:
    return make_overview(snapshot or make_snapshot(), make_catalogue(), make_events())


def test_parts_are_told_where_they_fare_otherwise_than_the_platform() -> None:
    found = {(row.id, cell.isp): cell for row in overview().rows for cell in row.cells if cell}
    told = [(part.name, part.mark.word, part.mechanism) for part in found["whatsapp", "zong"].parts]
    assert [("messages", "reachable", None), ("media", "throttled", "throttle.sni")] == told
    assert found["whatsapp", "zong"].apart
    assert found["whatsapp", "ptcl"].parts
    assert not found["whatsapp", "ptcl"].apart
    assert not found["x", "ptcl"].apart


def test_every_state_has_a_symbol_of_its_own_and_a_meaning() -> None:
    assert set(State) == set(MEANINGS)
    assert set(map(str, SYMBOLS)) == {str(state) for state in (*State, *IspState)}
    assert 6 == len({SYMBOLS[state] for state in State})


def test_a_state_of_another_version_is_shown_as_it_is_called() -> None:
    assert ("?", "odd") == (make_mark("odd").symbol, make_mark("odd").word)


def test_isps_stand_by_kind_in_the_order_they_are_configured() -> None:
    assert [("Fixed lines", ["ptcl", "nayatel", "stormfiber", "transworld", "optix"])] == [
        (group.title, [column.id for column in group.columns]) for group in overview().groups[:1]
    ]
    assert ["jazz", "zong", "telenor", "ufone"] == [column.id for column in overview().groups[1].columns]


def test_platforms_stand_in_the_order_they_are_configured_with_a_cell_per_isp() -> None:
    assert [name for _, name, _ in PLATFORMS] == [row.name for row in overview().rows]
    columns = [column.id for column in overview().columns]
    assert all(columns == [cell.isp for cell in row.cells if cell] for row in overview().rows)


def test_a_cell_says_state_mechanism_and_since() -> None:
    cell = overview().rows[0].cells[0]
    assert cell is not None
    assert ("PTCL", "✕", "blocked") == (cell.isp_name, cell.mark.symbol, cell.mark.word)
    assert ("tls.reset.sni", "17 Feb 22:00", "2024-02-17T17:00:00.000Z") == (
        cell.mechanism,
        cell.since.short,
        cell.since.machine,
    )


def test_a_cell_without_a_verdict_is_empty() -> None:
    verdicts = tuple(v for v in make_snapshot().verdicts if (v.platform, v.isp) != ("x", "ptcl"))
    assert overview(replace(make_snapshot(), verdicts=verdicts)).rows[0].cells[0] is None


def test_headlines_name_each_trouble_of_each_platform_with_its_places() -> None:
    said = {(line.platform.name, line.mark.word): line for line in overview().headlines if line.platform}
    line = said["X (Twitter)", "blocked"]
    assert ["PTCL", "Nayatel", "StormFiber (Cybernet)", "Jazz"] == [place.name for place in line.places]
    assert ["ptcl", "nayatel", "stormfiber", "jazz"] == [place.id for place in line.places]
    assert "17 Feb 22:00" == line.since.short
    assert ("X (Twitter)", "throttled") in said
    assert ("X (Twitter)", "disrupted") in said
    assert ("VOA Urdu", "down") in said


def test_what_is_reachable_or_not_known_is_no_headline() -> None:
    assert set() == {line.mark.word for line in overview().headlines} & {"reachable", "inconclusive", "up", "unknown"}


def test_isps_that_are_down_come_first() -> None:
    first = overview().headlines[0]
    assert (["Telenor"], "the whole mobile network", "down", None) == (
        [place.name for place in first.places],
        first.whole,
        first.mark.word,
        first.platform,
    )


def test_changes_are_told_newest_first() -> None:
    changes = overview().changes
    assert [(None, "Ufone"), ("X (Twitter)", "Transworld (TES)")] == [
        (change.platform.name if change.platform else None, change.isp.name) for change in changes[:2]
    ]
    assert ("17 Feb 22:58", "reachable", "disrupted", 10) == (
        changes[1].at.short,
        changes[1].before.word,
        changes[1].after.word,
        changes[1].id,
    )


def test_what_has_no_name_any_more_is_called_by_its_identifier() -> None:
    event = make_event(1, 5, ("gone", "gone-isp"), ("reachable", "blocked", Mechanism.TLS_MITM))
    (change,) = make_overview(make_snapshot(), make_catalogue(), [event]).changes
    assert change.platform is not None
    assert ("gone", "gone-isp") == (change.platform.name, change.isp.name)


@pytest.mark.parametrize(
    ("seconds", "number", "unit"), [(2.46, "2.5", "s"), (99.94, "99.9", "s"), (100.0, "2", "min"), (600.0, "10", "min")]
)
def test_how_long_detection_took_is_told_in_seconds_or_minutes(seconds: float, number: str, unit: str) -> None:
    took = make_took(seconds)
    assert took is not None
    assert (number, unit) == (took.number, took.unit)


def test_how_long_detection_took_goes_unsaid_where_it_is_not_known() -> None:
    assert make_took(None) is None


def test_isps_that_never_had_an_agent_are_named_below_and_have_no_column() -> None:
    unseen = replace(
        make_isp("ntc", "NTC", IspKind.OTHER), state=IspState.UNKNOWN, agents_connected=0, agents_expected=0
    )
    shown = overview(replace(make_snapshot(), isps=(*make_snapshot().isps, unseen)))
    assert ("NTC",) == shown.without_agents
    assert "ntc" not in {column.id for column in shown.columns}


def test_before_the_first_agent_there_is_no_matrix() -> None:
    shown = overview(Snapshot(at=NOW))
    assert ((), (), ()) == (shown.groups, shown.rows, shown.headlines)


def test_more_measurements_alone_do_not_change_what_is_shown() -> None:
    """Else every open page would load everything again every two seconds."""
    verdicts = tuple(replace(v, measurements=v.measurements + 9, updated=NOW) for v in make_snapshot().verdicts)
    assert overview() == overview(replace(make_snapshot(), at=NOW + 2, verdicts=verdicts))


def test_a_cell_says_how_many_agents_say_so_and_how_sure_that_is() -> None:
    said = {(row.id, cell.isp): (cell.agents, cell.percent) for row in overview().rows for cell in row.cells if cell}
    assert ((9, 98), (2, None)) == (said["x", "ptcl"], said["dw", "optix"])
    one = replace(make_verdict("x", "ptcl"), agents=1, confidence=0.3)
    (row, *_) = overview(replace(make_snapshot(), verdicts=(one,))).rows
    assert row.cells[0] is not None
    assert (1, 30) == (row.cells[0].agents, row.cells[0].percent)


def test_what_is_not_known_has_lines_of_its_own_but_not_where_the_isp_is_down() -> None:
    lines = [
        (line.platform.name, line.mark.word, [place.name for place in line.places], line.since.short)
        for line in overview().unknowns
        if line.platform
    ]
    assert [
        ("Wikipedia", "inconclusive", ["Optix"], "17 Feb 22:50"),
        ("Deutsche Welle", "inconclusive", ["Optix"], "17 Feb 22:50"),
    ] == lines


def test_an_isp_of_which_nothing_is_known_has_one_line_for_all_platforms() -> None:
    verdicts = tuple(
        replace(v, state=State.INCONCLUSIVE) if v.isp in ("jazz", "zong") else v for v in make_snapshot().verdicts
    )
    first, *others = overview(replace(make_snapshot(), verdicts=verdicts)).unknowns
    assert (None, ["Jazz", "Zong"]) == (first.platform, [place.name for place in first.places])
    assert ["Wikipedia", "Deutsche Welle"] == [line.platform.name for line in others if line.platform]


def test_a_cell_shows_its_last_day() -> None:
    spans = find_spans(make_events(), make_snapshot())
    rows = make_overview(make_snapshot(), make_catalogue(), (), spans).rows
    cells = {(row.id, cell.isp): cell for row in rows for cell in row.cells if cell}
    changed, calm = cells["x", "ptcl"].strip, cells["signal", "ptcl"].strip
    assert changed is not None
    assert ["blocked", "reachable"] == [bar.state for bar in changed.bars]
    assert calm is not None
    assert calm.calm
