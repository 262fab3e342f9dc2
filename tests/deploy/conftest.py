"""One story for the whole folder, watched by the real Prometheus and Alertmanager as they ship.

It is played once, in a thread of its own; then the collector and its agents end, and Prometheus stays up with what it
has scraped until the tests are over: query it at one of the story's `moments`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import require
from support.watched import Watched, watch

BUILD = Path(__file__).resolve().parents[2] / "build"
TABLE: list[str] = []


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The story as Prometheus and a webhook saw it."""
    require("prometheus", "prometheus")
    require("prometheus-alertmanager", "prometheus-alertmanager")
    with watch(tmp_path_factory.mktemp("watched")) as seen:
        TABLE.extend(seen.table())
        BUILD.mkdir(exist_ok=True)
        (BUILD / "alerts.json").write_text(json.dumps(seen.delays(), indent=1), encoding="utf-8")
        yield seen


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first waits for the story."""
    for item in items:
        if "watched" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE:
        terminalreporter.section("alerts, from the censor's switch to the webhook")
        for line in TABLE:
            terminalreporter.write_line(line)
