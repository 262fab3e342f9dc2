"""The real Prometheus over the machines of a trial, on one of its own, with the configuration that ships."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lab.disks import ROOT
from lab.outside import Network

URL = "http://127.0.0.1:9090/api/v1/query"


class Overseer:
    """Asks the machines of a network for what they measure, until `end`."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._enter = ("ip", "netns", "exec", network.core)
        self._place = folder / "prometheus"
        shutil.copytree(ROOT / "deploy" / "prometheus", self._place)
        self._runs: subprocess.Popen[bytes] | None = None

    def watch(self, targets: str) -> None:
        """Those that a page lists, under the names that machines have there."""
        addressed = re.sub(r"n(\d)\.nats\.example", r"10.0.0.\1", targets)
        (self._place / "targets" / "collector.yml").write_text(addressed, encoding="utf-8")
        if self._runs is None:
            files = (
                "--config.file",
                str(self._place / "prometheus.yml"),
                "--storage.tsdb.path",
                str(self._place / "data"),
            )
            with (self._place / "log").open("wb") as log:
                self._runs = subprocess.Popen((*self._enter, "prometheus", *files), stdout=log, stderr=log)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What it answers; nothing while it does not."""
        command = (*self._enter, "curl", "-s", "-G", URL, "--data-urlencode", f"query={expression}")
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return list(json.loads(answer)["data"]["result"]) if answer else []

    def values(self, expression: str) -> list[float]:
        """Of the series that it finds."""
        return [float(one["value"][1]) for one in self.query(expression)]

    def all_up(self, count: int) -> bool:
        """Whether so many processes of the collector are there, and every one answers."""
        found = self.query('up{job="rabta"}')
        return len(found) == count and all(one["value"][1] == "1" for one in found)

    def end(self) -> None:
        if self._runs is not None:
            self._runs.kill()
            self._runs.wait()
