"""Panels of the boards as Grafana's JSON: what a state looks like, where a cell leads, one function per kind of panel.

Colours are Okabe and Ito's, as on the collector's page, and every state has a symbol and a word besides. What was not
measured is drawn as nothing at all: no panel joins across a gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

Panels = Sequence[tuple[int, int, Json]]  # width, height, and the panel
WIDE = 24  # the whole width

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
RANGE = "from=${__from}&to=${__to}"
SINCE = "since=${__from:date:iso}&until=${__to:date:iso}"
SORTED = {"sortBy": "Last *", "sortDesc": True}  # of many lines at zero the others come first
NEUTRAL = "#8e8e8e"
_DASH = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}}
DASHED = [{"matcher": {"id": "byFrameRefID", "options": "B"}, "properties": [_DASH]}]  # lines of the second query
# State, number, symbol and word, colour. Inconclusive is 0: none of the other five stands.
STATES = (
    ("inconclusive", 0, "? inconclusive", "#c7c7c7"),
    ("reachable", 1, "✓ reachable", "#009e73"),
    ("disrupted", 2, "~ disrupted", "#f0e442"),
    ("throttled", 3, "▼ throttled", "#e69f00"),
    ("blocked", 4, "✕ blocked", "#b34600"),
    ("down", 5, "○ down", "#cc79a7"),
)
ISP_STATES = (
    ("unknown", 0, "? unknown", "#c7c7c7"),
    ("up", 1, "✓ up", "#009e73"),
    ("degraded", 2, "~ degraded", "#f0e442"),
    ("down", 3, "○ down", "#cc79a7"),
)
STATE_ROWS = tuple[tuple[str, int, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One expression; `legend` in Grafana's form. An `instant` one is a table of what is now."""

    expr: str
    legend: str = ""
    instant: bool = False


def state_of(metric: str, by: str, states: STATE_ROWS, selector: str = "") -> str:
    """The number of the state that stands, one series for each `by`."""
    terms = [f'{metric}{{state="{name}"{selector}}} * {number}' for name, number, _, _ in states if number]
    return f"max by ({by}) ({' or '.join(terms)})"


def mappings(states: STATE_ROWS) -> list[Json]:
    """Words and colours for the numbers, and for a table's own words."""
    options: Json = {}
    for name, number, text, colour in states:
        options[str(number)] = {"text": text, "color": colour, "index": number}
        options[name] = {"text": text, "color": colour, "index": number + len(states)}
    nothing = {"match": "null+nan", "result": {"text": "no data", "color": "transparent", "index": 2 * len(states)}}
    return [{"type": "value", "options": options}, {"type": "special", "options": nothing}]


def cell_links(platform: str, isp: str) -> list[Json]:
    """From a cell to the boards of its platform and its ISP, and to the collector's evidence of the same time."""
    return [
        link(
            "Board of the platform",
            f"/d/rabta-platform?var-platform={platform}&var-isp={isp}&${{datasource:queryparam}}&{RANGE}",
        ),
        link(
            "Board of the ISP", f"/d/rabta-isp?var-isp={isp}&var-platform={platform}&${{datasource:queryparam}}&{RANGE}"
        ),
        link("The verdict, and what it rests on", f"${{page}}/cell/{platform}/{isp}"),
        link("What stood in this time", f"${{page}}/api/v1/timeline?platform={platform}&isp={isp}&{SINCE}"),
    ]


def isp_links(isp: str) -> list[Json]:
    return [
        link("Board of the ISP", f"/d/rabta-isp?var-isp={isp}&${{datasource:queryparam}}&{RANGE}"),
        link("The ISP's page", f"${{page}}/isp/{isp}"),
        link("Changes in this time", f"${{page}}/api/v1/events?isp={isp}&{SINCE}"),
    ]


def link(title: str, url: str) -> Json:
    return {"title": title, "url": url, "targetBlank": False}


LABELLED = cell_links("${__field.labels.platform}", "${__field.labels.isp}")
LABELLED_ISP = isp_links("${__field.labels.isp}")
ROW = cell_links("${__data.fields.platform}", "${__data.fields.isp}")


def panel(kind: str, title: str, description: str, queries: Sequence[Query], *, unit: str, **more: Any) -> Json:
    """What all panels have. `more`: `defaults` and `overrides` of the fields, and keys of the panel itself."""
    defaults = {"unit": unit, "noValue": "no data", **more.pop("defaults", {})}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": [target(chr(ord("A") + number), query) for number, query in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        **more,
    }


def target(ref: str, query: Query) -> Json:
    shape = {"instant": True, "range": False, "format": "table"} if query.instant else {"instant": False, "range": True}
    return {"refId": ref, "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend or "__auto", **shape}


def timeline(title: str, description: str, query: Query, states: STATE_ROWS, links: list[Json], **more: Any) -> Json:
    """A band for each row, coloured by its state; a gap is a gap."""
    custom = {"fillOpacity": 90, "lineWidth": 0, "spanNulls": False, "insertNulls": 60_000}
    defaults = {"mappings": mappings(states), "color": {"mode": "thresholds"}, "custom": custom, "links": links}
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single"},
    }
    neutral = {"mode": "absolute", "steps": [{"color": NEUTRAL, "value": None}]}
    defaults |= {"thresholds": neutral}
    return panel("state-timeline", title, description, [query], unit="none", defaults=defaults, options=options, **more)


