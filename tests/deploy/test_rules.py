"""Each alert on a made-up country: it fires on what it is for, and on nothing that only looks like it; and it ends."""

from pathlib import Path

import pytest

from support.rulebench import ISPS, SEVERAL, Case, check

X = ("x", "ptcl")
RESTART = {"missed": ((120.0, 150.0),), "replaying": ((150.0, 180.0),)}
"""The collector is gone for half a minute, and reads its journal for another half."""
SLOW = {"RabtaTooFewAgents": 15, "RabtaIngestStalled": 15, "RabtaArchiveBehind": 15, "RabtaCheckpointsFail": 15}
"""Alerts of many minutes, tried in longer steps."""
EVERYWHERE = {("x", isp): {0: "reachable", 60: "blocked", 240: "reachable"} for isp in ISPS}


def of_a_cell(alert: str, state: str, *, holds_s: int, stays_s: int) -> tuple[Case, ...]:
    """Of an alert that repeats the verdict: it fires after `holds_s`, and goes `stays_s` after it."""
    told = f"{alert} x ptcl"
    on = 60 + holds_s + 5
    course = {X: {0: "reachable", 60: state, 240: "reachable"}}
    return (
        Case(name="fires and resolves", verdicts=course, firing={60: (), on: (told,), 240 + stays_s + 10: ()}),
        Case(name="one bad agent", more=ONE_BAD_AGENT, firing={300: ()}),
        Case(name="one missed scrape at the beginning", verdicts=course, missed=((60, 65),), firing={on + 5: (told,)}),
        Case(name="missed scrapes do not resolve", verdicts=course, missed=((150, 160),), firing={155: (told,)}),
        Case(name="a restart does not resolve", verdicts=course, **RESTART, firing={145: (told,), 200: (told,)}),
        Case(name="a restart does not fire", **RESTART, firing=dict.fromkeys(range(120, 240, 5), ())),
        Case(
            name="no data ends it, and its twin stands",
            verdicts={X: {0: "reachable", 60: state}},
            missed=((150, 900),),
            firing={140: (told,), 540: ("RabtaCollectorDown",)},
        ),
    )


FAILED = 'rabta_collector_archive_failures_total{job="rabta",instance="c"}'
UNWRITTEN = 'rabta_collector_checkpoints_total{result="failed",job="rabta",instance="c"}'
WRITTEN = 'rabta_collector_checkpoints_total{result="written",job="rabta",instance="c"}'
DECIDED = 'rabta_collector_decided_timestamp_seconds{job="rabta",instance="c"}'
SEALED = 'rabta_collector_archive_sealed_timestamp_seconds{job="rabta",instance="c"}'
ONE_BAD_AGENT = {
    'rabta_reachable_agents_ratio{platform="x",isp="ptcl",job="rabta",instance="c"}': lambda at: 0.67,
    'rabta_measurement_failures_total{platform="x",isp="ptcl",step="tls",failure="other",job="rabta",instance="c"}': (
        lambda at: at * 3
    ),
}

