"""A scrape of 30 ISPs x 50 platforms: its CPU, its size, and the longest pause it causes to what else is served.

Windows of a second in turn, with a scrape and without: what they differ by is the scrape's.
"""

import gzip
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.one_scrape import Watched
from bench.process import BenchError, Server, median, python
from bench.report import Bar, Part, Row

AGENTS, PLATFORMS, ISPS = 300, 50, 30
PAIRS, QUICK_PAIRS = 30, 5
WINDOW_S = 1.0
CPU_MS, PAUSE_MS, METRICS_MS = 50.0, 20.0, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """Milliseconds of each pair of windows: with a scrape, and without."""

    cpu_ms: list[float]
    pause_ms: list[float]
    busy_ms: list[float]
    without_ms: list[float]
    waited_ms: list[float]
    series: int
    bytes: int
    packed: int
    verdicts: int


def run(*, quick: bool) -> Part:
    """One process, which is scraped at each second second."""
    with serving() as port:
        found = scrape(port, QUICK_PAIRS if quick else PAIRS)
    rows: list[Row] = [
        ("cells with a verdict", f"{found.verdicts:,}"),
        ("series", f"{found.series:,}"),
        ("text, plain / gzip", f"{found.bytes / 1e6:.2f} / {found.packed / 1e6:.2f} MB"),
        ("CPU, median / most", _ms(found.cpu_ms)),
        ("answer after, median / longest", _ms(found.waited_ms)),
        ("longest pause of the event loop in a second with a scrape, median / longest", _ms(found.pause_ms)),
        ("what the process computed meanwhile: no pause is longer on free cores", _ms(found.busy_ms)),
        ("longest pause in a second without one", _ms(found.without_ms)),
    ]
    return Part(
        found={"scrape": found},
        tables=((f"A scrape of {ISPS} ISPs x {PLATFORMS} platforms, {len(found.cpu_ms)} times", ("what", ""), rows),),
        bars=(
            Bar("CPU of a scrape, median, ms", median(found.cpu_ms), CPU_MS),
            Bar("pause of the event loop, the longest, ms", max(found.pause_ms), PAUSE_MS),
            Bar("/metrics, the longest, ms", max(found.waited_ms), METRICS_MS),
        ),
    )


def _ms(values: Sequence[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f} ms"


@contextmanager
def serving() -> Iterator[str]:
    """What is scraped, as a URL."""
    with TemporaryDirectory(prefix="rabta-scrape-") as folder:
        log = Path(folder) / "log"
        server = Server(python("bench.one_scrape", str(AGENTS), str(PLATFORMS), str(ISPS)), log=log)
        try:
            server.until(lambda: log.read_bytes().endswith(b"\n"))
            yield f"http://127.0.0.1:{int(log.read_text(encoding='utf-8'))}"
        finally:
            server.end()


def scrape(url: str, pairs: int) -> Scraped:
    """Pairs of windows, the one without a scrape first."""
    body, _ = _get(f"{url}/metrics")
    text = gzip.decompress(body)
    found = Scraped(
        cpu_ms=[],
        pause_ms=[],
        busy_ms=[],
        without_ms=[],
        waited_ms=[],
        series=sum(not line.startswith(b"#") for line in text.splitlines()),
        bytes=len(text),
        packed=len(body),
        verdicts=_watch(url).verdicts,
    )
    for _ in range(pairs):
        time.sleep(WINDOW_S)
        without = _watch(url)
        _, waited_ms = _get(f"{url}/metrics")
        time.sleep(max(0.0, WINDOW_S - waited_ms / 1e3))
        seen = _watch(url)
        found.cpu_ms.append((seen.cpu_s - without.cpu_s * seen.seconds / without.seconds) * 1e3)
        found.pause_ms.append(seen.pause_ms)
        found.busy_ms.append(seen.busy_ms)
        found.without_ms.append(without.pause_ms)
        found.waited_ms.append(waited_ms)
    return found


def _watch(url: str) -> Watched:
    return Watched(**json.loads(_get(f"{url}/watch")[0]))


def _get(url: str) -> tuple[bytes, float]:
    """The answer as it came, and how long it took, in milliseconds."""
    began = time.perf_counter()
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    try:
        with closing(urllib.request.urlopen(request, timeout=30)) as answer:
            return answer.read(), (time.perf_counter() - began) * 1e3
    except OSError as wrong:
        raise BenchError(f"{url}: {wrong}") from None
