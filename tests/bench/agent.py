"""The agent: CPU of a full measurement beside the floor and blackbox_exporter; its start, its memory, its idle cost."""

import shutil
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.process import (
    BenchError,
    Server,
    children_cpu_s,
    cpu_s,
    median,
    median_ratio,
    python,
)
from bench.report import Bar, Part, Row
from bench.site import NAME
from bench.working import Place, Running, running, site
from lab.system import free_port

FEW, MANY = 10, 310
RUNS, QUICK_RUNS = 5, 2
IDLE_S, QUICK_IDLE_S = 120.0, 20.0
SETTLED, QUICK_SETTLED = 200, 40
TIMES_FLOOR, PSS_MB, START_S, IDLE = 2.0, 67.1, 2.0, 0.005
BLACKBOX = """modules:
  page:
    prober: http
    http:
      fail_if_not_ssl: true
      preferred_ip_protocol: ip4
      body_size_limit: 1MB
      tls_config: {{server_name: {name}}}
"""


def run(*, quick: bool) -> Part:
    """A measurement beside its floor, and an agent at work."""
    probed = probing(QUICK_RUNS if quick else RUNS)
    ran = running(idle_s=QUICK_IDLE_S if quick else IDLE_S, settled=QUICK_SETTLED if quick else SETTLED)
    tables = (
        ("A full measurement", ("what", "CPU ms", "times the floor"), _measured(probed)),
        ("A running agent", ("what", "measured"), _at_work(ran)),
    )
    bars = [Bar("a measurement, times the floor", median_ratio(probed.agent_ms, probed.floor_ms), TIMES_FLOOR)]
    notes = [] if probed.blackbox_ms else ["prometheus-blackbox-exporter is not installed: its row is left out"]
    if probed.blackbox_ms:
        times = median_ratio(probed.agent_ms, probed.blackbox_ms)
        bars.append(Bar("a measurement, times blackbox_exporter's", times, 1))
    bars += [
        Bar("memory, PSS, MB (64 MiB)", ran.pss, PSS_MB),
        Bar("memory with QUIC, PSS, MB (64 MiB)", ran.pss_quic, PSS_MB),
        Bar("CPU from the start to the first measurement, s", ran.start_s, START_S),
        Bar("CPU with nothing to do, cores", ran.idle, IDLE),
    ]
    return Part(found={"probing": asdict(probed), "running": asdict(ran)}, tables=tables, bars=bars, notes=notes)


def _measured(probed: "Probing") -> list[Row]:
    def row(what: str, each_ms: Sequence[float]) -> Row:
        return what, f"{median(each_ms):.2f}", f"{median_ratio(each_ms, probed.floor_ms):.1f}"

    rows = [
        row("floor: asyncio and ssl by hand, one query", probed.floor_ms),
        row("agent: the same page, everything recorded", probed.agent_ms),
    ]
    if probed.blackbox_ms:
        rows.append(row("blackbox_exporter, given the address", probed.blackbox_ms))
    return [*rows, ("agent: the same name, a handshake over QUIC", f"{median(probed.quic_ms):.2f}", "")]


def _at_work(ran: Running) -> list[Row]:
    return [
        ("memory, PSS / RSS", f"{ran.pss:.1f} / {ran.rss:.1f} MB"),
        ("its own of that; the rest is code in files", f"{ran.own:.1f} MB"),
        ("memory where it measures over QUIC, too, PSS", f"{ran.pss_quic:.1f} MB"),
        ("CPU from the start to the first measurement", f"{ran.start_s:.2f} s"),
        ("CPU with nothing to do", f"{ran.idle * 100:.2f} % of a core"),
        ("CPU of `rabta-agent version`", f"{ran.version_s:.2f} s"),
        ("written to the disk for a measurement", f"{ran.written_bytes / 1e3:.1f} kB"),
        ("the same in an hour, at 90 measurements", f"{ran.written_bytes * 90 / 1e6:.1f} MB"),
    ]


@dataclass(slots=True)
class Probing:
    """Milliseconds of CPU for one measurement, of each pair of runs."""

    agent_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    quic_ms: list[float] = field(default_factory=list)
    blackbox_ms: list[float] = field(default_factory=list)


def probing(runs: int) -> Probing:
    """Each program measures a page few times and many times: the difference is without its start."""
    found = Probing()
    with ExitStack() as stack:
        place = stack.enter_context(site(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        blackbox = stack.enter_context(blackbox_exporter(place))
        roots = str(place.folder / "roots.pem")

        def floor(times: int) -> list[str]:
            return python("bench.floor_probe", str(place.dns), str(place.https), roots, str(times))

        def agent(times: int, url: str = place.url) -> list[str]:
            return python("bench.agent_probe", url, str(times))

        for program in (agent, floor):
            children_cpu_s(program(FEW), place.env)  # so that none of the runs below compiles its code
        for _ in range(runs):
            found.agent_ms.append(_each_ms(agent(FEW), agent(MANY), place))
            found.floor_ms.append(_each_ms(floor(FEW), floor(MANY), place))
            found.quic_ms.append(_each_ms(agent(FEW, place.quic_url), agent(MANY, place.quic_url), place))
            if blackbox is not None:
                found.blackbox_ms.append(_probes_ms(blackbox, place))
    return found


def _each_ms(few: Sequence[str], many: Sequence[str], place: Place) -> float:
    spent = [children_cpu_s(command, place.env)[0] for command in (few, many)]
    return (spent[1] - spent[0]) / (MANY - FEW) * 1e3


@contextmanager
def blackbox_exporter(place: Place) -> Iterator[tuple[Server, int] | None]:
    """Its process and port; `None` where it is not installed."""
    program = shutil.which("prometheus-blackbox-exporter")
    if program is None:
        yield None
        return
    config = place.folder / "blackbox.yml"
    config.write_text(BLACKBOX.format(name=NAME), encoding="utf-8")
    port = free_port()
    command = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    server = Server(command, env=place.env, log=place.folder / "blackbox.log")
    try:
        server.until(lambda: _scrape(port, place) is not None)
        yield server, port
    finally:
        server.end()


def _probes_ms(blackbox: tuple[Server, int], place: Place) -> float:
    server, port = blackbox
    before = cpu_s(server.pid)
    for _ in range(MANY):
        if "probe_success 1" not in (_scrape(port, place) or ""):
            raise BenchError("blackbox_exporter does not reach the site")
    return (cpu_s(server.pid) - before) / MANY * 1e3


def _scrape(port: int, place: Place) -> str | None:
    """It resolves by the system's resolver alone, so it is given the address."""
    url = f"http://127.0.0.1:{port}/probe?module=page&target=https://127.0.0.1:{place.https}/"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return None
