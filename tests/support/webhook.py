"""Whoever is told of alerts: a webhook that keeps what Alertmanager says, and when."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert of one message. `at` is Unix time."""

    at: float
    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def what(self) -> str:
        """`RabtaPlatformBlocked x ptcl`."""
        about = (self.labels.get("platform"), self.labels.get("isp"))
        return " ".join([self.labels["alertname"], *filter(None, about)])


@dataclass(slots=True)
class Webhook:
    """Listens on loopback while it is entered."""

    told: list[Told] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/", self._take)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        message = await request.json()
        for alert in message["alerts"]:
            self.told.append(
                Told(
                    at=time.time(),
                    receiver=message["receiver"],
                    status=alert["status"],
                    labels=alert["labels"],
                    annotations=alert["annotations"],
                )
            )
        return web.Response()

    def first(self, what: str, status: str, *, since: float = 0.0) -> Told | None:
        return next((t for t in self.told if t.what == what and t.status == status and t.at >= since), None)
