"""Grafana's boards: whole, about metrics that exist, and every query answered by a real Prometheus."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.metrics import CATALOGUE, Kind
from rabta_collector.query import Form, parse_query
from rabta_collector.web import make_app
from rabta_proto.vocabulary import IspState, State
from support.country import Country
from support.programs import require
from support.scraped import Scraped, serving, several, write_scrape
from support.watched import Watched

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
BOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
# What Prometheus itself and the standard process collector make of a target.
NOT_OURS = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "process_cpu_seconds_total"}
NOT_OURS |= {"process_resident_memory_bytes"}
MADE_BY_SCRAPING = {"instance", "job", "le"}
# How the variables are filled in where a board has one of its own, and where it has several.
CHOSEN = {"platform": "x", "isp": "ptcl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One query of one panel, as Grafana would send it."""

    board: str
    panel: str
    expr: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}"


def filled(board: dict[str, Any], text: str, rate_interval: str) -> str:
    several = {held["name"] for held in board["templating"]["list"] if held.get("multi")}
    values = {name: ".+" if name in several else value for name, value in CHOSEN.items()}
    values["__rate_interval"] = rate_interval
    return re.sub(r"\$(\w+)", lambda named: values[named[1]], text)


def queries(rate_interval: str = "4m") -> list[Shown]:
    return [
        Shown(
            board=name,
            panel=panel["title"],
            expr=filled(board, target["expr"], rate_interval),
            instant=target["instant"],
        )
        for name, board in BOARDS.items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def all_links(board: dict[str, Any]) -> Iterator[str]:
    """Every link of a board's panels and of the board itself."""
    for panel in board["panels"]:
        field = panel["fieldConfig"]
        yield from (link["url"] for link in field["defaults"].get("links", []))
    yield from (link["url"] for link in board["links"] if "url" in link)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    folder = tmp_path_factory.mktemp("scraped")
    require("prometheus", "prometheus")
    write_scrape(folder / "scrape.txt")
    with serving(folder, folder / "scrape.txt") as made:
        yield made


@pytest.fixture(scope="module")
def of_several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """The same country as several processes show it."""
    folder = tmp_path_factory.mktemp("several")
    require("prometheus", "prometheus")
    write_scrape(folder / "scrape.txt", several)
    with serving(folder, folder / "scrape.txt") as made:
        yield made


def test_the_files_are_what_is_generated() -> None:
    command = [sys.executable, str(GRAFANA / "boards.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_there_are_four_with_the_uids_that_alerts_and_links_know() -> None:
    assert {name: f"rabta-{name}" for name in ("country", "platform", "isp", "fleet")} == {
        name: board["uid"] for name, board in BOARDS.items()
    }


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    board = BOARDS[name]
    assert board["editable"] is False
    assert len(board["panels"]) == len({panel["id"] for panel in board["panels"]})
    for panel in board["panels"]:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert "${datasource}" == panel["datasource"]["uid"]


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        squares = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert set() == squares & taken, panel["title"]
        taken |= squares


def test_every_state_has_a_word_and_a_colour_of_its_own_and_no_data_has_none() -> None:
    found = [
        panel["fieldConfig"]["defaults"]["mappings"]
        for board in BOARDS.values()
        for panel in board["panels"]
        if panel["fieldConfig"]["defaults"].get("mappings")
    ]
    assert len(found) >= 6
    for values, nothing in found:
        words = {key for key in values["options"] if not key.isdigit()}
        assert words in ({str(state) for state in State}, {str(state) for state in IspState}, {"reading", "current"})
        colours = {option["color"] for option in values["options"].values()}
        assert len(words) == len(colours) == len({option["text"] for option in values["options"].values()})
        assert "transparent" == nothing["options"]["result"]["color"]
        assert colours.isdisjoint({"transparent"})


def test_gaps_are_never_joined() -> None:
    panels = [panel for board in BOARDS.values() for panel in board["panels"]]
    drawn = [
        panel["fieldConfig"]["defaults"]["custom"]
        for panel in panels
        if panel["type"] in ("state-timeline", "timeseries")
    ]
    assert drawn
    assert all(custom["spanNulls"] is False for custom in drawn)


def urls() -> set[str]:
    """Every link of every board, for X at PTCL over an hour; the collector's begin with `page/`."""
    filling = {"__from:date:iso": "2024-02-17T12:00:00.000Z", "__to:date:iso": "2024-02-17T13:00:00.000Z"}
    filling |= {"page": "page", "__data.fields[0]": "x", "__data.fields.platform": "x", "__field.labels.platform": "x"}
    filling |= dict.fromkeys(("__field.name", "__data.fields.isp", "__field.labels.isp"), "ptcl") | CHOSEN
    return {
        re.sub(r"\$(?:\{([^}]*)\}|(\w+))", lambda m: filling.get(m[1] or m[2], "a"), url)
        for board in BOARDS.values()
        for url in all_links(board)
    }


def test_every_link_leads_to_a_board_or_to_an_answer_of_the_collector() -> None:
    uids = {board["uid"] for board in BOARDS.values()}
    assert len(urls()) > 6
    for url in urls():
        parts = urlsplit(url)
        if parts.path.startswith("/d/"):
            assert parts.path.removeprefix("/d/") in uids
            assert {"from", "to"} <= set(parse_qs(parts.query))
        elif parts.path.startswith("page/api/"):
            listing = parts.path.removeprefix("page/api/v1/")
            assert listing in ("timeline", "events")
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}.items()
            assert Form.JSON is parse_query(asked, {"platform", "isp", "since", "until"}).form
        else:
            assert parts.path.startswith("page/")


async def test_a_cell_a_platform_and_an_isp_lead_to_their_pages() -> None:
    paths = {url.removeprefix("page") for url in urls() if url.startswith("page")}
    assert {"/", "/cell/x/ptcl", "/platform/x", "/isp/ptcl"} <= paths
    async with TestClient(TestServer(make_app(Country()))) as client:
        for path in paths:
            assert 200 == (await client.get(path)).status, path


def test_every_query_is_one_and_names_what_exists(tmp_path: Path) -> None:
    rules = [{"record": f"a:{number}", "expr": shown.expr} for number, shown in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}), encoding="utf-8"
    )
    command = [require("promtool", "prometheus"), "check", "rules", "--lint=none", str(tmp_path / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    for shown in queries():
        assert set() == unknown_words(shown.expr), str(shown)


def unknown_words(expr: str) -> set[str]:
    """Metrics and labels in a query that nothing exposes."""
    suffixes = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    known = {m.name + suffix for m in CATALOGUE for suffix in suffixes.get(m.kind, ("",))} | NOT_OURS
    labels = {label for metric in CATALOGUE for label in metric.labels} | MADE_BY_SCRAPING
    named = set(re.findall(r"\b(?:rabta|process|scrape)_\w+|\bup\b", expr))
    grouped = {
        word for group in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expr) for word in re.findall(r"\w+", group)
    }
    matched = {label for inside in re.findall(r"\{([^}]*)\}", expr) for label in re.findall(r"(\w+)=~?", inside)}
    return (named - known) | ((grouped | matched) - labels)


def test_every_query_is_answered_by_the_prometheus_that_watched_the_story(watched: Watched) -> None:
    """Over the whole story, or at its height. `$__rate_interval` is four scrapes, as Grafana has it."""
    empty = [
        str(shown)
        for shown in queries("20s")
        if not any_number(watched.query(shown.expr) if shown.instant else watched.query_range(shown.expr))
    ]
    assert [] == empty


def any_number(rows: list[Any]) -> bool:
    values = [row["value"] for row in rows if "value" in row] + [pair for row in rows for pair in row.get("values", ())]
    return any(number != "NaN" for _, number in values)


def test_the_matrix_shows_the_states_that_stand(scraped: Scraped) -> None:
    shown = next(shown for shown in queries() if shown.panel == "Platforms by ISPs, now")
    values = {
        (row["metric"]["platform"], row["metric"]["isp"]): float(row["value"][1]) for row in scraped.query(shown.expr)
    }
    assert 12 * 9 == len(values)
    wanted = {("x", "ptcl"): 4, ("x", "zong"): 3, ("x", "transworld"): 2, ("dw", "optix"): 0, ("voa-urdu", "ptcl"): 5}
    assert wanted | {("signal", "ptcl"): 1} == {cell: values[cell] for cell in (*wanted, ("signal", "ptcl"))}


def test_every_query_is_answered_alike_by_one_process_and_by_several(scraped: Scraped, of_several: Scraped) -> None:
    """But for panels that show each process."""
    shown_by_all = [shown for shown in queries() if "(instance)" not in shown.expr]
    answered = 0
    for shown in shown_by_all:
        alone, split = (rounded(source.query(shown.expr)) for source in (scraped, of_several))
        assert alone == split, str(shown)
        answered += bool(alone)
    assert answered > len(shown_by_all) / 2


def rounded(rows: list[Any]) -> list[tuple[str, str]]:
    """Sums in another order differ in the last digit."""
    return sorted((str(sorted(row["metric"].items())), f"{float(row['value'][1]):.9g}") for row in rows)


def test_parts_of_a_platform_have_bands_of_their_own(scraped: Scraped) -> None:
    shown = next(shown for shown in queries() if shown.panel == "Its parts by ISP")
    rows = scraped.query(shown.expr.replace('"x"', '"whatsapp"'))
    values = {(row["metric"]["isp"], row["metric"]["part"]): float(row["value"][1]) for row in rows}
    assert 2 * 8 == len(values)
    assert {("zong", "messages"): 1, ("zong", "media"): 3} == {
        cell: values[cell] for cell in values if cell[0] == "zong"
    }
    assert 1 == values["ptcl", "media"]


def test_what_is_wrong_now_has_its_mechanism_and_its_moment(scraped: Scraped) -> None:
    shown = next(shown for shown in queries() if shown.panel == "What is wrong now" and shown.board == "country")
    rows = {(row["metric"]["platform"], row["metric"]["isp"]): row for row in scraped.query(shown.expr)}
    assert ("blocked", "tls.reset.sni") == tuple(rows["x", "ptcl"]["metric"][label] for label in ("state", "mechanism"))
    assert pytest.approx(scraped.end - 3600, abs=1) == float(rows["x", "ptcl"]["value"][1]) / 1000
    assert "mechanism" not in rows["x", "transworld"]["metric"]
    assert ("signal", "ptcl") not in rows


def test_provisioning_names_what_is_there() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "rabta.yml").read_text(encoding="utf-8"))
    boards = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "rabta.yml").read_text(encoding="utf-8"))
    assert ["$RABTA_PROMETHEUS"] == [entry["url"] for entry in source["datasources"]]
    assert ["$RABTA_BOARDS"] == [provider["options"]["path"] for provider in boards["providers"]]
