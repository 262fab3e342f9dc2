"""Stories watched by the real Prometheus and Alertmanager, and what alerts came of them.

Every step waits for what the one before it set off, so that a busy machine plays it slower and not differently.
"""

import asyncio
import contextlib
import json
import threading
import time
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from lab.monitoring import Monitoring, Places, Rows
from lab.system import Ports, free_port
from lab.waiting import until
from support.webhook import Told, Webhook

IN_TIME_S = 200.0  # on a machine that does other things as well
BEGUN = "begun"
"""The moment at which everything stands and is reachable."""
EVERYTHING_REACHABLE = 'count(rabta_verdict{state="reachable"} == 1) == bool count(rabta_verdict{state="reachable"})'


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen. `switched`: when what each alert is about began and ended. Times are Unix time.

    `hurried`: alerts that wait for minutes as they ship, and did not here.
    """

    prometheus: str
    told: list[Told] = field(default_factory=list)
    moments: dict[str, float] = field(default_factory=dict)
    switched: dict[tuple[str, str], float] = field(default_factory=dict)
    fired_in_quiet: Rows = field(default_factory=list)
    hurried: frozenset[str] = frozenset()

    def query(self, expression: str, moment: str = "blocked") -> Rows:
        """An instant query at one of the `moments`: `quiet`, `blocked` (X nationwide and mobile shut), `over`."""
        wanted = urllib.parse.urlencode({"query": expression, "time": f"{self.moments[moment]:.3f}"})
        return self._answer(f"query?{wanted}")

    def query_range(self, expression: str, *, step_s: int = 5) -> Rows:
        """A query over all of the story."""
        span = {"start": f"{self.moments['quiet'] - 10:.3f}", "end": f"{self.moments['over']:.3f}", "step": step_s}
        return self._answer(f"query_range?{urllib.parse.urlencode({'query': expression, **span})}")

    def _answer(self, path: str) -> Rows:
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/{path}", timeout=30) as response:
            rows = json.load(response)["data"]["result"]
        assert isinstance(rows, list)
        return rows

    def delay(self, what: str, status: str) -> float | None:
        """Seconds from the switch to the webhook; `None`: it never came."""
        since = self.switched[what, status]
        came = [told.at for told in self.told if (told.what, told.status) == (what, status) and told.at >= since]
        return min(came) - since if came else None

    def passed_on_s(self, what: str) -> float:
        """Seconds from when a rule saw what an alert is about, after the switch, to the webhook."""
        since = self.switched[what, "firing"]
        told = min((told for told in self.told if told.what == what and told.at >= since), key=lambda told: told.at)
        about = {key: told.labels[key] for key in ("alertname", "platform", "isp") if key in told.labels}
        alerts = ",".join(f'{key}="{value}"' for key, value in {**about, "alertstate": "pending"}.items())
        seen = f"min_over_time((timestamp(ALERTS{{{alerts}}}) >= {since:.3f})[1h:1s])"
        (row,) = self._answer(f"query?{urllib.parse.urlencode({'query': seen})}")
        return told.at - float(row["value"][1])

    def delays(self) -> dict[str, float | None]:
        return {f"{what} {status}": self.delay(what, status) for what, status in self.switched}

    def table(self) -> list[str]:
        return [
            f"{what:<34} {status:<9} {'never' if (delay := self.delay(what, status)) is None else f'{delay:5.1f} s'}"
            f"{' (hurried: minutes are a twelfth)' if what in self.hurried else ''}"
            for what, status in self.switched
        ]


class Story(ABC):
    """One story, which is played once. `prepare` may change what the servers are set up with."""

    def __init__(self, folder: Path, webhook: Webhook) -> None:
        self.folder = folder
        self.webhook = webhook
        self.ports = Ports(grpc=free_port(), http=free_port())
        places = Places(
            collector=self.ports.http, prometheus=free_port(), alertmanager=free_port(), webhook=webhook.url
        )
        self.monitoring = Monitoring(folder / "monitoring", places)
        self.seen = Watched(prometheus=places.prometheus_url, told=webhook.told)

    @abstractmethod
    async def play(self) -> None:
        """Plays it with servers of its own; all but Prometheus has ended when it returns."""

    def switch(self, status: str, *alerts: str) -> None:
        """Notes that now begins, or ends, what these alerts are about."""
        self.seen.switched |= {(what, status): time.time() for what in alerts}

    async def holds(self, expression: str) -> None:
        """Waits until Prometheus says so."""

        async def true() -> bool:
            rows = await self.monitoring.query(expression)
            return bool(rows) and all(float(row["value"][1]) > 0 for row in rows)

        await until(true, within=IN_TIME_S, beat=0.5)

    async def told(self, what: str, status: str) -> None:
        """Waits until the webhook was told, after the switch."""
        since = self.seen.switched[what, status]

        async def told() -> bool:
            return self.webhook.first(what, status, since=since) is not None

        try:
            await until(told, within=IN_TIME_S, beat=0.2)
        except TimeoutError:
            came = sorted({(one.what, one.status) for one in self.webhook.told})
            raise AssertionError(f"{what} never {status}; what came: {came}") from None


Telling = Callable[[Path, Webhook], Story]


@dataclass(slots=True)
class Showing:
    """A story that plays in a thread of its own; Prometheus stays up until `end`."""

    folder: Path
    telling: Telling
    _played: "Future[Watched]" = field(default_factory=Future)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _story: Story | None = None
    _playing: tuple[asyncio.AbstractEventLoop, "asyncio.Task[None]"] | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._everything()), name="story")
        self._thread.start()

    def wait_until_begun(self) -> None:
        """Until the country stands, or the story is over without."""
        while not (self._played.done() or (self._story is not None and BEGUN in self._story.seen.moments)):
            time.sleep(0.2)

    def seen(self) -> Watched:
        """What was seen, once it is over."""
        return self._played.result()

    @property
    def over(self) -> bool:
        """Whether it came to its end, and well."""
        return self._played.done() and not self._played.cancelled() and self._played.exception() is None

    def end(self) -> None:
        """Ends its servers; a story that is not over is broken off."""
        self._over.set()
        if self._playing is not None and not self._played.done():
            loop, task = self._playing
            loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join()

    async def _everything(self) -> None:
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self._playing = asyncio.get_running_loop(), task
        try:
            async with Webhook() as webhook:
                story = self._story = self.telling(self.folder, webhook)
                try:
                    await story.play()
                    self._played.set_result(story.seen)
                    await asyncio.to_thread(self._over.wait)
                finally:
                    await story.monitoring.stop()
        except asyncio.CancelledError:
            self._played.cancel()
        except BaseException as error:
            if self._played.done():
                raise
            self._played.set_exception(error)


@contextlib.contextmanager
def watch(folder: Path, *tellings: Telling) -> Iterator[list[Showing]]:
    """Plays stories side by side. The last one begins when the others stand: to start is what takes most."""
    showings = [Showing(folder / str(number), telling) for number, telling in enumerate(tellings)]
    try:
        for showing in showings:
            if showing is showings[-1]:
                for other in showings[:-1]:
                    other.wait_until_begun()
            showing.folder.mkdir()
            showing.begin()
        yield showings
    finally:
        for showing in showings:
            showing.end()
