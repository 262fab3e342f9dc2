"""The catalogue of metrics is public: what stands in the golden file and in the README is what is declared."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from rabta_collector import metrics
from rabta_collector.metrics import CATALOGUE, Kind, Metric, to_markdown

HERE = Path(__file__).parent
README = HERE.parents[1] / "collector" / "README.md"
AVOIDED = {"type", "region", "zone", "cluster", "service", "env", "job", "instance", "le", "quantile"}


def test_the_catalogue_is_the_golden_file() -> None:
    """A name, label or bucket that changes breaks somebody's alert: only additions are allowed."""
    golden = json.loads((HERE / "metric_catalogue.json").read_text(encoding="utf-8"))
    assert golden == json.loads(json.dumps([asdict(metric) for metric in CATALOGUE]))


def test_the_readme_has_the_table_of_the_catalogue() -> None:
    parts = README.read_text(encoding="utf-8").split("<!-- metrics -->")
    assert 3 == len(parts)
    assert to_markdown() == parts[1].strip() + "\n"


def test_every_declared_metric_is_in_the_catalogue_once() -> None:
    declared = [value for value in vars(metrics).values() if isinstance(value, Metric)]
    assert declared == list(CATALOGUE)
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_names_follow_the_conventions() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"rabta_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created")), metric.name
        assert (metric.kind is Kind.HISTOGRAM) == (0 < len(metric.buckets) <= 8), metric.name
        assert metric.help.endswith("."), metric.name


def test_no_label_is_one_that_scrapers_own_or_that_names_a_volunteer() -> None:
    labels = {label for metric in CATALOGUE for label in metric.labels}
    assert set() == labels & (AVOIDED | {"agent", "address", "url", "target", "host"})


def test_the_table_has_a_line_per_metric() -> None:
    assert "| `a_total` | counter | `isp`, `step` | Counts. |" in to_markdown(
        [Metric(name="a_total", kind=Kind.COUNTER, labels=("isp", "step"), help="Counts.")]
    )
