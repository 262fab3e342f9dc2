"""Whether the volunteer pays by the byte here: as NetworkManager (Linux) or Windows tells. Best effort, never raises.

NetworkManager is asked by its own program, `nmcli`, which speaks to it over D-Bus; its "guessed" words count, too: it
takes a phone that shares its connection for metered. macOS has nothing that could be asked.
"""

import os
import shutil
import subprocess
import sys

ASK_S = 5.0
_WINDOWS = (
    "[void][Windows.Networking.Connectivity.NetworkInformation,Windows,ContentType=WindowsRuntime];"
    "[Windows.Networking.Connectivity.NetworkInformation]::GetInternetConnectionProfile()"
    ".GetConnectionCost().NetworkCostType"
)


def ask_metered(interface: str | None) -> bool | None:
    """Of an interface; `None`: nobody could tell. Takes up to ASK_S."""
    if sys.platform == "win32":
        return parse_cost(_told(["powershell", "-NoProfile", "-NonInteractive", "-Command", _WINDOWS]))
    if interface is None or sys.platform == "darwin" or shutil.which("nmcli") is None:
        return None
    return parse_nmcli(_told(["nmcli", "-g", "GENERAL.METERED", "device", "show", interface]))


def parse_nmcli(text: str) -> bool | None:
    """What nmcli(1) prints: yes, no, either of them guessed, or unknown."""
    return {"yes": True, "no": False}.get(text.strip().partition(" ")[0])


def parse_cost(text: str) -> bool | None:
    """Windows.Networking.Connectivity.NetworkCostType."""
    return {"Unrestricted": False, "Fixed": True, "Variable": True}.get(text.strip())


def _told(command: list[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        asked = subprocess.run(command, capture_output=True, timeout=ASK_S, check=False, env=environment)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.decode("utf-8", "replace")
