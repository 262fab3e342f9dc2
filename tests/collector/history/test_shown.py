"""What a collector shows of the past."""

from contextlib import closing
from pathlib import Path

import pytest
import structlog

from rabta_collector.history.file import HistoryFile
from rabta_collector.history.fold import PastSpan
from rabta_collector.history.places import make_places
from rabta_collector.history.shown import History
from rabta_collector.history.spans import write_spans
from rabta_collector.isps import default_isps
from rabta_collector.query import Query
from rabta_collector.record.file import RecordFile
from rabta_collector.state import Witness
from rabta_collector.targets import default_catalogue
from rabta_proto.vocabulary import Mechanism, State

PLACES = make_places(default_catalogue(), default_isps())
WITNESS = (Witness(rule="dns.nxdomain.control_resolves", count=3),)
SPAN = PastSpan(
    state=State.BLOCKED, mechanism=Mechanism.DNS_NXDOMAIN, since=3600.0, until=7200.0, findings=3, witness=WITNESS
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    with closing(HistoryFile(path)) as file, file.transaction():
        file.replace_spans(("ptcl", "x"), [SPAN])
        file.replace_spans(("jazz", "x"), [SPAN])
    return path


def test_spans_are_those_of_the_question_and_marked_as_revised(path: Path) -> None:
    (span,) = History(path, path.with_name("record.sqlite"), PLACES).spans(Query(isp="ptcl"))
    assert ("x", "ptcl", "blocked", Mechanism.DNS_NXDOMAIN, 3600.0, 7200.0, True, WITNESS) == (
        span.platform,
        span.isp,
        span.state,
        span.mechanism,
        span.since,
        span.until,
        span.revised,
        span.witness,
    )
    assert () == History(path, path.with_name("record.sqlite"), PLACES).spans(Query(since=10_000.0))


def test_what_was_imported_a_moment_ago_is_there(path: Path) -> None:
    history = History(path, path.with_name("record.sqlite"), PLACES)
    assert 1 == len(history.spans(Query(isp="ptcl")))
    with closing(HistoryFile(path)) as file, file.transaction():
        file.replace_spans(("ptcl", "x"), [])
    assert 0 == len(history.spans(Query(isp="ptcl")))


def test_a_collector_without_a_history_has_none_and_makes_none(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite", tmp_path / "record.sqlite", PLACES)
    history.refresh()
    assert () == history.spans(Query())
    assert [] == list(tmp_path.iterdir())


def test_a_damaged_history_costs_a_line_in_the_log_and_nothing_else(tmp_path: Path) -> None:
    (path := tmp_path / "history.sqlite").write_text("no database " * 100)
    history = History(path, path.with_name("record.sqlite"), PLACES)
    with structlog.testing.capture_logs() as logs:
        assert () == history.spans(Query())
        history.refresh()
    assert ["history.unreadable", "history.unusable"] == [entry["event"] for entry in logs]
    assert all("file is not a database" in entry["message"] for entry in logs)


def test_a_refresh_goes_on_until_it_is_stopped(path: Path) -> None:
    """Spans without findings go; those of a stopped refresh stay."""
    stopped = History(path, path.with_name("record.sqlite"), PLACES)
    stopped.stop()
    with closing(HistoryFile(path)) as file:
        file.mark_all_changed()
    stopped.refresh()
    assert 2 == len(stopped.spans(Query()))
    history = History(path, path.with_name("record.sqlite"), PLACES)
    history.refresh()
    assert () == history.spans(Query())


def test_what_our_own_agents_sent_late_goes_before_what_others_measured(tmp_path: Path) -> None:
    path, record = tmp_path / "history.sqlite", tmp_path / "record.sqlite"
    other = PastSpan(state=State.REACHABLE, mechanism=None, since=0.0, until=3 * 3600.0)
    own = PastSpan(state=State.BLOCKED, mechanism=Mechanism.TLS_RESET_SNI, since=3600.0, until=7200.0)
    with closing(HistoryFile(path)) as file, file.transaction():
        file.replace_spans(("ptcl", "x"), (other,))
    with closing(RecordFile(record)) as kept, kept.transaction():
        write_spans(kept.connection, "ptcl", "x", (own,))
    spans = History(path, record, PLACES).spans(Query())
    assert [("reachable", 0.0), ("blocked", 3600.0), ("reachable", 7200.0)] == [(one.state, one.since) for one in spans]
