"""What was imported is judged anew when rules, catalogue or ISPs have changed."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.catalogue import Catalogue, Isp, Platform, Target
from rabta_collector.history import keeper
from rabta_collector.history.file import HistoryFile
from rabta_collector.history.importing import Importer
from rabta_collector.history.keeper import found_of, made_by, place, refresh
from rabta_collector.history.places import Places, make_places
from rabta_collector.history.reading import CellSpan, read_past
from rabta_collector.ooni.importing import admitting
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.reader import Document, Place
from rabta_collector.verdict.classify import classify
from rabta_proto.vocabulary import IspKind, Judgement
from support.factories import NOON, tls_trouble, works
from support.ooni_builder import NEAR, RESET, built, fetch

URL = "https://x.com/"


def catalogue(id_: str = "x", url: str = URL) -> Catalogue:
    target = Target(url=url, platform=id_)
    return Catalogue(platforms=(Platform(id=id_, name=id_, category="NEWS", targets=(target,)),))


def isps(**asns: int) -> tuple[Isp, ...]:
    return tuple(Isp(id=id_, name=id_, kind=IspKind.FIXED, asns=(asn,)) for id_, asn in asns.items())


PLACES = make_places(catalogue(), isps(ptcl=17557))
ADMIT = admitting(PLACES, Prints(), 2e9)
BLOCKED = {"tls": {NEAR: RESET}, "requests": [fetch(failure=RESET)]}


def go_on(done: int, of: int) -> bool:
    return True


@pytest.fixture
def file(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A file with a block of three hours in it, from 2024-02-18 15:00 on."""
    with closing(HistoryFile(tmp_path / "history.sqlite")) as file:
        refresh(file, PLACES, go_on)
        importer = Importer(file=file, trouble=print)
        for hour in (15, 16, 17):
            record = built(**BLOCKED) | {"measurement_start_time": f"2024-02-18 {hour}:30:00"}
            importer.take([Document(place=Place(file="f", line=1), record=record)], ADMIT)
        importer.flush()
        yield file


def spans(file: HistoryFile) -> list[CellSpan]:
    return list(read_past(file.path, isp=None, platform=None, since=None, until=None))


def outline(file: HistoryFile) -> list[tuple[str, str, str, float]]:
    return [(one.isp, one.platform, one.span.state, one.span.until - one.span.since) for one in spans(file)]


def test_spans_are_made_of_what_was_imported(file: HistoryFile) -> None:
    assert [] == spans(file)
    assert refresh(file, PLACES, go_on)
    assert [("ptcl", "x", "blocked", 3 * 3600.0)] == outline(file)
    assert [] == file.changed()


def test_nothing_is_judged_again_while_nothing_has_changed(file: HistoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(file, PLACES, go_on)
    monkeypatch.setattr(keeper, "place", None)
    assert refresh(file, PLACES, go_on)


@pytest.mark.parametrize("name", ["RULES_VERSION", "FOLD_VERSION"])
def test_other_rules_judge_everything_anew(file: HistoryFile, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    refresh(file, PLACES, go_on)
    before, seen = outline(file), []
    monkeypatch.setattr(keeper, name, 10_000)
    monkeypatch.setattr(keeper, "place", lambda *args: seen.append(args) or place(*args))  # type: ignore[func-returns-value]
    assert refresh(file, PLACES, go_on)
    assert (3, before) == (len(seen), outline(file))


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (make_places(catalogue("twitter"), isps(ptcl=17557)), [("ptcl", "twitter")]),
        (make_places(catalogue(), isps(other=17557)), [("other", "x")]),
        (make_places(catalogue(url="https://y.com/"), isps(ptcl=17557)), []),
        (make_places(catalogue(), isps(ptcl=1)), []),
    ],
)
def test_another_catalogue_puts_everything_in_other_places(
    file: HistoryFile, places: Places, expected: list[tuple[str, str]]
) -> None:
    refresh(file, PLACES, go_on)
    assert refresh(file, places, go_on)
    assert expected == [(isp, platform) for isp, platform, _, _ in outline(file)]
    assert [] == file.changed()
    assert refresh(file, PLACES, go_on)
    assert [("ptcl", "x", "blocked", 3 * 3600.0)] == outline(file)


def test_a_refresh_that_is_stopped_is_taken_up_again(file: HistoryFile) -> None:
    other = make_places(catalogue("twitter"), isps(ptcl=17557))
    assert not refresh(file, other, lambda done, of: False)
    assert made_by(other) != file.fact(keeper.MADE_BY)
    assert refresh(file, other, go_on)
    assert [("ptcl", "twitter", "blocked", 3 * 3600.0)] == outline(file)


def test_spans_of_before_stand_until_their_cell_is_made_anew(file: HistoryFile) -> None:
    refresh(file, PLACES, go_on)
    refresh(file, make_places(catalogue("twitter"), isps(ptcl=17557)), lambda done, of: False)
    assert [("ptcl", "x", "blocked", 3 * 3600.0)] == outline(file)


def test_progress_is_told(file: HistoryFile) -> None:
    told: list[tuple[int, int]] = []
    refresh(file, make_places(catalogue(), isps(other=17557)), lambda done, of: told.append((done, of)) or True)  # type: ignore[func-returns-value]
    assert (3, 3) == told[0]


def test_what_cannot_be_read_any_more_has_no_finding(file: HistoryFile) -> None:
    _, published, _ = file.published_after(0)[0]
    assert place(published, PLACES) is not None
    assert place(replace(published, payload=b"?"), PLACES) is None


def test_a_finding_is_kept_as_it_was() -> None:
    finding = classify(tls_trouble("connection_reset").measurement(), [works().measurement(at=NOON + 1)])
    found = found_of(finding, "https://www.x.com/a", 7.0)
    assert ("https://x.com", 7.0, Judgement.BLOCKED, finding.rule, finding.mechanism) == (
        found.site,
        found.started,
        found.judgement,
        found.rule,
        found.mechanism,
    )
