"""Rows of exports in the history: they stand as they were told."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rabta_collector.catalogue import Catalogue, Isp, Platform, Target
from rabta_collector.export.reading import Told
from rabta_collector.history import keeper
from rabta_collector.history.exported import Seen, admitting
from rabta_collector.history.file import HistoryFile
from rabta_collector.history.importing import Importer, Skipped
from rabta_collector.history.keeper import refresh
from rabta_collector.history.places import Places, Reason, make_places, read_places
from rabta_collector.history.reading import read_past
from rabta_proto.vocabulary import IspKind, Judgement, Mechanism
from support.factories import NOON

TOLD = Told(
    time=datetime.fromtimestamp(NOON, UTC),
    platform="x",
    isp="ptcl",
    target="https://x.com/",
    judgement=Judgement.BLOCKED,
    mechanism=Mechanism.TLS_RESET_SNI,
    rule="tls.reset.sni.isolated",
)
VPN = "openvpn://vpn.example:1194"


def places(*isps: str, vpn: bool = True) -> Places:
    targets = [Target(url="https://x.com/", platform="x"), Target(url=VPN, platform="x", required=vpn)]
    catalogue = Catalogue(platforms=(Platform(id="x", name="X", category="NEWS", targets=tuple(targets)),))
    return make_places(catalogue, [Isp(id=isp, name=isp, kind=IspKind.FIXED) for isp in isps])


def take(file: HistoryFile, *rows: Told, where: Places) -> Importer:
    importer = Importer(file=file, trouble=print)
    with closing(Seen()) as seen:
        importer.take(rows, admitting(where, seen, NOON + 3600))
    importer.flush()
    refresh(file, where, lambda done, of: True)
    return importer


def states(path: Path) -> list[tuple[str, str]]:
    found = read_past(path, isp=None, platform=None, since=None, until=None)
    return [(one.isp, str(one.span.state)) for one in found]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (replace(TOLD, platform=""), Reason.REFERENCE),
        (replace(TOLD, target="https://other.example/"), Reason.OTHER_HOST),
        (replace(TOLD, target="openvpn://other.example:1194"), Reason.OTHER_TARGET),
        (replace(TOLD, isp="jazz"), Reason.OTHER_ISP),
        (replace(TOLD, isp=""), Reason.OTHER_ISP),
        (replace(TOLD, time=datetime.fromtimestamp(0, UTC)), Reason.NO_TIME),
        (replace(TOLD, time=TOLD.time + timedelta(days=1)), Reason.FUTURE),
    ],
)
def test_what_belongs_nowhere_is_left_out_for_a_reason(told: Told, reason: Reason) -> None:
    with closing(Seen()) as seen:
        assert Skipped(reason=reason) == admitting(places("ptcl"), seen, NOON + 3600)(told)


def test_a_target_that_is_no_site_counts_where_its_platform_needs_it(tmp_path: Path) -> None:
    told = replace(TOLD, target=VPN, mechanism=Mechanism.VPN_TIMEOUT, rule="vpn.timeout.control_answered")
    with closing(HistoryFile(tmp_path / "a")) as file:
        assert 1 == take(file, told, where=places("ptcl")).counts.imported
        assert [("ptcl", "blocked")] == states(file.path)
        assert 1 == take(file, told, where=places("ptcl", vpn=False)).counts.skipped[Reason.OTHER_TARGET]


def test_places_of_an_older_collector_are_read_without_them() -> None:
    now = places("ptcl")
    assert now == read_places(now.to_json())
    assert frozenset() == read_places('{"sites": {}, "isps": {}, "needs": {}}').names


def test_other_rules_leave_it_as_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(HistoryFile(tmp_path / "a")) as file:
        take(file, TOLD, where=places("ptcl"))
        assert [("ptcl", "blocked")] == states(file.path)
        monkeypatch.setattr(keeper, "RULES_VERSION", 999)
        refresh(file, places("ptcl"), lambda done, of: True)
        assert [("ptcl", "blocked")] == states(file.path)


def test_an_isp_that_is_watched_no_more_loses_it_and_gets_it_again(tmp_path: Path) -> None:
    with closing(HistoryFile(tmp_path / "a")) as file:
        take(file, TOLD, where=places("ptcl"))
        refresh(file, places("jazz"), lambda done, of: True)
        assert [] == states(file.path)
        refresh(file, places("ptcl"), lambda done, of: True)
        assert [("ptcl", "blocked")] == states(file.path)


def test_equal_rows_are_told_apart_by_their_number() -> None:
    with closing(Seen()) as seen:
        assert [0, 1, 0, 2] == [seen.before(row) for row in (b"a", b"a", b"b", b"a")]
