"""Measurements of a journal are judged as the collector judged them."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.catalogue import Catalogue, Platform, Target
from rabta_collector.court import Court
from rabta_collector.entries import Entry, Measured
from rabta_collector.export.judged import Bench, Judged, Selection
from rabta_collector.export.rows import JournalReader
from rabta_collector.journal_file import Kind, Row
from rabta_collector.settings import Settings
from rabta_collector.windows import Case
from rabta_proto.codec import to_message
from rabta_proto.model import QuicHandshake
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import AddressSource, Failure
from support.factories import (
    NEAR,
    NOON,
    RESET,
    SILENCE,
    URL,
    Story,
    bad_certificate,
    dns_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_again,
)
from support.feeds import ISPS, Feed, make_engine, measured

REFERENCE = "https://www.example.com/"
QUIC, OTHER_QUIC = "quic://x.com/", "quic://youtube.example/"
CATALOGUE = Catalogue(
    platforms=(
        Platform(
            id="x",
            name="X",
            category="SOCIAL",
            targets=(
                Target(url=URL, platform="x", interval_s=20.0),
                Target(url=QUIC, platform="x", interval_s=60.0, required=False),
                Target(url=OTHER_QUIC, platform="x", interval_s=60.0, required=False),
            ),
        ),
    ),
    references=(Target(url=REFERENCE, interval_s=20.0),),
)


def journaled(path: Path, entries: Iterable[Entry]) -> Bench:
    """Entries as a collector would have written them."""
    journal_file.prepare(path)
    rows = []
    for entry in sorted(entries, key=lambda entry: entry.at):
        if isinstance(entry, Measured):
            payload = link.MeasurementBatch(measurements=map(to_message, entry.measurements)).SerializeToString()
            at_us = round(entry.at * 1_000_000)
            rows.append(Row(0, Kind.MEASURED, at_us, entry.agent, entry.isp, str(entry.role), 7, 1, 1, 1, payload))
    with closing(journal_file.connect(path)) as connection:
        journal_file.append(connection, 0, rows)
    return Bench(reader=JournalReader(path=path), catalogue=CATALOGUE, settings=Settings())


def judged(tmp_path: Path, entries: Iterable[Entry], wanted: Selection | None = None) -> list[Judged]:
    return list(journaled(tmp_path / "journal.sqlite", entries).judge(wanted or Selection()))


def findings(judgements: Sequence[Judged]) -> list[str]:
    return [one.finding.rule for one in judgements]


class Minutes:
    """What a court came to in the end, by ISP and start: no two agents of an ISP began at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rules: dict[tuple[str, float], str] = {}
        original = Court.judge

        def judge(court: Court, cell: object, case: Case) -> object:
            finding = original(court, cell, case)  # type: ignore[arg-type]
            self.rules[case.agent.partition("-")[0], case.measurement.started_at.timestamp()] = finding.rule
            return finding

        monkeypatch.setattr(Court, "judge", judge)


SCENES: dict[str, Story] = {
    "works": works(),
    "works at the second try": works_again(),
    "reset by its name": tls_trouble(RESET),
    "reset whatever the name": tls_trouble(RESET, isolated=False),
    "silence": tls_trouble(SILENCE),
    "nxdomain": dns_trouble("dns_nxdomain_error"),
    "nxdomain, and DoH cut": dns_trouble("dns_nxdomain_error", elsewhere=False),
    "refused": tcp_trouble("connection_refused"),
    "a foreign certificate": bad_certificate(),
    "offline": offline(),
}


