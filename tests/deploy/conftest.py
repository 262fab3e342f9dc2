"""Stories for the whole folder, watched by the real Prometheus and Alertmanager.

They are played once, side by side, in threads of their own; then collectors and agents end, and each Prometheus stays
up with what it has scraped until the tests are over: query it at one of the story's `moments`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.blockade import Blockade
from support.programs import require
from support.troubles import Breakdown, Fleet
from support.watched import Showing, Watched, watch

BUILD = Path(__file__).resolve().parents[2] / "build"
TABLE: list[str] = []
STORIES = {"watched", "fleet", "breakdown"}


@pytest.fixture(scope="session")
def showings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Showing]]:
    """All stories, begun."""
    require("prometheus", "prometheus")
    require("prometheus-alertmanager", "prometheus-alertmanager")
    delays: dict[str, float | None] = {}
    with watch(tmp_path_factory.mktemp("stories"), Fleet, Breakdown, Blockade) as begun:
        yield begun
        for seen in [showing.seen() for showing in begun if showing.over]:
            TABLE.extend(seen.table())
            delays |= seen.delays()
    BUILD.mkdir(exist_ok=True)
    (BUILD / "alerts.json").write_text(json.dumps(delays, indent=1), encoding="utf-8")


@pytest.fixture(scope="session")
def watched(showings: list[Showing]) -> Watched:
    """Blocks and a shutdown, with what ships."""
    return showings[2].seen()


@pytest.fixture(scope="session")
def fleet(showings: list[Showing]) -> Watched:
    """Sites, agents and controls that fail; hurried."""
    return showings[0].seen()


@pytest.fixture(scope="session")
def breakdown(showings: list[Showing]) -> Watched:
    """The collector itself; hurried."""
    return showings[1].seen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first waits for the stories."""
    for item in items:
        if STORIES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(600))
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE:
        terminalreporter.section("alerts, from the censor's switch to the webhook")
        for line in TABLE:
            terminalreporter.write_line(line)