def history(title: str, description: str, query: Query, states: STATE_ROWS, links: list[Json], **more: Any) -> Json:
    """A square for each row and moment, at a fixed cadence."""
    made = timeline(title, description, query, states, links, **more)
    custom = {"fillOpacity": 90, "lineWidth": 1}
    made |= {"type": "status-history", "maxDataPoints": 60}
    made["fieldConfig"]["defaults"]["custom"] = custom
    made["options"] = {k: v for k, v in made["options"].items() if k in ("legend", "tooltip", "rowHeight")}
    made["options"] |= {"colWidth": 0.95, "showValue": "never"}
    return made


def stat(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "none",
    steps: Sequence[tuple[float | None, str]] = (),
    **more: Any,
) -> Json:
    """One number; coloured from a step's value on, and neutral without steps."""
    levels = [{"color": colour, "value": value} for value, colour in steps or ((None, NEUTRAL),)]
    defaults = {"thresholds": {"mode": "absolute", "steps": levels}, "color": {"mode": "thresholds"}} | more.pop(
        "defaults", {}
    )
    reduce = {"calcs": ["lastNotNull"], "fields": more.pop("fields", ""), "values": False}
    options = {
        "colorMode": "background",
        "graphMode": "none",
        "reduceOptions": reduce,
        "textMode": more.pop("text_mode", "auto"),
        "justifyMode": "center",
    }
    now = Query(expr=query.expr, legend=query.legend, instant=True)
    made = panel("stat", title, description, [now], unit=unit, defaults=defaults, options=options, **more)
    made["targets"][0]["format"] = "time_series"
    return made


def graph(
    title: str, description: str, queries: Sequence[Query], *, unit: str, links: list[Json] | None = None, **custom: Any
) -> Json:
    """Lines over time, those of a second query `dashed` where that is said; `custom` goes to how they are drawn.

    `most`: where the axis ends, whatever there is.
    """
    ends = {"max": custom.pop("most")} if "most" in custom else {}
    second = DASHED if custom.pop("dashed", False) else []
    drawn = {
        "lineWidth": 2,
        "fillOpacity": 0,
        "spanNulls": False,
        "insertNulls": 60_000,
        "showPoints": "auto",
        **custom,
    }
    defaults = {"custom": drawn, "color": {"mode": "palette-classic-by-name"}, "links": links or [], "min": 0, **ends}
    options = {
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["lastNotNull"]} | SORTED,
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel(
        "timeseries", title, description, queries, unit=unit, defaults=defaults, options=options, overrides=second
    )


def bars(title: str, description: str, query: Query, *, unit: str, links: list[Json]) -> Json:
    """A bar for each row, of what is now."""
    options = {"orientation": "horizontal", "displayMode": "basic", "showUnfilled": True, "valueMode": "text"}
    options |= {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    defaults = {"color": {"mode": "fixed", "fixedColor": "#0072b2"}, "links": links, "min": 0}
    made = panel(
        "bargauge",
        title,
        description,
        [Query(expr=query.expr, legend=query.legend, instant=True)],
        unit=unit,
        defaults=defaults,
        options=options,
    )
    made["targets"][0]["format"] = "time_series"
    return made


def table(title: str, description: str, query: Query, columns: Sequence[tuple[str, str]], links: list[Json]) -> Json:
    """Rows of what is now, blocks first. `columns`: label and heading, `state` and a moment, `Value`, among them."""
    named = dict(columns)
    order = {label: place for place, (label, _) in enumerate(columns)}
    organize = {"indexByName": order, "renameByName": {k: v for k, v in named.items() if k not in ("platform", "isp")}}
    keep = {"include": {"names": [label for label, _ in columns]}}
    coloured = [{"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}}]
    coloured += [{"id": "mappings", "value": mappings(STATES)}]
    moment = [{"id": "unit", "value": "dateTimeAsLocal"}]
    overrides = [by_name(named["state"], coloured), by_name(named["Value"], moment)]
    defaults = {"links": links, "custom": {"align": "left", "filterable": True}}
    return panel(
        "table",
        title,
        description,
        [query],
        unit="none",
        defaults=defaults,
        overrides=overrides,
        transformations=[{"id": "filterFieldsByName", "options": keep}, {"id": "organize", "options": organize}],
        options={
            "cellHeight": "sm",
            "showHeader": True,
            "sortBy": [{"displayName": named["state"], "desc": False}],
        },
    )


def matrix(title: str, description: str, query: Query, links: list[Json]) -> Json:
    """Platforms by ISPs as they are now, in the order of their names; a cell that nobody measures is empty."""
    defaults = {
        "mappings": mappings(STATES),
        "links": links,
        "custom": {"align": "center", "cellOptions": {"type": "color-background", "mode": "basic"}},
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": "transparent", "value": None}]},
    }
    turn = {"rowField": "platform", "columnField": "isp", "valueField": "Value", "emptyValue": "null"}
    # Prometheus answers in no order. Rows and columns come as they are met first: sorted by columns, then by rows.
    in_order = [{"id": "sortBy", "options": {"fields": {}, "sort": [{"field": name}]}} for name in ("isp", "platform")]
    transformations = [*in_order, {"id": "groupingToMatrix", "options": turn}]
    first = [
        {"id": "custom.cellOptions", "value": {"type": "auto"}},
        {"id": "custom.align", "value": "left"},
        {"id": "links", "value": []},
    ]
    return panel(
        "table",
        title,
        description,
        [query],
        unit="none",
        defaults=defaults,
        overrides=[by_name("platform\\isp", first)],
        transformations=transformations,
        options={"cellHeight": "sm", "showHeader": True},
    )


def by_name(name: str, properties: list[Json]) -> Json:
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}
