"""Tries alert rules on a country that is made up: what the collector would show at every scrape, played by `promtool`.

A case says how things change and which alerts fire when: all of them, so that one that fires by mistake fails it. The
watchdog is not named: it fires in every case.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rabta_proto.vocabulary import IspState, State
from support.programs import require

ISPS = {"ptcl": "fixed", "nayatel": "fixed", "stormfiber": "fixed", "zong": "mobile", "jazz": "mobile"}
NAMES = {"ptcl": "PTCL", "nayatel": "Nayatel", "stormfiber": "StormFiber", "zong": "Zong", "jazz": "Jazz"}
PLATFORMS = {"x": "X (Twitter)"}
RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
MISSING = "_"
STALE = "stale"

Changes = Mapping[float, str | float]
"""What a thing is from each second on."""
Span = tuple[float, float]
"""From one second on, until another."""
Firing = Iterable[str]
"""Alerts with what they are about: `RabtaPlatformBlocked x ptcl`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A country's course and the alerts that must fire at certain seconds.

    `missed`: scrapes that fail. `replaying`: the collector runs and shows nothing of the country. `more`: series by
    name, in place of the usual ones where they bear the same name and labels. `gone`: which processes cannot be scraped
    then, of those that `SEVERAL` names. `orphaned`: when nobody takes over what one of them decided on.
    """

    name: str
    firing: Mapping[int, Firing]
    verdicts: Mapping[tuple[str, str], Changes] = field(default_factory=dict)
    mechanism: str = "tls.reset.sni"
    isps: Mapping[str, Changes] = field(default_factory=dict)
    agents: Mapping[str, Changes] = field(default_factory=dict)
    controls: Changes = field(default_factory=lambda: {0: 2.0})
    sessions: Changes = field(default_factory=lambda: {0: 17.0})
    missed: tuple[Span, ...] = ()
    gone: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    orphaned: tuple[Span, ...] = ()
    replaying: tuple[Span, ...] = ()
    more: Mapping[str, Callable[[float], float]] = field(default_factory=dict)
    up: Callable[[float], float | None] | None = None

    @property
    def length(self) -> int:
        return max(self.firing)


ALONE = ("c",)
SEVERAL = ("d0", "d1", "i0", "i1")
"""Two processes that decide, each on ISPs of its own as long as both are there, and two that take agents."""

TAKEN_OVER_S = 15
"""After which another process tells of the ISPs of one that is gone."""


def check(cases: Iterable[Case], folder: Path, *, scrape_s: int, processes: Sequence[str] = ALONE) -> str:
    """What `promtool` finds wrong with them; empty: nothing. `scrape_s`: the interval of scrapes and of evaluations."""
    promtool = require("promtool", "prometheus")
    file = folder / "cases.json"  # JSON is YAML
    document = {
        "rule_files": sorted(map(str, RULES.glob("*.yml"))),
        "evaluation_interval": f"{scrape_s}s",
        "tests": [_test(case, scrape_s, processes) for case in cases],
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _test(case: Case, scrape_s: int, processes: Sequence[str]) -> dict[str, object]:
    shown = _series(case, scrape_s, processes)
    series = [{"series": name, "values": " ".join(values)} for name, values in shown.items()]
    test: dict[str, object] = {"name": case.name, "interval": f"{scrape_s}s", "input_series": series}
    test["promql_expr_test"] = [_expect(at, alerts) for at, alerts in case.firing.items()]
    test["external_labels"] = {"rabta_page": "P", "rabta_grafana": "G", "rabta_runbooks": "R"}
    return test


def _expect(at: int, alerts: Firing) -> dict[str, object]:
    samples = [{"labels": _labels(alert), "value": 1} for alert in (*alerts, "RabtaWatchdog")]
    firing = 'group by (alertname, platform, isp, instance) (ALERTS{alertstate="firing"})'
    return {"expr": firing, "eval_time": f"{at}s", "exp_samples": samples}


def _labels(alert: str) -> str:
    name, *about = alert.split()
    if name == "RabtaProcessDown":
        return f'{{alertname="{name}", instance="{about[0]}"}}'
    keys = ("platform", "isp") if len(about) == 2 else ("platform",) if about and about[0] in PLATFORMS else ("isp",)
    pairs = {"alertname": name, **dict(zip(keys, about, strict=False))}
    return "{" + ", ".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"


def _series(case: Case, scrape_s: int, processes: Sequence[str]) -> dict[str, list[str]]:
    times = range(0, case.length + scrape_s, scrape_s)
    made: dict[str, list[str]] = {}
    shares = 1 if processes is ALONE else 2
    for name, value in (_country(case) | _collector(case, shares) | dict(case.more)).items():
        of_country = not name.startswith("rabta_collector_")
        for process in processes:
            told = [at if _tells(case, process, name, at, processes) else None for at in times]
            values = [None if at is None or _hidden(case, at, of_country) else value(at) for at in told]
            if any(one is not None for one in values):
                made[_of(name, process)] = _gapped(values)
    up = case.up or (lambda at: float(not _within(case.missed, at)))
    for process in processes:
        gone = case.gone.get(process, ())
        made[_of('up{job="rabta",instance="c"}', process)] = _gapped(
            [0.0 if _within(gone, at) else up(at) for at in times]
        )
    return made


def _of(series: str, process: str) -> str:
    return series.replace('instance="c"', f'instance="{process}"')


def _tells(case: Case, process: str, series: str, at: float, processes: Sequence[str]) -> bool:
    """Whether a process shows a series at a moment: no series is shown by two."""
    if _within(case.gone.get(process, ()), at):
        return False
    if processes is ALONE:
        return True
    if series.startswith(("rabta_collector_ready", "rabta_collector_decided", "rabta_collector_shares")):
        return process in SEVERAL[:2]
    share = re.search(r'share="(\d)"', series)
    if share is None and series.startswith("rabta_collector_"):
        return process in SEVERAL[2:]
    found = re.search(r'isp="(\w+)"', series)
    owner = SEVERAL[int(share[1]) - 1 if share else list(ISPS).index(found[1]) % 2 if found else 0]
    other = SEVERAL[1 - SEVERAL.index(owner)]
    if process == owner:
        return True
    return (
        process == other
        and not _within(case.orphaned, at)
        and any(begin + TAKEN_OVER_S <= at < end for begin, end in case.gone.get(owner, ()))
    )


def _hidden(case: Case, at: float, of_country: bool) -> bool:
    return _within(case.missed, at) or (of_country and _within(case.replaying, at))


def _within(spans: Iterable[Span], at: float) -> bool:
    return any(begin <= at < end for begin, end in spans)


def _gapped(values: Iterable[float | None]) -> list[str]:
    """A series that ends is marked stale once, as Prometheus does after a scrape that fails or lacks it."""
    words: list[str] = []
    for value in values:
        if value is not None:
            words.append(f"{value:g}")
        else:
            words.append(MISSING if not words or words[-1] in (MISSING, STALE) else STALE)
    return words


def _at(changes: Changes, at: float) -> str | float:
    return changes[max(begin for begin in changes if begin <= at)]


def _country(case: Case) -> dict[str, Callable[[float], float | None]]:
    target = 'job="rabta",instance="c"'
    made: dict[str, Callable[[float], float | None]] = {}
    for isp, kind in ISPS.items():
        made[f'rabta_isp_info{{isp="{isp}",name="{NAMES[isp]}",kind="{kind}",{target}}}'] = lambda at: 1.0
        status, agents = case.isps.get(isp, {0: "up"}), case.agents.get(isp, {0: 3.0})
        for name in ("rabta_agents_connected", "rabta_agents_reporting"):
            made[f'{name}{{isp="{isp}",{target}}}'] = lambda at, agents=agents: float(_at(agents, at))
        for isp_state in IspState:
            name = f'rabta_isp_state{{isp="{isp}",state="{isp_state}",{target}}}'
            made[name] = lambda at, status=status, state=isp_state: float(_at(status, at) == state)
        for platform in PLATFORMS:
            made |= _cell(case, platform, isp, target)
    for platform, name in PLATFORMS.items():
        made[f'rabta_platform_info{{platform="{platform}",name="{name}",category="SOCIAL",{target}}}'] = lambda at: 1.0
    made[f"rabta_controls_connected{{{target}}}"] = lambda at: float(_at(case.controls, at))
    return made


def _cell(case: Case, platform: str, isp: str, target: str) -> dict[str, Callable[[float], float | None]]:
    stands = case.verdicts.get((platform, isp), {0: "reachable"})
    cell = f'platform="{platform}",isp="{isp}",{target}'
    made: dict[str, Callable[[float], float | None]] = {
        f"rabta_verdict_changed_timestamp_seconds{{{cell}}}": lambda at: max(b for b in stands if b <= at),
        f"rabta_last_measurement_timestamp_seconds{{{cell}}}": lambda at: at,
        f"rabta_reachable_agents_ratio{{{cell}}}": lambda at: float(_at(stands, at) == "reachable"),
        f'rabta_verdict_mechanism{{mechanism="{case.mechanism}",{cell}}}': lambda at: (
            1.0 if _at(stands, at) in ("blocked", "throttled") else None
        ),
    }
    for state in State:
        made[f'rabta_verdict{{state="{state}",{cell}}}'] = lambda at, state=state: float(_at(stands, at) == state)
    return made


def _collector(case: Case, shares: int) -> dict[str, Callable[[float], float | None]]:
    target = 'job="rabta",instance="c"'
    numbers = map(str, range(1, shares + 1))
    told = {
        f'rabta_collector_share_told{{share="{share}",{target}}}': lambda at: float(not _within(case.replaying, at))
        for share in numbers
    }
    return told | {
        f"rabta_collector_shares{{{target}}}": lambda at: float(shares),
        f"rabta_collector_ready{{{target}}}": lambda at: float(not _within(case.replaying, at)),
        f"rabta_collector_decided_timestamp_seconds{{{target}}}": lambda at: 0.0 if _within(case.replaying, at) else at,
        f"rabta_collector_sessions{{{target}}}": lambda at: float(_at(case.sessions, at)),
        f'rabta_collector_rejected_total{{reason="journal",{target}}}': lambda at: 0.0,
        f'rabta_collector_ingest_measurements_total{{result="accepted",{target}}}': lambda at: at * 10,
    }