CASES: dict[str, tuple[Case, ...]] = {
    "RabtaPlatformBlocked": (
        *of_a_cell("RabtaPlatformBlocked", "blocked", holds_s=5, stays_s=0),
        Case(
            name="two ISPs are not the nation",
            verdicts={("x", isp): {0: "reachable", 60: "blocked"} for isp in ("ptcl", "zong")},
            firing={90: ("RabtaPlatformBlocked x ptcl", "RabtaPlatformBlocked x zong")},
        ),
        Case(
            name="a state of a moment",
            verdicts={X: {0: "reachable", 60: "blocked", 65: "reachable"}},
            firing=dict.fromkeys(range(60, 90, 5), ()),
        ),
    ),
    "RabtaPlatformBlockedNationwide": (
        Case(
            name="fires and resolves",
            verdicts=EVERYWHERE,
            firing={
                60: (),
                70: ("RabtaPlatformBlockedNationwide x", *(f"RabtaPlatformBlocked x {isp}" for isp in ISPS)),
                250: (),
            },
        ),
        Case(name="a restart does not fire", **RESTART, firing=dict.fromkeys(range(120, 240, 5), ())),
        Case(
            name="missed scrapes and a restart do not resolve",
            verdicts=EVERYWHERE,
            missed=((80, 90), *RESTART["missed"]),
            replaying=RESTART["replaying"],
            firing={
                t: ("RabtaPlatformBlockedNationwide x", *(f"RabtaPlatformBlocked x {isp}" for isp in ISPS))
                for t in (85, 145, 175)
            },
        ),
        Case(
            name="networks without agents do not count",
            verdicts={("x", isp): {0: "blocked"} for isp in ("ptcl", "nayatel", "stormfiber")},
            agents={isp: {0: 0.0} for isp in ("zong", "jazz")},
            firing={
                30: (
                    "RabtaPlatformBlockedNationwide x",
                    *(f"RabtaPlatformBlocked x {isp}" for isp in ("ptcl", "nayatel", "stormfiber")),
                )
            },
        ),
        Case(
            name="one bad agent at every ISP",
            more={
                f'rabta_reachable_agents_ratio{{platform="x",isp="{isp}",job="rabta",instance="c"}}': (lambda at: 0.67)
                for isp in ISPS
            },
            firing={300: ()},
        ),
        Case(
            name="no data ends it",
            verdicts={("x", isp): {0: "blocked"} for isp in ISPS},
            missed=((150, 900),),
            firing={540: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaPlatformThrottled": of_a_cell("RabtaPlatformThrottled", "throttled", holds_s=5, stays_s=0),
    "RabtaPlatformDisrupted": of_a_cell("RabtaPlatformDisrupted", "disrupted", holds_s=15, stays_s=60),
    "RabtaPlatformDown": of_a_cell("RabtaPlatformDown", "down", holds_s=15, stays_s=60),
    "RabtaIspDown": (
        Case(
            name="fires and resolves",
            isps={"ptcl": {0: "up", 60: "down", 240: "up"}},
            firing={60: (), 70: ("RabtaIspDown ptcl",), 235: ("RabtaIspDown ptcl",), 240: ()},
        ),
        Case(name="degraded is not down", isps={"ptcl": {0: "degraded"}}, firing={60: ()}),
        Case(
            name="nobody was ever heard",
            isps={"ptcl": {0: "unknown"}},
            agents={"ptcl": {0: 0.0}},
            firing={60: (), 600: ()},
        ),
        Case(name="one agent goes", agents={"ptcl": {0: 3.0, 60: 2.0}}, firing={60: (), 300: ()}),
        Case(
            name="missed scrapes do not resolve",
            isps={"ptcl": {0: "up", 60: "down"}},
            missed=((100, 110),),
            firing=dict.fromkeys((70, 105, 120), ("RabtaIspDown ptcl",)),
        ),
        Case(
            name="a restart does not resolve",
            isps={"ptcl": {0: "up", 60: "down"}},
            **RESTART,
            firing=dict.fromkeys(range(70, 240, 5), ("RabtaIspDown ptcl",)),
        ),
        Case(name="a restart does not fire", **RESTART, firing=dict.fromkeys(range(120, 240, 5), ())),
        Case(
            name="no data ends it",
            isps={"ptcl": {0: "down"}},
            missed=((150, 900),),
            firing={540: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaMobileShutdown": (
        Case(
            name="fires and resolves",
            isps={isp: {0: "up", 60: "down", 240: "up"} for isp in ("zong", "jazz")},
            firing={60: (), 70: ("RabtaMobileShutdown", "RabtaIspDown zong", "RabtaIspDown jazz"), 240: ()},
        ),
        Case(name="one agent goes", agents={isp: {0: 3.0, 60: 2.0} for isp in ("zong", "jazz")}, firing={300: ()}),
        Case(name="a restart does not fire", **RESTART, firing=dict.fromkeys(range(120, 240, 5), ())),
        Case(name="one network is no shutdown", isps={"zong": {0: "down"}}, firing={60: ("RabtaIspDown zong",)}),
        Case(
            name="fixed networks are not mobile ones",
            isps={isp: {0: "down"} for isp in ("ptcl", "nayatel")},
            firing={60: ("RabtaIspDown ptcl", "RabtaIspDown nayatel")},
        ),
        Case(
            name="missed scrapes and a restart do not resolve",
            isps={isp: {0: "up", 60: "down"} for isp in ("zong", "jazz")},
            missed=((90, 95), *RESTART["missed"]),
            replaying=RESTART["replaying"],
            firing=dict.fromkeys(range(70, 240, 5), ("RabtaMobileShutdown", "RabtaIspDown zong", "RabtaIspDown jazz")),
        ),
        Case(
            name="no data ends it",
            isps={isp: {0: "down"} for isp in ("zong", "jazz")},
            missed=((150, 900),),
            firing={540: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaTooFewAgents": (
        Case(
            name="fires and resolves",
            agents={"ptcl": {0: 9.0, 60: 2.0, 1200: 9.0}},
            firing={600: (), 720: ("RabtaTooFewAgents ptcl",), 1205: ()},
        ),
        Case(name="never had more", agents={"ptcl": {0: 2.0}}, firing={1200: ()}),
        Case(name="one agent of four goes", agents={"ptcl": {0: 4.0, 60: 3.0}}, firing={1200: ()}),
        Case(
            name="missed scrapes",
            agents={"ptcl": {0: 9.0, 60: 2.0}},
            missed=((300, 330), (900, 930)),
            firing={600: (), 720: ("RabtaTooFewAgents ptcl",), 915: ("RabtaTooFewAgents ptcl",)},
        ),
        Case(
            name="a restart",
            agents={"ptcl": {0: 9.0, 180: 0.0, 240: 9.0}},
            **RESTART,
            firing=dict.fromkeys(range(120, 1200, 60), ()),
        ),
        Case(
            name="no data",
            agents={"ptcl": {0: 9.0, 60: 2.0}},
            missed=((900, 1300),),
            firing={890: ("RabtaTooFewAgents ptcl",), 1240: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaNoControl": (
        Case(
            name="fires and resolves",
            controls={0: 2.0, 60: 0.0, 400: 1.0},
            firing={200: (), 245: ("RabtaNoControl",), 400: ()},
        ),
        Case(name="one control goes", controls={0: 2.0, 60: 1.0}, firing={600: ()}),
        Case(name="both come again", controls={0: 2.0, 60: 0.0, 120: 2.0}, firing=dict.fromkeys(range(60, 400, 5), ())),
        Case(name="missed scrape", missed=((60, 65),), firing=dict.fromkeys(range(60, 400, 5), ())),
        Case(
            name="a restart",
            controls={0: 2.0, 180: 0.0, 240: 2.0},
            **RESTART,
            firing=dict.fromkeys(range(120, 500, 5), ()),
        ),
        Case(
            name="no data",
            controls={0: 0.0},
            missed=((300, 900),),
            firing={290: ("RabtaNoControl",), 500: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaIngestStalled": (
        Case(
            name="nothing accepted",
            more={
                'rabta_collector_ingest_measurements_total{result="accepted",job="rabta",instance="c"}': lambda at: (
                    min(at, 300) if at < 1200 else at
                )
            },
            firing={900: (), 980: ("RabtaIngestStalled",), 1210: ()},
        ),
        Case(
            name="nothing decided",
            more={
                'rabta_collector_decided_timestamp_seconds{job="rabta",instance="c"}': lambda at: (
                    min(at, 60) if at < 300 else at
                )
            },
            firing={120: (), 210: ("RabtaIngestStalled",), 300: ()},
        ),
        Case(
            name="the journal refuses",
            more={
                'rabta_collector_rejected_total{reason="journal",job="rabta",instance="c"}': lambda at: min(
                    max(0, at - 60), 120
                )
            },
            firing={60: (), 150: ("RabtaIngestStalled",), 320: ()},
        ),
        Case(
            name="one bad agent is rejected",
            more={'rabta_collector_rejected_total{reason="rate",job="rabta",instance="c"}': lambda at: at},
            firing={600: ()},
        ),
        Case(
            name="nobody is connected",
            sessions={0: 0.0},
            more={
                'rabta_collector_ingest_measurements_total{result="accepted",job="rabta",instance="c"}': lambda at: 5.0
            },
            firing={900: ()},
        ),
        Case(name="missed scrape", missed=((60, 65),), firing=dict.fromkeys(range(60, 200, 5), ())),
        Case(name="a restart", **RESTART, firing=dict.fromkeys(range(120, 400, 5), ())),
        Case(name="a long replay", replaying=((60, 600),), firing=dict.fromkeys(range(60, 700, 20), ())),
        Case(
            name="no data",
            more={'rabta_collector_decided_timestamp_seconds{job="rabta",instance="c"}': lambda at: 0.0},
            missed=((300, 900),),
            firing={290: ("RabtaIngestStalled",), 500: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaArchiveBehind": (
        Case(
            name="fires and resolves",
            more={SEALED: lambda at: at - (37 * 3600 if 60 <= at < 1500 else 13 * 3600), FAILED: lambda at: at // 60},
            firing={600: (), 765: ("RabtaArchiveBehind",), 1515: ()},
        ),
        Case(
            name="a day that is not over", more={SEALED: lambda at: at - 25.5 * 3600, FAILED: float}, firing={1200: ()}
        ),
        Case(
            name="nothing came for days",
            more={SEALED: lambda at: at - 99 * 3600, FAILED: lambda at: 5.0},
            firing={1200: ()},
        ),
        Case(name="nothing was ever sealed", firing={1200: ()}),
        Case(
            name="missed scrapes",
            more={SEALED: lambda at: at - 37 * 3600, FAILED: lambda at: at // 60},
            missed=((700, 730), (900, 930)),
            firing={590: (), 765: ("RabtaArchiveBehind",), 915: ("RabtaArchiveBehind",)},
        ),
        Case(
            name="no data",
            more={SEALED: lambda at: at - 37 * 3600, FAILED: lambda at: at // 60},
            missed=((900, 1500),),
            firing={890: ("RabtaArchiveBehind",), 1400: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaCheckpointsFail": (
        Case(
            name="fires and resolves",
            more={UNWRITTEN: lambda at: at // 60, WRITTEN: lambda at: max(0.0, (at - 2400) // 60)},
            firing={600: (), 1020: ("RabtaCheckpointsFail",), 2550: ()},
        ),
        Case(
            name="one fails now and then",
            more={UNWRITTEN: lambda at: at // 600, WRITTEN: lambda at: at // 300},
            firing=dict.fromkeys(range(900, 2400, 60), ()),
        ),
        Case(
            name="nothing is to be written",
            more={UNWRITTEN: lambda at: 0.0, WRITTEN: lambda at: 3.0},
            firing={1800: ()},
        ),
        Case(
            name="missed scrapes",
            more={UNWRITTEN: lambda at: at // 60, WRITTEN: lambda at: 0.0},
            missed=((1030, 1060), (1200, 1230)),
            firing={1020: ("RabtaCheckpointsFail",), 1215: ("RabtaCheckpointsFail",)},
        ),
    ),
    "RabtaClockAhead": (
        Case(
            name="fires and resolves",
            more={DECIDED: lambda at: max(at, 7800.0) if at > 120 else at},
            firing={120: (), 150: (), 200: ("RabtaClockAhead",), 7900: ()},
        ),
        Case(name="clocks that differ a little", more={DECIDED: lambda at: at + 4.0}, firing={300: ()}),
        Case(name="it decides late", more={DECIDED: lambda at: at - 30.0}, firing={300: ()}),
        Case(
            name="missed scrapes",
            more={DECIDED: lambda at: at + 60.0},
            missed=((200, 215),),
            firing={100: ("RabtaClockAhead",), 195: ("RabtaClockAhead",), 205: ("RabtaClockAhead",)},
        ),
        Case(name="a restart", **RESTART, firing=dict.fromkeys(range(120, 300, 5), ())),
        Case(
            name="no data",
            more={DECIDED: lambda at: at + 60.0},
            missed=((300, 1500),),
            firing={290: ("RabtaClockAhead",), 1400: ("RabtaCollectorDown",)},
        ),
    ),
    "RabtaCollectorDown": (
        Case(name="fires and resolves", missed=((60, 240),), firing={95: (), 105: ("RabtaCollectorDown",), 245: ()}),
        Case(name="missed scrapes", missed=((60, 70), (100, 105)), firing=dict.fromkeys(range(60, 200, 5), ())),
        Case(name="a restart", **RESTART, firing=dict.fromkeys(range(120, 300, 5), ())),
        Case(name="a replay without end", replaying=((60, 2000),), firing={900: (), 1100: ("RabtaCollectorDown",)}),
        Case(name="one bad agent", more=ONE_BAD_AGENT, firing={300: ()}),
        Case(
            name="nothing is scraped at all",
            up=lambda at: None if at > 60 else 1.0,
            missed=((65, 900),),
            firing={300: (), 420: ("RabtaCollectorDown",)},
        ),
    ),
}


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_on_what_it_is_for_and_on_nothing_else(alert: str, tmp_path: Path) -> None:
    assert "" == check(CASES[alert], tmp_path, scrape_s=SLOW.get(alert, 5))


@pytest.mark.parametrize("alert", CASES)
def test_it_is_the_same_with_several_processes(alert: str, tmp_path: Path) -> None:
    """Each tells of ISPs of its own, or of agents; no rule has to know which."""
    assert "" == check(CASES[alert], tmp_path, scrape_s=SLOW.get(alert, 5), processes=SEVERAL)
