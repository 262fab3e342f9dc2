"""Reads the collector as anybody does: over HTTP, from its API and its metrics."""

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from lab.referee import Seen
from lab.story import Cell
from lab.waiting import until

Metrics = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Samples by name and labels."""


class NotAnswering(Exception):  # noqa: N818 - a state of the collector, not an error of ours
    """The collector does not answer now."""


class Watch:
    """A reader of one collector."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def cells(self) -> dict[Cell, Seen]:
        """Every verdict and every ISP's state."""
        verdicts, isps = await self.listed("verdicts"), await self.listed("isps")
        seen = {Cell(isp=v["isp"], platform=v["platform"]): _seen(v) for v in verdicts}
        return seen | {Cell(isp=i["isp"], platform=None): _seen(i) for i in isps}

    async def listed(self, name: str, **parameters: str) -> list[dict[str, Any]]:
        """A list of the API under its own name."""
        rows = json.loads(await self.text(f"api/v1/{name}", **parameters))[name]
        assert isinstance(rows, list)
        return rows

    async def metrics(self) -> Metrics:
        return read_metrics(await self.text("metrics"))

    async def text(self, path: str, **parameters: str) -> str:
        """Raises NotAnswering for anything but an answer 200."""
        assert self._session is not None
        try:
            async with self._session.get(self._page + path, params=parameters) as response:
                if response.status != 200:
                    raise NotAnswering(f"{path}: {response.status}")
                return await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotAnswering(f"{path}: {error}") from error

    async def until_ready(self, within: float) -> None:
        async def ready() -> bool:
            try:
                await self.text("readyz")
            except NotAnswering:
                return False
            return True

        await until(ready, within=within)


def read_metrics(text: str) -> Metrics:
    """The samples of what `/metrics` says."""
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def shown_in_metrics(metrics: Metrics, cell: Cell, seen: Seen) -> bool:
    """Whether the metrics say the same of a cell as the API."""
    if cell.platform is None:
        return metrics.get(("rabta_isp_state", frozenset({("isp", cell.isp), ("state", seen.state)}))) == 1
    where = {("isp", cell.isp), ("platform", cell.platform)}
    state = metrics.get(("rabta_verdict", frozenset({*where, ("state", seen.state)}))) == 1
    how = seen.mechanism is None or (
        metrics.get(("rabta_verdict_mechanism", frozenset({*where, ("mechanism", seen.mechanism)}))) == 1
    )
    return state and how


def _seen(row: Mapping[str, Any]) -> Seen:
    return Seen(state=row["state"], mechanism=row.get("mechanism"))
