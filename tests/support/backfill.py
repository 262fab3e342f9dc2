"""A real Prometheus with a past: scrapes of a country that goes through its troubles, written into its storage at once.

No waiting and no collector: promtool makes blocks of texts with timestamps (the exposition itself has none).
"""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.system import free_port
from rabta_collector.exposition import Exposition
from rabta_collector.state import Histogram, IngestStats, Snapshot
from rabta_proto.vocabulary import IspState, State
from support.country import NOW, make_catalogue, make_snapshot
from support.programs import require

TARGET = 'instance="127.0.0.1:9150",job="rabta"'
STARTED_IN_S = 60.0
_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A Prometheus that answers of the time from `begin` to `end` (Unix time), scraped every `step_s`."""

    url: str
    begin: float
    end: float
    step_s: float

    def query(self, expression: str) -> list[Any]:
        """What was at the end."""
        return self._ask("query", query=expression, time=self.end)

    def query_range(self, expression: str) -> list[Any]:
        return self._ask("query_range", query=expression, start=self.begin, end=self.end, step=self.step_s)

    def _ask(self, path: str, **parameters: object) -> list[Any]:
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30
        ) as said:
            rows = json.load(said)["data"]["result"]
        assert isinstance(rows, list)
        return rows


async def write_past(path: Path, *, length_s: float, step_s: float) -> None:
    """Scrapes up to `NOW`, each line with its target and its time."""
    count = int(length_s / step_s)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count + 1):
            at = NOW - (count - number) * step_s
            text = await Exposition().scrape(_at(at, number), make_catalogue(), _stats(number), ready=True)
            text += f"up 1\nscrape_duration_seconds 0.04\nscrape_samples_scraped {text.count(chr(10))}\n"
            file.writelines(
                f"{name}{{{labels + ',' if labels else ''}{TARGET}}} {value} {at:.3f}\n"
                for name, labels, value in _SAMPLE.findall(text)
            )
        file.write("# EOF\n")


def _at(at: float, number: int) -> Snapshot:
    """The country as it was: what is wrong at the end was reachable, or up, before it began."""
    now = make_snapshot()
    times = number + 1
    tallies = replace(
        now.tallies,
        attempts={key: count * times for key, count in now.tallies.attempts.items()},
        failures={key: count * times for key, count in now.tallies.failures.items()},
        durations={
            key: Histogram(counts=tuple(count * times for count in h.counts), sum_s=h.sum_s * times)
            for key, h in now.tallies.durations.items()
        },
        last_measurement=dict.fromkeys(now.tallies.last_measurement, at - 2.25),
    )
    day = at - 86_400
    verdicts = tuple(
        v
        if v.since <= at
        else replace(v, state=State.REACHABLE, mechanism=None, since=day, reached=1.0, confidence=0.98)
        for v in now.verdicts
    )
    isps = tuple(
        isp
        if (isp.since or 0) <= at
        else replace(isp, state=IspState.UP, since=day, agents_connected=9, agents_reporting=9)
        for isp in now.isps
    )
    return replace(now, at=at, verdicts=verdicts, isps=isps, tallies=tallies)


def _stats(number: int) -> IngestStats:
    stats = IngestStats(lag_s=0.4, journal_bytes=10_000_000 + number * 90_000, inflight_bytes=4_000, sessions=74)
    stats.results = {"accepted": 900 * number, "duplicate": 3 * number, "rejected": number}
    stats.rejected = {"rate": number}
    stats.requests = {"given": 2 * number, "not_taken": number // 5}
    stats.questions = number % 3
    stats.sync_buckets = [number * count for count in (5, 40, 30, 10, 3, 1, 0, 0, 0)[: len(stats.sync_buckets)]]
    stats.sync_sum_s = number * 0.9
    return stats


@contextlib.contextmanager
def serving(folder: Path, text: Path, *, length_s: float, step_s: float) -> Iterator[Past]:
    """Prometheus on loopback with what `text` holds."""
    prometheus, promtool = require("prometheus", "prometheus"), require("promtool", "prometheus")
    made = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    subprocess.run(made, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    flags = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "storage.tsdb.retention.time": "100y",
        "web.listen-address": url.removeprefix("http://"),
    }
    with (folder / "prometheus.log").open("wb") as log:
        command = [prometheus, *(f"--{name}={value}" for name, value in flags.items())]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_until_ready(url, process)
            yield Past(url=url, begin=NOW - length_s, end=NOW, step_s=step_s)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTED_IN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus ended"
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("Prometheus does not answer")
