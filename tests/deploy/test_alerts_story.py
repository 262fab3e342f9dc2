"""From the censor's switch to whoever is on call: the real servers as they ship, the real collector and agents."""

import pytest

from support.blockade import BLOCKED, NATIONWIDE, SHUTDOWN
from support.watched import Watched

LIMIT_S = 60.0
HELD_BACK = {
    "RabtaPlatformBlocked x nayatel": NATIONWIDE,
    "RabtaPlatformBlocked x stormfiber": NATIONWIDE,
    "RabtaIspDown zong": SHUTDOWN,
    "RabtaIspDown jazz": SHUTDOWN,
}
"""What may come only as long as that which holds it back is not there, or not any more."""
ASIDE = {"RabtaWatchdog", *HELD_BACK}


def firsts(watched: Watched, status: str) -> list[str]:
    came = [told.what for told in watched.told if told.status == status and told.what not in ASIDE]
    return list(dict.fromkeys(came))


def test_nothing_fires_in_a_quiet_time_with_a_bad_agent_and_programs_that_are_killed(watched: Watched) -> None:
    assert watched.fired_in_quiet == []
    noise = watched.query("sum(rabta_measurement_failures_total{isp='jazz',step='dns'})", "quiet")
    assert float(noise[0]["value"][1]) > 0
    assert watched.query("changes(process_start_time_seconds{job='rabta'}[5m]) > 0", "quiet")
    early = [told.what for told in watched.told if told.at <= watched.moments["quiet"]]
    assert set(early) <= {"RabtaWatchdog"}


def test_what_was_scripted_came_in_its_order_and_nothing_else_did(watched: Watched) -> None:
    came = firsts(watched, "firing")
    assert set(came) == {BLOCKED, NATIONWIDE, SHUTDOWN}
    assert came.index(BLOCKED) < came.index(NATIONWIDE)
    assert set(firsts(watched, "resolved")) == {BLOCKED, NATIONWIDE, SHUTDOWN}


def test_what_is_explained_by_another_is_held_back_while_that_one_stands(watched: Watched) -> None:
    for held, by in HELD_BACK.items():
        begin = min(told.at for told in watched.told if (told.what, told.status) == (by, "firing"))
        end = watched.switched[by, "resolved"]
        assert not [told for told in watched.told if told.what == held and begin < told.at < end], held


@pytest.mark.parametrize("what", [BLOCKED, NATIONWIDE, SHUTDOWN])
def test_an_alert_reaches_the_webhook_within_a_minute_of_the_switch(watched: Watched, what: str) -> None:
    delay = watched.delay(what, "firing")
    assert delay is not None
    assert delay < LIMIT_S


def test_a_watchdog_came_all_along(watched: Watched) -> None:
    assert any(told.what == "RabtaWatchdog" and told.receiver == "watchdog" for told in watched.told)


def test_an_alert_says_what_where_how_and_since_when(watched: Watched) -> None:
    (told, *_) = (told for told in watched.told if told.what == BLOCKED)
    assert told.labels["severity"] == "warning"
    assert (told.labels["platform_name"], told.labels["isp_name"], told.labels["kind"]) == (
        "X (Twitter)",
        "PTCL",
        "fixed",
    )
    assert told.annotations["summary"] == "X (Twitter) is blocked at PTCL."
    assert told.annotations["mechanism"] == "tls.reset.sni"
    assert told.annotations["agents"] == "3"
    assert told.annotations["since"].endswith("PKT")
    assert told.annotations["page_url"].endswith("/cell/x/ptcl")
    assert "var-platform=x&var-isp=ptcl&from=1" in told.annotations["dashboard_url"]
    assert not {label for label in told.labels if label.startswith("rabta_")}


def test_a_national_alert_names_its_networks(watched: Watched) -> None:
    (told, *_) = (told for told in watched.told if told.what == NATIONWIDE)
    assert "Nayatel, PTCL, StormFiber." in told.annotations["description"]
    assert told.annotations["mechanism"] == "tls.reset.sni"


def test_every_recording_rule_has_data(watched: Watched) -> None:
    for name in (
        "isp:rabta_isp_info:last5m",
        "platform:rabta_platform_info:last5m",
        "platform_isp_state:rabta_verdict:last5m",
        "isp_state:rabta_isp_state:last5m",
        "platform:rabta_verdict_blocked_isps:count",
        "platform:rabta_verdict_blocked_isps:ratio",
        "isp:rabta_agents_reporting:max1d",
    ):
        assert watched.query(name), name


def test_no_rule_failed(watched: Watched) -> None:
    failures = watched.query("sum(prometheus_rule_evaluation_failures_total)", "over")
    assert [row["value"][1] for row in failures] == ["0"]
