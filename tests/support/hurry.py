"""What takes minutes takes seconds: the shipped rules and routes with every duration of a minute or more a twelfth.

What is shorter stays as it ships, and so do intervals of scrapes and evaluations: how soon an alert comes whose waits
are all below a minute is as it ships. A window is at least three scrapes long.
"""

import json
import re
from pathlib import Path

TIMES = 12
WINDOW_S = 15
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"\[(\d+)([mhd])\]")
_WAIT = re.compile(r"\b(for: |keep_firing_for: |offset )(\d+)([mhd])\b")


def hurry_rules(text: str) -> str:
    """A file of rules."""
    text = _WINDOW.sub(lambda found: f"[{max(WINDOW_S, _seconds(found[1], found[2]))}s]", text)
    return _WAIT.sub(lambda found: f"{found[1]}{_seconds(found[2], found[3])}s", text)


def hurry_route(route: dict[str, object]) -> dict[str, object]:
    """Alertmanager's tree of routes."""
    hurried: dict[str, object] = {}
    for key, value in route.items():
        if key == "routes" and isinstance(value, list):
            hurried[key] = [hurry_route(each) for each in value]
        elif key in ("group_wait", "group_interval") and str(value)[-1] in _UNITS:
            hurried[key] = f"{_seconds(str(value)[:-1], str(value)[-1])}s"
        else:
            hurried[key] = value
    return hurried


def hurry(monitoring: Path) -> None:
    """What is set up in this folder (lab/monitoring.py)."""
    for rules in (monitoring / "prometheus" / "rules").glob("*.yml"):
        rules.write_text(hurry_rules(rules.read_text(encoding="utf-8")), encoding="utf-8")
    file = monitoring / "alertmanager" / "alertmanager.yml"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | {"route": hurry_route(config["route"])}), encoding="utf-8")


def _seconds(number: str, unit: str) -> int:
    return int(number) * _UNITS[unit] // TIMES
