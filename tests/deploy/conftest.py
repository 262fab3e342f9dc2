"""Stories for the whole folder, watched by the real Prometheus and Alertmanager.

They are played once, side by side, in threads of their own; then collectors and agents end, and each Prometheus stays
up with what it has scraped until the tests are over: query it at one of the story's `moments`.
"""

import json
from collections.abc import Iterator

import pytest

from support.blockade import Blockade
from support.programs import ALERTS, require
from support.troubles import Breakdown, Fleet
from support.watched import Showing, Watched, watch

STORIES = {"watched", "fleet", "breakdown"}


@pytest.fixture(scope="session")
def showings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Showing]]:
    """All stories, begun."""
    require("prometheus", "prometheus")
    require("prometheus-alertmanager", "prometheus-alertmanager")
    delays: dict[str, float | None] = {}
    lines: list[str] = []
    with watch(tmp_path_factory.mktemp("stories"), Fleet, Breakdown, Blockade) as begun:
        yield begun
        for seen in [showing.seen() for showing in begun if showing.over]:
            lines.extend(seen.table())
            delays |= seen.delays()
    ALERTS.parent.mkdir(exist_ok=True)
    ALERTS.with_suffix(".json").write_text(json.dumps(delays, indent=1), encoding="utf-8")
    ALERTS.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


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
