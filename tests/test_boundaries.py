"""The layout is the architecture: who may import whom, and which modules may not touch the world."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {name: ROOT / name / "src" / f"rabta_{name}" for name in ("proto", "agent", "collector")}
THE_WORLD = {"asyncio", "socket", "grpc", "time", "random", "ssl", "sqlite3", "aiohttp", "subprocess", "threading"}
PURE = {
    "agent": [
        "addresses.py",
        "backoff.py",
        "budget.py",
        "candidates.py",
        "categories.py",
        "ceilings.py",
        "cli/invitation.py",
        "cli/plain.py",
        "charset.py",
        "clockwatch.py",
        "cli/paths.py",
        "contacts.py",
        "cutoff.py",
        "digest.py",
        "endpoint.py",
        "errands.py",
        "holds.py",
        "inflight.py",
        "ladder.py",
        "lanes.py",
        "pin.py",
        "probes/packets.py",
        "proxy.py",
        "rest.py",
        "schedule.py",
        "sealed.py",
        "sweep.py",
        "traffic.py",
        "urls.py",
    ],
    "collector": [
        "admit.py",
        "agenda.py",
        "api.py",
        "asking.py",
        "atom.py",
        "backfill.py",
        "badge.py",
        "briefing.py",
        "catalogue.py",
        "cells.py",
        "chronicle.py",
        "consensus.py",
        "controls.py",
        "court.py",
        "csvform.py",
        "disclosure.py",
        "dossier.py",
        "echoes.py",
        "engine.py",
        "entries.py",
        "eventtime.py",
        "folding.py",
        "greeting.py",
        "jetstream/documents.py",
        "jetstream/frame.py",
        "jetstream/place.py",
        "judging.py",
        "export/anonymous.py",
        "history/fold.py",
        "history/places.py",
        "limits.py",
        "listing.py",
        "metrics.py",
        "nation.py",
        "openapi.py",
        "outage.py",
        "pages/attachment.py",
        "pages/changes.py",
        "pages/chart.py",
        "pages/country.py",
        "pages/described.py",
        "pages/evidence.py",
        "pages/headlines.py",
        "pages/languages.py",
        "pages/method.py",
        "pages/moments.py",
        "pages/names.py",
        "pages/particulars.py",
        "pages/sheet.py",
        "pages/steps.py",
        "pages/strip.py",
        "pages/words.py",
        "parts.py",
        "past.py",
        "pin.py",
        "plain.py",
        "prefixes.py",
        "pressure.py",
        "provinces.py",
        "query.py",
        "question.py",
        "rates.py",
        "archive/chain.py",
        "archive/keeping.py",
        "record/lines.py",
        "record/rollup.py",
        "rfc3339.py",
        "schemas.py",
        "sealed.py",
        "sequences.py",
        "roles/balance.py",
        "roles/bulletin.py",
        "roles/burial.py",
        "roles/chorus.py",
        "roles/held.py",
        "roles/neighbours.py",
        "roles/rolls.py",
        "roles/roster.py",
        "roles/seats.py",
        "roles/whose.py",
        "series.py",
        "share.py",
        "state.py",
        "tallies.py",
        "timeline.py",
        "verdict/background.py",
        "verdict/changeover.py",
        "verdict/classify.py",
        "verdict/decide.py",
        "verdict/evidence.py",
        "verdict/facts.py",
        "verdict/fingerprints.py",
        "verdict/instruments.py",
        "verdict/legs.py",
        "verdict/manners.py",
        "verdict/naming.py",
        "verdict/once.py",
        "verdict/pages.py",
        "verdict/responses.py",
        "verdict/rule.py",
        "verdict/rules.py",
        "verdict/support.py",
        "verdict/table/addresses.py",
        "verdict/table/controls.py",
        "verdict/table/handshakes.py",
        "verdict/table/lies.py",
        "verdict/table/names.py",
        "verdict/table/pages.py",
        "verdict/table/quic.py",
        "verdict/table/vantage.py",
        "verdict/vote.py",
        "verdict/weights.py",
        "verdict/wording.py",
        "windows.py",
    ],
    "proto": ["locating.py", "model.py", "trace.py", "traces.py", "vocabulary.py"],
}


def imported(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, at any depth of nesting."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def files(name: str) -> list[Path]:
    return sorted(SOURCES[name].rglob("*.py"))


@pytest.mark.parametrize(("name", "forbidden"), [("agent", {"rabta_collector"}), ("collector", {"rabta_agent"})])
def test_agent_and_collector_know_each_other_only_through_the_schema(name: str, forbidden: set[str]) -> None:
    assert {} == {path.name: packages(path) & forbidden for path in files(name) if packages(path) & forbidden}


def test_the_schema_knows_neither_agent_nor_collector() -> None:
    assert not any(packages(path) & {"rabta_agent", "rabta_collector"} for path in files("proto"))


def test_probes_never_import_grpc() -> None:
    assert not any("grpc" in packages(path) for path in files("agent") if path.parent.name == "probes")


@pytest.mark.parametrize(("name", "module"), [(name, module) for name, modules in PURE.items() for module in modules])
def test_a_pure_module_does_not_touch_the_world(name: str, module: str) -> None:
    assert set() == packages(SOURCES[name] / module) & THE_WORLD


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_source_file_is_longer_than_a_reader_bears(name: str) -> None:
    hand_written = [path for path in files(name) if "_pb2" not in path.name and path.name != "rules.py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in hand_written}
    assert {} == {path: length for path, length in lengths.items() if length > 300}
