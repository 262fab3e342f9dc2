"""A real Prometheus that has scraped a country in every state there is, written into its storage at once.

No waiting and no collector: promtool makes blocks of a text with timestamps (the exposition itself has none).
"""

import asyncio
import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.system import free_port
from rabta_collector.exposition import Exposition
from rabta_collector.state import IngestStats
from support.country import NOW, make_catalogue, make_snapshot
from support.programs import require

STARTED_IN_S = 60.0
_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """A Prometheus whose only scrape was at `end` (Unix time)."""

    url: str
    end: float

    def query(self, expression: str) -> list[Any]:
        """What is there then."""
        asked = urllib.parse.urlencode({"query": expression, "time": self.end})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=30) as said:
            rows = json.load(said)["data"]["result"]
        assert isinstance(rows, list)
        return rows


Processes = Callable[[str, str], str]
"""Which process shows a series, by its name and labels."""


def alone(name: str, labels: str) -> str:
    """One shows all."""
    return "collector"


def several(name: str, labels: str) -> str:
    """Two that decide, each on ISPs of its own, and one that takes agents."""
    if found := re.search(r'isp="([^"]+)"', labels):
        return f"decides-{sum(found[1].encode()) % 2}"
    of_agents = name.startswith(("rabta_collector_", "process_")) and not name.endswith(
        ("_ready", "_decided_timestamp_seconds")
    )
    return "ingests" if of_agents else "decides-0"


def _target(process: str) -> str:
    return f'instance="{process}",job="rabta"'


def write_scrape(path: Path, processes: Processes = alone) -> None:
    """One scrape of the country in mixed states, at `NOW`, each line with its target and its time."""
    text = asyncio.run(Exposition().scrape(make_snapshot(), make_catalogue(), IngestStats(), ready=True))
    lines = (
        f"{name}{{{','.join(filter(None, (labels, _target(processes(name, labels)))))}}} {value} {NOW:.3f}\n"
        for name, labels, value in _SAMPLE.findall(text)
    )
    path.write_text("".join(lines) + "# EOF\n", encoding="utf-8")


@contextlib.contextmanager
def serving(folder: Path, text: Path) -> Iterator[Scraped]:
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
            yield Scraped(url=url, end=NOW)
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
