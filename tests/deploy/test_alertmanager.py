"""What ships for Prometheus and Alertmanager holds together: configurations, routes, messages, runbooks."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from rabta_collector.metrics import CATALOGUE, Kind
from rabta_collector.pages.words import MECHANISMS
from rabta_collector.web import make_app
from support.country import Country
from support.programs import require

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
TEMPLATES = DEPLOY / "alertmanager" / "templates" / "*.tmpl"
PROMISED = {
    "RabtaPlatformBlocked",
    "RabtaPlatformBlockedNationwide",
    "RabtaPlatformThrottled",
    "RabtaPlatformDisrupted",
    "RabtaPlatformDown",
    "RabtaIspDown",
    "RabtaMobileShutdown",
    "RabtaTooFewAgents",
    "RabtaNoControl",
    "RabtaIngestStalled",
    "RabtaCollectorDown",
    "RabtaProcessDown",
    "RabtaArchiveBehind",
    "RabtaCheckpointsFail",
    "RabtaClockAhead",
    "RabtaWatchdog",
}
OF_OTHERS = {"process_cpu_seconds_total", "up", "scrape_duration_seconds"}


def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def exposed() -> set[str]:
    """Every name under which the collector has series."""
    suffixes = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    return {metric.name + suffix for metric in CATALOGUE for suffix in suffixes.get(metric.kind, ("",))}


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_shipped_configuration_and_rules() -> None:
    promtool = require("promtool", "prometheus")
    out = said(promtool, "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    assert f"SUCCESS: {len(RULES)} rule files found" in out


def test_alertmanager_takes_the_shipped_configuration() -> None:
    assert "SUCCESS" in said(require("amtool", "prometheus-alertmanager"), "check-config", str(CONFIG))


def loaded(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return config


def unquoted(part: object) -> str:
    """A part of a configuration whose matchers may be quoted, as newer ones want them."""
    return re.sub(r'[\\" ]', "", json.dumps(part))


def test_the_example_for_newer_alertmanagers_tells_the_same_people_of_the_same() -> None:
    old, new = loaded("alertmanager/alertmanager.yml"), loaded("alertmanager/alertmanager-0.28.yml")
    for key in ("route", "inhibit_rules", "templates"):
        assert unquoted(old[key]) == unquoted(new[key])
    assert [one.keys() for one in old["receivers"]] == [one.keys() for one in new["receivers"]]


def test_the_example_for_newer_prometheuses_has_the_older_ones_keys() -> None:
    old, new = loaded("prometheus/prometheus.yml"), loaded("prometheus/prometheus-3.yml")
    assert old["global"].items() <= new["global"].items()
    for key in ("rule_files", "alerting"):
        assert old[key] == new[key]
    for job, newer in zip(old["scrape_configs"], new["scrape_configs"], strict=True):
        assert job.items() <= newer.items()


def test_the_alerts_are_those_that_were_promised() -> None:
    assert set(ALERTS) == PROMISED


@pytest.mark.parametrize("alert", sorted(PROMISED))
def test_an_alert_has_what_a_person_needs(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description", "runbook_url"} <= set(rule["annotations"])
    assert rule["annotations"]["runbook_url"].endswith(f"/{alert}.md")
    assert alert == "RabtaWatchdog" or {"dashboard_url", "page_url"} <= set(rule["annotations"])


def test_an_alert_leads_to_a_board_that_exists() -> None:
    boards = (DEPLOY / "grafana" / "dashboards").glob("*.json")
    uids = {json.loads(path.read_text(encoding="utf-8"))["uid"] for path in boards}
    named = {uid for rule in ALERTS.values() for uid in re.findall(r"/d/([\w-]+)", str(rule["annotations"]))}
    assert named
    assert named <= uids


def test_rules_ask_for_series_that_exist() -> None:
    named = {name for rule in rules() for name in re.findall(r"\brabta_\w+", rule["expr"])}
    in_recorded = {word for name in RECORDED for word in re.findall(r"rabta_\w+", name)}
    assert named <= exposed() | in_recorded


@pytest.mark.parametrize("alert", sorted(PROMISED))
def test_an_alert_has_a_runbook_whose_queries_name_what_exists(alert: str) -> None:
    text = (DEPLOY / "runbooks" / f"{alert}.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ (.+)$", text, re.MULTILINE) == [alert, "Meaning", "Impact", "Diagnosis", "Mitigation"]
    named = set(re.findall(r"\b(?:[a-z_]+:)?rabta_\w+(?::\w+)?", text))
    assert named <= exposed() | RECORDED


def test_no_runbook_is_left_without_its_alert() -> None:
    assert {path.stem for path in (DEPLOY / "runbooks").glob("*.md")} == PROMISED


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=RabtaPlatformBlockedNationwide severity=critical platform=x", "everybody"),
        ("alertname=RabtaPlatformBlocked severity=warning platform=x isp=ptcl kind=fixed", "team"),
        ("alertname=RabtaPlatformDown severity=info platform=x isp=ptcl kind=fixed", "email"),
        ("alertname=RabtaMobileShutdown severity=critical kind=mobile", "everybody"),
        ("alertname=RabtaIspDown severity=critical isp=ptcl kind=fixed", "everybody"),
        ("alertname=RabtaCollectorDown severity=critical", "everybody"),
        ("alertname=RabtaTooFewAgents severity=warning isp=ptcl", "email"),
        ("alertname=RabtaProcessDown severity=warning instance=a", "email"),
        ("alertname=RabtaArchiveBehind severity=warning", "email"),
        ("alertname=RabtaCheckpointsFail severity=warning", "email"),
        ("alertname=RabtaClockAhead severity=critical", "everybody"),
        ("alertname=RabtaWatchdog severity=info", "watchdog"),
    ],
)
def test_an_alert_goes_to_those_who_act_on_it(labels: str, receiver: str) -> None:
    amtool = require("amtool", "prometheus-alertmanager")
    assert said(amtool, "config", "routes", "test", f"--config.file={CONFIG}", *labels.split()).strip() == receiver


async def test_an_alert_leads_to_the_collectors_page_about_the_same() -> None:
    filling = {"$externalLabels.rabta_page": "", "$labels.platform": "x", "$labels.isp": "ptcl"}
    about = {
        "RabtaPlatformBlocked": "/cell/x/ptcl",
        "RabtaPlatformBlockedNationwide": "/platform/x",
        "RabtaPlatformThrottled": "/cell/x/ptcl",
        "RabtaPlatformDisrupted": "/cell/x/ptcl",
        "RabtaPlatformDown": "/cell/x/ptcl",
        "RabtaIspDown": "/isp/ptcl",
        "RabtaTooFewAgents": "/isp/ptcl",
    }
    async with TestClient(TestServer(make_app(Country()))) as client:
        for alert, rule in ALERTS.items():
            if url := rule["annotations"].get("page_url"):
                path = re.sub(r"{{ (\S+) }}", lambda found: filling[found[1]], url)
                assert path in (about.get(alert, path), "/readyz")
                answer = await client.get(path)
                assert 200 == answer.status, alert
                assert alert not in about or "X (Twitter)" in await answer.text()


def render(template: str, data: dict[str, Any], folder: Path) -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    amtool = require("amtool", "prometheus-alertmanager")
    text = f'{{{{ template "{template}" . }}}}'
    paths = (f"--template.glob={TEMPLATES}", f"--template.text={text}", f"--template.data={file}")
    return said(amtool, "template", "render", *paths)


def message(*alerts: dict[str, Any]) -> dict[str, Any]:
    firing = any(alert["status"] == "firing" for alert in alerts)
    names = {alert["labels"]["alertname"] for alert in alerts}
    common = (
        {"alertname": names.pop(), "severity": "warning", "platform_name": "X (Twitter)"} if len(names) == 1 else {}
    )
    return {
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": common,
        "commonAnnotations": {},
    }


def blocked(isp: str, status: str = "firing", mechanism: str = "tls.reset.sni") -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "RabtaPlatformBlocked", "platform_name": "X (Twitter)", "isp_name": isp},
        "annotations": {
            "summary": f"X (Twitter) is blocked at {isp}.",
            "mechanism": mechanism,
            "since": "17 Feb 2024 22:00 PKT",
            "agents": "9",
            "page_url": "http://page/?platform=x&isp=a",
        },
    }


def test_a_message_says_what_where_how_since_when_and_by_how_many(tmp_path: Path) -> None:
    text = render("rabta.text", message(blocked("PTCL")), tmp_path)
    for part in (
        "X (Twitter) is blocked at PTCL.",
        "The connection is cut",
        "17 Feb 2024",
        "Agents: 9",
        "http://page/",
    ):
        assert part in text
    assert "PTCL پر X (Twitter) بند ہے۔ سائٹ کا نام دیکھتے ہی" in text


def test_a_message_of_an_end_says_only_that(tmp_path: Path) -> None:
    text = render("rabta.text", message(blocked("PTCL", "resolved")), tmp_path)
    assert text.startswith("OVER: X (Twitter) is blocked at PTCL. Rabta does not say so any more.\nختم: ")
    assert "The connection" not in text


def test_the_subject_counts_isps_of_which_it_is_still_true(tmp_path: Path) -> None:
    alerts = (blocked("PTCL"), blocked("Nayatel"), blocked("Optix", "resolved"))
    assert render("rabta.subject", message(*alerts), tmp_path).strip() == "X (Twitter) blocked at 2 ISPs"


def test_a_message_to_telegram_stays_below_its_limit_whatever_happens(tmp_path: Path) -> None:
    alerts = [blocked(f"An ISP with a long name, number {n}", mechanism="quic.refused") for n in range(60)]
    text = render("rabta.telegram", message(*alerts), tmp_path)
    assert len(text) < 4096
    assert "… 55 more" in text


def test_every_mechanism_has_the_words_of_the_pages() -> None:
    template = TEMPLATES.with_name("rabta.tmpl").read_text(encoding="utf-8").split('define "rabta.words"')[1]
    shown: dict[str, str] = {}
    for condition, meaning in re.findall(r"if (.*?) -?}}(.*)", template):
        shown |= dict.fromkeys(re.findall(r'"([a-z.]+)"', condition), meaning)
    assert {str(mechanism): words for mechanism, words in MECHANISMS.items()} == shown
