"""One platform at every ISP."""

from panels import LABELLED, ROW, STATES, WIDE, Panels, Query, graph, stat, state_of, table, timeline
from queries import BAD_FROM_1, CELL, COLUMNS, share, trouble, verdict

FAILURES = f"rate(rabta_measurement_failures_total{{{CELL}}}[$__rate_interval])"

PANELS: Panels = (
    (
        6,
        4,
        stat(
            "ISPs that block $platform",
            "Now.",
            Query(expr='sum(max by (isp) (rabta_verdict{platform=~"$platform",state="blocked"}))'),
            steps=BAD_FROM_1,
        ),
    ),
    (
        6,
        4,
        stat(
            "ISPs where it is reachable",
            "Now, of those that are measured.",
            Query(expr='avg(max by (isp) (rabta_verdict{platform=~"$platform",state="reachable"}))'),
            unit="percentunit",
        ),
    ),
    (
        6,
        4,
        stat(
            "Agents that reach it",
            "Of the agents whose vote is conclusive, at the ISPs chosen above; the mean of the ISPs' shares.",
            Query(expr=f"avg(max by (platform, isp) (rabta_reachable_agents_ratio{{{CELL}}}))"),
            unit="percentunit",
        ),
    ),
    (
        6,
        4,
        stat(
            "Newest measurement",
            "How long ago the newest one began.",
            Query(expr=f"time() - max(rabta_last_measurement_timestamp_seconds{{{CELL}}})"),
            unit="s",
        ),
    ),
    (
        WIDE,
        9,
        timeline(
            "Verdicts by ISP",
            "What stood when. A gap: not measured, or no scrape.",
            Query(expr=verdict(CELL), legend="{{isp}}"),
            STATES,
            LABELLED,
        ),
    ),
    (
        WIDE,
        7,
        timeline(
            "Its parts by ISP",
            "What people do with it, part by part: where messages go through, media may be held down. "
            "Empty for a platform without parts.",
            Query(
                expr=state_of("rabta_verdict_part", "platform, isp, part", STATES, f",{CELL}"),
                legend="{{part}} at {{isp}}",
            ),
            STATES,
            LABELLED,
        ),
    ),
    (12, 9, table("What is wrong now", "With mechanism and since when.", trouble(CELL), COLUMNS, ROW)),
    (
        12,
        9,
        graph(
            "Agents that reach it",
            "Share of the agents with a conclusive vote.",
            [
                Query(
                    expr=f"max by (platform, isp) (rabta_reachable_agents_ratio{{{CELL}}})",
                    legend="{{isp}}",
                )
            ],
            unit="percentunit",
            most=1,
            links=LABELLED,
        ),
    ),
    (
        12,
        8,
        graph(
            "Confidence",
            "How sure the verdict is; few agents make it low.",
            [
                Query(
                    expr=f"max by (platform, isp) (rabta_verdict_confidence_ratio{{{CELL}}})",
                    legend="{{isp}}",
                )
            ],
            unit="percentunit",
            most=1,
            links=LABELLED,
        ),
    ),
    (
        12,
        8,
        graph(
            "Steps that fail",
            "Share of the attempts of each step that failed, repeats included.",
            [Query(expr=share("platform, isp, step", CELL), legend="{{step}} at {{isp}}")],
            unit="percentunit",
            most=1,
            links=LABELLED,
        ),
    ),
    (
        12,
        8,
        graph(
            "How they fail",
            "Failures of each kind. Facts, not conclusions: what they mean is the verdict's to say.",
            [
                Query(
                    expr=f"sum by (step, failure) ({FAILURES}) > 0",
                    legend="{{step}}: {{failure}}",
                )
            ],
            unit="ops",
        ),
    ),
    (
        12,
        8,
        graph(
            "Goodput",
            "Median of timed reads under the platform's name; dashed: under an innocuous one. None before some are.",
            [
                Query(
                    expr=f"max by (platform, isp) (rabta_goodput_bytes_per_second{{{CELL}}})",
                    legend="{{isp}}",
                ),
                Query(
                    expr=f"max by (platform, isp) (rabta_goodput_control_bytes_per_second{{{CELL}}})",
                    legend="{{isp}}, innocuous",
                ),
            ],
            unit="Bps",
            dashed=True,
        ),
    ),
)
