"""The four boards: `python deploy/grafana/boards.py` writes dashboards/*.json, which Grafana is provisioned with.

Names of metrics and labels are those of rabta_collector/metrics.py; uids and variables are in links of alerts and never
change. `--page URL` sets where links to the collector's page lead, `--check` says whether the files are current.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import board_country
import board_fleet
import board_isp
import board_platform
from panels import SOURCE, WIDE, Json, Panels

HERE = Path(__file__).parent
PAGE = "http://127.0.0.1:8080"


def variable(name: str, query: str, *, multi: bool) -> Json:
    every = {"includeAll": True, "multi": True, "current": {"text": ["All"], "value": ["$__all"]}, "allValue": ".+"}
    chosen = every if multi else {"includeAll": False, "multi": False, "current": {}}
    asked = {"query": query, "refId": name}
    return {
        "name": name,
        "type": "query",
        "label": name.capitalize() if name != "isp" else "ISP",
        "datasource": SOURCE,
        "query": asked,
        "definition": query,
        "refresh": 2,
        "sort": 1,
        **chosen,
    }


def variables(page: str, several: Sequence[str], one: str = "") -> list[Json]:
    asked = {"platform": "label_values(rabta_verdict, platform)", "isp": "label_values(rabta_isp_info, isp)"}
    order = [*([one] if one else []), *several]
    return [
        {"name": "datasource", "type": "datasource", "label": "Data source", "query": "prometheus", "current": {}},
        *(variable(name, asked[name], multi=name != one) for name in order),
        {"name": "page", "type": "constant", "query": page, "current": {"text": page, "value": page}, "hide": 2},
    ]


def place(panels: Panels) -> list[Json]:
    """Panels from left to right and from above, each with its id."""
    x = y = tallest = 0
    placed: list[Json] = []
    for number, (width, height, panel) in enumerate(panels, start=1):
        if x + width > WIDE:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number, **panel, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, tallest = x + width, max(tallest, height)
    return placed


def board(uid: str, title: str, description: str, panels: Panels, held: list[Json], page_of: str = "/") -> Json:
    """A board. `page_of`: the collector's page about the same."""
    others = {
        "type": "dashboards",
        "tags": ["rabta"],
        "title": "Rabta",
        "keepTime": True,
        "includeVars": True,
        "asDropdown": False,
    }
    page = {
        "type": "link",
        "title": "The collector's page",
        "url": "${page}" + page_of,
        "targetBlank": True,
        "icon": "external link",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["rabta"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [others, page],
        "templating": {"list": held},
        "annotations": {"list": []},
        "panels": place(panels),
    }


def boards(page: str = PAGE) -> dict[str, Any]:
    """Every board by the name of its file."""
    return {
        "country": board(
            "rabta-country",
            "Rabta: country",
            "What is blocked where, at a glance.",
            board_country.PANELS,
            variables(page, ["platform"]),
        ),
        "platform": board(
            "rabta-platform",
            "Rabta: platform",
            "One platform at every ISP.",
            board_platform.PANELS,
            variables(page, ["isp"], "platform"),
            "/platform/$platform",
        ),
        "isp": board(
            "rabta-isp",
            "Rabta: ISP",
            "One ISP and every platform there.",
            board_isp.PANELS,
            variables(page, ["platform"], "isp"),
            "/isp/$isp",
        ),
        "fleet": board(
            "rabta-fleet",
            "Rabta: fleet and collector",
            "Agents, controls and the collector itself.",
            board_fleet.PANELS,
            variables(page, []),
        ),
    }


def to_text(made: Json) -> str:
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--page", default=PAGE, help="address of the collector's page")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not current")
    options = parser.parse_args()
    files = {HERE / "dashboards" / f"{name}.json": to_text(made) for name, made in boards(options.page).items()}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        sys.stderr.writelines(f"{path.name} is not current: run python deploy/grafana/boards.py\n" for path in stale)
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
