"""The country at a glance: what is blocked where, since when and how, and who measures it."""

from panels import (
    ISP_STATES,
    LABELLED,
    LABELLED_ISP,
    ROW,
    STATES,
    WIDE,
    Panels,
    Query,
    bars,
    cell_links,
    graph,
    history,
    matrix,
    stat,
    state_of,
    table,
    timeline,
)
from queries import BAD_BELOW_1, BAD_FROM_1, COLUMNS, FEW_BELOW_2, trouble, verdict

BLOCKED = 'max by (platform, isp) (rabta_verdict{platform=~"$platform",state="blocked"})'
OPEN = 'max by (platform, isp) (rabta_verdict{state="reachable"})'
WAYS_ROUND = 'max by (platform) (rabta_platform_info{category="ANON"})'
AGENTS = "max by (isp) (rabta_agents_reporting)"

PANELS: Panels = (
    (
        4,
        4,
        stat(
            "Platforms blocked",
            "Platforms that are blocked at one ISP or more, now.",
            Query(expr='count(max by (platform) (rabta_verdict{state="blocked"}) == 1) or 0 * max(rabta_verdict)'),
            steps=BAD_FROM_1,
        ),
    ),
    (
        4,
        4,
        stat(
            "Blocks",
            "A platform at an ISP counts as one, now.",
            Query(expr='sum(max by (platform, isp) (rabta_verdict{state="blocked"}))'),
            steps=BAD_FROM_1,
        ),
    ),
    (
        4,
        4,
        stat(
            "Throttled or disrupted",
            "Platforms at ISPs that are held to a low rate, or reached by a part of the agents.",
            Query(expr='sum(max by (platform, isp) (rabta_verdict{state=~"throttled|disrupted"}))'),
            steps=((None, "#009e73"), (1, "#e69f00")),
        ),
    ),
    (
        4,
        4,
        stat(
            "ISPs down",
            "ISPs whose agents all fell silent together.",
            Query(expr='sum(max by (isp) (rabta_isp_state{state="down"}))'),
            steps=BAD_FROM_1,
        ),
    ),
    (
        4,
        4,
        stat(
            "Agents",
            "Volunteers' agents with a measurement in the window.",
            Query(expr="sum(max by (isp) (rabta_agents_reporting))"),
            steps=BAD_BELOW_1,
        ),
    ),
    (
        4,
        4,
        stat(
            "Controls",
            "Control agents abroad. Without any, most blocks cannot be told from sites that are down.",
            Query(expr="max(rabta_controls_connected)"),
            steps=FEW_BELOW_2,
        ),
    ),
    (
        WIDE,
        11,
        matrix(
            "Platforms by ISPs, now",
            "The verdict that stands. Empty: nobody measures it. A cell leads to the boards and to the evidence.",
            Query(expr=verdict(), instant=True),
            cell_links("${__data.fields[0]}", "${__field.name}"),
        ),
    ),
    (
        14,
        10,
        table(
            "What is wrong now",
            "Everything that is neither reachable nor inconclusive, with how and since when; blocks first.",
            trouble('platform=~".+"'),
            COLUMNS,
            ROW,
        ),
    ),
    (
        10,
        10,
        bars(
            "Agents of each ISP",
            "Agents with a measurement in the window. With fewer than three, verdicts are marked as resting on few.",
            Query(expr="max by (isp) (rabta_agents_reporting)", legend="{{isp}}"),
            unit="none",
            links=LABELLED_ISP,
        ),
    ),
    (
        14,
        8,
        graph(
            "ISPs that block a platform",
            "How many ISPs block each platform.",
            [
                Query(
                    expr=f"sum by (platform) ({BLOCKED})",
                    legend="{{platform}}",
                )
            ],
            unit="none",
            lineInterpolation="stepAfter",
        ),
    ),
    (
        10,
        8,
        timeline(
            "ISPs",
            "The state of each ISP as a whole.",
            Query(expr=state_of("rabta_isp_state", "isp", ISP_STATES), legend="{{isp}}"),
            ISP_STATES,
            LABELLED_ISP,
        ),
    ),
    (
        WIDE,
        8,
        graph(
            "Ways round a block",
            "How many VPN protocols and tools (category ANON) each ISP lets through: what people turn to.",
            [
                Query(
                    expr=f"sum by (isp) ({OPEN} * on (platform) group_left () {WAYS_ROUND}) or 0 * {AGENTS}",
                    legend="{{isp}}",
                )
            ],
            unit="none",
            lineInterpolation="stepAfter",
        ),
    ),
    (
        8,
        7,
        history(
            "$platform",
            "The verdict at each ISP over time, a square at a time. No square: not measured, or no scrape.",
            Query(expr=verdict('platform=~"$platform"'), legend="{{isp}}"),
            STATES,
            LABELLED,
            repeat="platform",
            repeatDirection="h",
            maxPerRow=3,
        ),
    ),
)
