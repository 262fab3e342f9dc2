"""Agents, controls, and the collector itself."""

from panels import LABELLED_ISP, Panels, Query, graph, mappings, stat
from queries import BAD_BELOW_1, FEW_BELOW_2

SYNC = "rate(rabta_collector_journal_sync_duration_seconds_bucket[$__rate_interval])"
CURRENT = mappings((("reading", 0, "… reading", "#b34600"), ("current", 1, "✓ current", "#009e73")))

PANELS: Panels = (
    (
        4,
        4,
        stat(
            "Collector",
            "Whether its verdicts are current, or it still reads its journal after a start.",
            Query(expr="min(rabta_collector_ready)"),
            steps=BAD_BELOW_1,
            defaults={"mappings": CURRENT},
        ),
    ),
    (
        4,
        4,
        stat(
            "Decided up to",
            "How far behind the present decisions are.",
            Query(expr="time() - max(rabta_collector_decided_timestamp_seconds)"),
            unit="s",
            steps=((None, "#009e73"), (10, "#e69f00"), (60, "#b34600")),
        ),
    ),
    (
        4,
        4,
        stat(
            "Sessions",
            "Agents and controls that are connected.",
            Query(expr="sum(rabta_collector_sessions)"),
            steps=BAD_BELOW_1,
        ),
    ),
    (
        4,
        4,
        stat(
            "Controls",
            "Control agents abroad; two or more, in different networks.",
            Query(expr="max(rabta_controls_connected)"),
            steps=FEW_BELOW_2,
        ),
    ),
    (4, 4, stat("Journal", "Size on disk.", Query(expr="max(rabta_collector_journal_bytes)"), unit="bytes")),
    (
        4,
        4,
        stat(
            "Version",
            "Of the collector.",
            Query(expr="group by (version) (rabta_collector_build_info)", legend="{{version}}"),
            text_mode="name",
        ),
    ),
    (
        12,
        9,
        graph(
            "Agents reporting",
            "Agents of each ISP with a measurement in the window.",
            [Query(expr="max by (isp) (rabta_agents_reporting)", legend="{{isp}}")],
            unit="none",
            links=LABELLED_ISP,
        ),
    ),
    (
        12,
        9,
        graph(
            "Agents without a measurement",
            "Connected, and silent in the window.",
            [
                Query(
                    expr="clamp_min(max by (isp) (rabta_agents_connected) - max by (isp) (rabta_agents_reporting), 0)",
                    legend="{{isp}}",
                )
            ],
            unit="none",
            links=LABELLED_ISP,
        ),
    ),
    (
        8,
        8,
        graph(
            "Measurements",
            "What became of them.",
            [
                Query(
                    expr="sum by (result) (rate(rabta_collector_ingest_measurements_total[$__rate_interval]))",
                    legend="{{result}}",
                )
            ],
            unit="ops",
        ),
    ),
    (
        8,
        8,
        graph(
            "Not taken",
            "Calls and measurements, by reason; the collector's README explains each.",
            [
                Query(
                    expr="sum by (reason) (rate(rabta_collector_rejected_total[$__rate_interval]))",
                    legend="{{reason}}",
                )
            ],
            unit="ops",
        ),
    ),
    (
        8,
        8,
        graph(
            "Age when acknowledged",
            "Of the newest measurement of the last batch.",
            [Query(expr="max by (instance) (rabta_collector_ingest_lag_seconds)", legend="{{instance}}")],
            unit="s",
        ),
    ),
    (
        8,
        8,
        graph(
            "Commits to disk",
            "Time that commits to the journal take, sync included.",
            [
                Query(expr=f"histogram_quantile(0.5, sum by (le) ({SYNC}))", legend="median"),
                Query(expr=f"histogram_quantile(0.99, sum by (le) ({SYNC}))", legend="99 %"),
            ],
            unit="s",
        ),
    ),
    (
        8,
        8,
        graph(
            "On the way to disk",
            "Bytes of batches that were received and are not yet journaled.",
            [Query(expr="sum by (instance) (rabta_collector_inflight_bytes)", legend="{{instance}}")],
            unit="bytes",
        ),
    ),
    (
        8,
        8,
        graph(
            "Journal",
            "How fast it grows.",
            [Query(expr="max(deriv(rabta_collector_journal_bytes[$__rate_interval]))", legend="growth")],
            unit="Bps",
        ),
    ),
    (
        8,
        8,
        graph(
            "Asked to measure now",
            "Requests to agents, because a measurement was at odds with a verdict.",
            [
                Query(
                    expr="sum by (result) (rate(rabta_collector_measure_now_requests_total[$__rate_interval]))",
                    legend="{{result}}",
                ),
                Query(
                    expr="sum(rate(rabta_collector_alarms_refused_total[$__rate_interval]))", legend="nobody was asked"
                ),
            ],
            unit="ops",
        ),
    ),
    (
        8,
        8,
        graph(
            "Open questions",
            "Targets at ISPs that agents are being asked about.",
            [Query(expr="sum by (instance) (rabta_collector_open_questions)", legend="{{instance}}")],
            unit="none",
            lineInterpolation="stepAfter",
        ),
    ),
    (
        8,
        8,
        graph(
            "Kept, and left out",
            "Measurements that the journal has and that decide nothing: their time is in doubt, or they came too late.",
            [
                Query(
                    expr="sum by (doubt) (rate(rabta_collector_doubted_times_total[$__rate_interval]))",
                    legend="{{doubt}}",
                ),
                Query(
                    expr="sum(rate(rabta_collector_late_findings_dropped_total[$__rate_interval]))", legend="too late"
                ),
                Query(expr="sum(rate(rabta_collector_beyond_memory_total[$__rate_interval]))", legend="beyond memory"),
                Query(expr="max(rate(rabta_collector_copied_total[$__rate_interval]))", legend="copied"),
            ],
            unit="ops",
        ),
    ),
    (
        8,
        8,
        graph(
            "Dropped by agents",
            "Measurements that the spools of connected agents have dropped since they were made, by their own word.",
            [
                Query(
                    expr="sum by (cause) (rabta_collector_spool_dropped_measurements)",
                    legend="{{cause}}",
                )
            ],
            unit="none",
        ),
    ),
    (
        8,
        8,
        graph(
            "Checkpoints",
            "Written, and failed: a start reads what came since the last one, and no old rows are given up without.",
            [
                Query(
                    expr="sum by (result) (increase(rabta_collector_checkpoints_total[$__rate_interval]))",
                    legend="{{result}}",
                )
            ],
            unit="none",
        ),
    ),
    (
        8,
        8,
        graph(
            "Controls",
            "Connected, and those left out because they find otherwise than all others.",
            [
                Query(expr="max(rabta_controls_connected)", legend="connected"),
                Query(expr="max(rabta_controls_out_of_step)", legend="out of step"),
            ],
            unit="none",
            lineInterpolation="stepAfter",
        ),
    ),
    (
        8,
        8,
        graph(
            "Processor",
            "Of the collector's process; 100 % is one core.",
            [
                Query(
                    expr='sum by (instance) (rate(process_cpu_seconds_total{job="rabta"}[$__rate_interval]))',
                    legend="{{instance}}",
                )
            ],
            unit="percentunit",
        ),
    ),
    (
        8,
        8,
        graph(
            "Memory",
            "Of the collector's process.",
            [Query(expr='sum by (instance) (process_resident_memory_bytes{job="rabta"})', legend="{{instance}}")],
            unit="bytes",
        ),
    ),
    (
        8,
        8,
        graph(
            "Scrapes",
            "How long a scrape takes.",
            [Query(expr='max by (instance) (scrape_duration_seconds{job="rabta"})', legend="{{instance}}")],
            unit="s",
        ),
    ),
    (
        8,
        8,
        graph(
            "Series",
            "Samples of a scrape; 58,600 at the most for 30 ISPs and 50 platforms.",
            [Query(expr='max by (instance) (scrape_samples_scraped{job="rabta"})', legend="{{instance}}")],
            unit="none",
        ),
    ),
)