@pytest.mark.parametrize("name", SCENES)
def test_a_finding_is_the_one_that_the_collector_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The engine over the same entries, whose court may judge a case several times: its last word counts."""
    minutes, feed = Minutes(monkeypatch), Feed(agents={"ptcl": 2, "jazz": 1})
    entries = feed.rounds(NOON, NOON + 300, {"ptcl": SCENES[name]})
    engine = make_engine(CATALOGUE)
    for entry in sorted(entries, key=lambda entry: entry.at):
        engine.advance(entry.at)
        engine.apply(entry)
    found = judged(tmp_path, entries)
    assert len(found) > 20
    assert minutes.rules == {(one.isp, one.measurement.started_at.timestamp()): one.finding.rule for one in found}


def test_controls_of_that_time_come_along(tmp_path: Path) -> None:
    looks = [measured("c", "abroad", works().measurement(at=NOON + at)) for at in (-900, -30, 40, 70)]
    (one,) = judged(tmp_path, [*looks, measured("a", "ptcl", tls_trouble(RESET).measurement())])
    assert [-30.0, 40.0] == [control.started_at.timestamp() - NOON for control in one.controls]


def test_references_that_fail_explain_a_failure(tmp_path: Path) -> None:
    broken = replace(tcp_trouble(SILENCE, target=REFERENCE).measurement(at=NOON - 5, platform=""), target=REFERENCE)
    controls = [measured("c", "abroad", works().measurement(at=NOON + at)) for at in (-20, 20)]
    failing = measured("a", "ptcl", tcp_trouble(SILENCE).measurement())
    assert "tcp.timeout.control_connects" in findings(judged(tmp_path, [*controls, failing]))
    (tmp_path / "b").mkdir()
    found = judged(tmp_path / "b", [*controls, measured("a", "ptcl", broken), failing])
    assert "vantage.references_fail" == found[-1].finding.rule
    assert 1 == len(found[-1].references)


def test_references_that_failed_before_the_line_worked_again_explain_nothing(tmp_path: Path) -> None:
    broken = replace(tcp_trouble(SILENCE, target=REFERENCE).measurement(at=NOON - 50, platform=""), target=REFERENCE)
    controls = [measured("c", "abroad", works().measurement(at=NOON + at)) for at in (-60, 20)]
    fine = measured("a", "ptcl", works().measurement(at=NOON - 25))
    failing = measured("a", "ptcl", tcp_trouble(SILENCE).measurement())
    found = judged(tmp_path, [*controls, measured("a", "ptcl", broken), fine, failing])
    assert ["tcp.timeout.control_connects", 0] == [found[-1].finding.rule, len(found[-1].references)]


def quic(target: str, failure: str | None, at: float) -> Measured:
    told = story(target, "x.com").names(NEAR)
    for _ in range(2 if failure else 1):
        handshake = QuicHandshake(
            address=NEAR,
            port=443,
            server_name="x.com",
            source=AddressSource.SYSTEM,
            verified=True,
            server_answered=failure is None,
        )
        told.sees(handshake, failure).again()
    return measured("a", "ptcl", told.measurement(at=at))


def test_what_the_agent_got_through_to_a_little_later_is_known(tmp_path: Path) -> None:
    """Silence of QUIC counts only where the same agent gets through to somebody else."""
    silent = quic(QUIC, Failure.GENERIC_TIMEOUT, NOON)
    assert [None] == [one.background.quic_works for one in judged(tmp_path, [silent])]
    (tmp_path / "b").mkdir()
    found = judged(tmp_path / "b", [silent, quic(OTHER_QUIC, None, NOON + 30)])
    assert [True, False] == [one.background.quic_works for one in found]


def test_only_what_is_wanted_is_given_out(tmp_path: Path) -> None:
    entries = [
        measured("a", "ptcl", works().measurement(at=NOON)),
        measured("b", "jazz", works().measurement(at=NOON + 10)),
        measured("a", "ptcl", works().measurement(at=NOON + 20)),
        measured("c", "abroad", works().measurement(at=NOON + 15)),
    ]
    for number, (wanted, expected) in enumerate(
        [
            (Selection(), [0, 10, 20]),
            (Selection(since=NOON + 10), [10, 20]),
            (Selection(until=NOON + 20), [0, 10]),
            (Selection(isp="ptcl"), [0, 20]),
            (Selection(platform="y"), []),
        ]
    ):
        (path := tmp_path / str(number)).mkdir()
        found = judged(path, entries, wanted)
        assert expected == [one.measurement.started_at.timestamp() - NOON for one in found]


def test_a_selection_needs_no_more_than_is_near_it(tmp_path: Path) -> None:
    """The controls of a wanted measurement may have looked outside of the wanted time."""
    controls = [measured("c", "abroad", works().measurement(at=NOON + at)) for at in (-30, 30)]
    failing = measured("a", "ptcl", tls_trouble(RESET, isolated=None).measurement())
    (one,) = judged(tmp_path, [*controls, failing], Selection(since=NOON, until=NOON + 1))
    assert "tls.reset.control_valid" == one.finding.rule


def test_a_late_measurement_is_judged_by_the_controls_of_its_own_time(tmp_path: Path) -> None:
    controls = [measured("c", "abroad", works().measurement(at=NOON + at)) for at in range(-30, 7200, 60)]
    late = measured("a", "ptcl", tls_trouble(RESET, isolated=None).measurement(), delay_s=7000)
    (one,) = judged(tmp_path, [*controls, late])
    assert "tls.reset.control_valid" == one.finding.rule


def test_the_isps_of_the_feed_are_known() -> None:
    assert "ptcl" in {isp.id for isp in ISPS}
