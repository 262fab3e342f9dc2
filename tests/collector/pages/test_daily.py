"""How much was measured, day by day."""

import json
import re
from collections.abc import Iterable

import pytest

from rabta_collector.pages.chart import make_frame
from rabta_collector.pages.daily import SHOWN_AS, Daily, ask_for_days, make_daily
from rabta_collector.pages.particulars import make_particulars
from rabta_collector.pages.sheet import Material
from rabta_collector.pages.strip import TOP
from rabta_collector.query import By
from rabta_collector.record.counts import Counted
from rabta_collector.timeline import find_spans
from rabta_proto.vocabulary import Judgement
from support.country import NOW, Country, make_catalogue, make_events, make_snapshot

DAY = 86_400
TODAY = int(NOW // DAY * DAY)
FRAME = make_frame(NOW, 90)


def counted(days_ago: int, agents: int = 3, **found: int) -> Counted:
    each = {str(judgement): found.get(str(judgement), 0) for judgement in Judgement}
    return Counted(at=TODAY - days_ago * DAY, isp="ptcl", platform="x", found=each, agents=agents)


def daily(*counts: Counted) -> Daily:
    return make_daily(counts, FRAME)


def blocks(path: str) -> Iterable[tuple[float, float, float, float]]:
    """Left, top, width and height of each rectangle."""
    for found in re.finditer(r"M(\S+) (\S+?)h(\S+?)v(\S+?)h-\S+?z", path):
        yield tuple(map(float, found.groups()))  # type: ignore[misc] # four of them


def test_a_day_without_a_measurement_stands_among_the_others() -> None:
    found = daily(counted(3, ok=7), counted(0, agents=2, ok=1, blocked=4)).days
    assert ["2024-02-17", "2024-02-16", "2024-02-15", "2024-02-14"] == [day.machine for day in found]
    assert [(5, 2), (0, 0), (0, 0), (7, 3)] == [(day.measurements, day.agents) for day in found]
    assert (1, 0, 0, 0, 4) == found[0].found


def test_every_finding_has_its_column_and_its_colour() -> None:
    assert set(Judgement) == set(SHOWN_AS)
    every = counted(1, **{str(judgement): 2 for judgement in Judgement})
    assert list(map(str, SHOWN_AS.values())) == [bar.state for bar in daily(every).bars]


def test_a_bar_is_whole_and_stands_over_its_own_day() -> None:
    found = daily(counted(10, ok=1, blocked=3))
    (ok,), (blocked,) = (list(blocks(bar.path)) for bar in found.bars)
    assert (TOP / 4, 3 * TOP / 4, 0.0) == (ok[3], blocked[3], blocked[1])
    assert ok[1] == blocked[1] + blocked[3]
    begins = FRAME.begin + ok[0] * (FRAME.end - FRAME.begin) / FRAME.slots
    assert abs(begins - (TODAY - 10 * DAY)) < 1800
    assert ok[2] == pytest.approx(FRAME.slots / 90)


def test_what_is_outside_of_the_frame_is_not_drawn() -> None:
    assert () == daily(counted(95, ok=1)).bars
    for bar in daily(counted(90, ok=1), counted(0, ok=1)).bars:
        assert all(0 <= left and left + width <= FRAME.slots + 0.01 for left, _, width, _ in blocks(bar.path))


def test_where_nothing_is_counted_there_is_nothing() -> None:
    assert Daily(days=(), bars=()) == daily()


def test_no_more_is_asked_for_than_is_shown() -> None:
    asked = ask_for_days("x", "ptcl", FRAME)
    assert ("x", "ptcl", By.DAY) == (asked.platform, asked.isp, asked.by)
    assert asked.since is not None
    assert 0 <= FRAME.begin - asked.since < DAY
    assert 91 <= asked.limit <= 92


def test_the_file_of_a_page_has_the_days_with_their_numbers() -> None:
    counts = Country().find_counts(ask_for_days("x", "ptcl", FRAME))
    snapshot, events = make_snapshot(), make_events()
    spans = find_spans(events, snapshot)
    material = Material(snapshot=snapshot, catalogue=make_catalogue(), events=events, spans=spans)
    found = make_particulars(material, "x", "ptcl", None, counts)
    assert found is not None
    days = json.loads(found.attachment.text)["days"]
    assert ["2024-02-14", "2024-02-16", "2024-02-17"] == [day["day"] for day in days]
    assert {"measurements": 10, "agents": 3, "ok": 10, "blocked": 0}.items() <= days[0].items()
