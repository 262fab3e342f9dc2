"""One ISP and every platform there."""

from panels import (
    ISP_STATES,
    LABELLED,
    LABELLED_ISP,
    ROW,
    STATES,
    WIDE,
    Panels,
    Query,
    graph,
    mappings,
    stat,
    state_of,
    table,
    timeline,
)
from queries import BAD_BELOW_1, BAD_FROM_1, CELL, COLUMNS, share, trouble, verdict


def duration(quantile: float) -> str:
    buckets = 'sum by (le, isp, step) (rate(rabta_step_duration_seconds_bucket{isp=~"$isp"}[$__rate_interval]))'
    return f"histogram_quantile({quantile}, {buckets})"


PANELS: Panels = (
    (
        6,
        4,
        stat(
            "State of $isp",
            "The ISP as a whole.",
            Query(expr=state_of("rabta_isp_state", "isp", ISP_STATES, ',isp=~"$isp"'), legend="{{isp}}"),
            defaults={"mappings": mappings(ISP_STATES)},
        ),
    ),
    (
        6,
        4,
        stat(
            "Agents connected",
            "With a session now.",
            Query(expr='sum(max by (isp) (rabta_agents_connected{isp=~"$isp"}))'),
            steps=BAD_BELOW_1,
        ),
    ),
    (
        6,
        4,
        stat(
            "Agents reporting",
            "With a measurement in the window.",
            Query(expr='sum(max by (isp) (rabta_agents_reporting{isp=~"$isp"}))'),
            steps=BAD_BELOW_1,
        ),
    ),
    (
        6,
        4,
        stat(
            "Platforms blocked",
            "At this ISP, now.",
            Query(expr='sum(max by (platform, isp) (rabta_verdict{isp=~"$isp",state="blocked"}))'),
            steps=BAD_FROM_1,
        ),
    ),
    (
        WIDE,
        5,
        timeline(
            "State",
            "Up, degraded, down: of the ISP as a whole. While it is down its platforms are inconclusive.",
            Query(expr=state_of("rabta_isp_state", "isp", ISP_STATES, ',isp=~"$isp"'), legend="{{isp}}"),
            ISP_STATES,
            LABELLED_ISP,
        ),
    ),
    (
        WIDE,
        11,
        timeline(
            "Verdicts by platform",
            "What stood when. A gap: not measured, or no scrape.",
            Query(expr=verdict(CELL), legend="{{platform}}"),
            STATES,
            LABELLED,
        ),
    ),
    (12, 9, table("What is wrong now", "With mechanism and since when.", trouble(CELL), COLUMNS, ROW)),
    (
        12,
        9,
        graph(
            "Agents",
            "With a session now, and with a measurement in the window.",
            [
                Query(expr='max by (isp) (rabta_agents_connected{isp=~"$isp"})', legend="connected"),
                Query(expr='max by (isp) (rabta_agents_reporting{isp=~"$isp"})', legend="reporting"),
            ],
            unit="none",
        ),
    ),
    (
        12,
        8,
        graph(
            "Steps that fail",
            "Share of the attempts of each step that failed, over the platforms chosen above.",
            [Query(expr=share("isp, step", CELL), legend="{{step}}")],
            unit="percentunit",
            most=1,
        ),
    ),
    (
        12,
        8,
        graph(
            "How long steps take",
            "Median and 95th percentile, failed ones included, of everything measured there.",
            [
                Query(expr=duration(0.5), legend="{{step}} median"),
                Query(expr=duration(0.95), legend="{{step}} 95 %"),
            ],
            unit="s",
        ),
    ),
)
