"""Prometheus and Alertmanager beside a collector, as real processes with the configuration that ships in deploy/.

What differs from what ships: addresses, and who is told. Routes, intervals, rules, inhibitions and texts are the
shipped ones.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from lab.programs import Program, ProgramError, environment
from lab.waiting import until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROMETHEUS = "prometheus"
ALERTMANAGER = "prometheus-alertmanager"  # Debian's name for it
READY_S = 60.0

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything listens, on loopback. `webhook`: who is told of alerts; empty: nobody.

    `others`: further processes of the same collector.
    """

    collector: int
    prometheus: int
    alertmanager: int
    webhook: str = ""
    others: tuple[int, ...] = ()

    @property
    def prometheus_url(self) -> str:
        return f"http://127.0.0.1:{self.prometheus}"

    @property
    def alertmanager_url(self) -> str:
        return f"http://127.0.0.1:{self.alertmanager}"


def installed() -> bool:
    """Whether both programs are on this machine."""
    return all(shutil.which(program) for program in (PROMETHEUS, ALERTMANAGER))


class Monitoring:
    """Both servers; everything of theirs is under `folder`."""

    def __init__(self, folder: Path, places: Places) -> None:
        self.places = places
        self._folder = folder
        shutil.copytree(DEPLOY / "prometheus", folder / "prometheus")
        shutil.copytree(DEPLOY / "alertmanager", folder / "alertmanager")
        self._address()
        self._tell()
        self.prometheus = Program(self._run_prometheus(), environment(), folder / "prometheus.log")
        self.alertmanager = Program(self._run_alertmanager(), environment(), folder / "alertmanager.log")

    def _address(self) -> None:
        """Puts our addresses in place of the shipped ones."""
        own = self._folder / "prometheus"
        places = self.places
        listening = {"prometheus": (places.prometheus,), "alertmanager": (places.alertmanager,)}
        listening["collector"] = (places.collector, *places.others)
        for name, ports in listening.items():
            target = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
            (own / "targets" / f"{name}.yml").write_text(json.dumps(target), encoding="utf-8")
        shipped = (own / "prometheus.yml").read_text(encoding="utf-8")
        page = f"http://127.0.0.1:{self.places.collector}"
        (own / "prometheus.yml").write_text(shipped.replace("http://127.0.0.1:8080", page), encoding="utf-8")

    def _tell(self) -> None:
        """Puts one webhook in place of everybody who would be told."""
        file = self._folder / "alertmanager" / "alertmanager.yml"
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        hook = {"webhook_configs": [{"url": self.places.webhook, "send_resolved": True}]} if self.places.webhook else {}
        config["receivers"] = [{"name": receiver["name"], **hook} for receiver in config["receivers"]]
        del config["global"]
        file.write_text(json.dumps(config), encoding="utf-8")

    def _run_prometheus(self) -> list[str]:
        return [
            PROMETHEUS,
            f"--config.file={self._folder / 'prometheus' / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.places.prometheus}",
            "--log.level=warn",
        ]

    def _run_alertmanager(self) -> list[str]:
        return [
            ALERTMANAGER,
            f"--config.file={self._folder / 'alertmanager' / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{self.places.alertmanager}",
            "--cluster.listen-address=",
        ]

    @property
    def programs(self) -> list[tuple[str, Program]]:
        """Both with their names."""
        return [("Prometheus", self.prometheus), ("Alertmanager", self.alertmanager)]

    async def start(self) -> None:
        """Returns once both answer; raises ProgramError, in their words, when one does not."""
        for name, program in self.programs:
            await program.start()
            url = self.places.prometheus_url if program is self.prometheus else self.places.alertmanager_url
            try:
                await until(lambda url=url: _answers(f"{url}/-/ready"), within=READY_S)
            except TimeoutError:
                raise ProgramError(f"{name} does not answer: {program.last_words()}") from None

    async def stop(self) -> None:
        for _, program in self.programs:
            await program.stop()

    def kill(self) -> None:
        for _, program in self.programs:
            program.kill()

    async def query(self, expression: str, *, at: float | None = None) -> Rows:
        """Instant vector: labels under `metric`, the number as the second of `value`."""
        parameters = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        async with aiohttp.ClientSession() as session:
            url = f"{self.places.prometheus_url}/api/v1/query"
            async with session.get(url, params=parameters) as response:
                answer = json.loads(await response.text())
        assert answer["status"] == "success", answer
        rows = answer["data"]["result"]
        assert isinstance(rows, list)
        return rows


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
