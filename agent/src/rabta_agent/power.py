"""What feeds this machine: batteries as Linux (sysfs), Windows and macOS tell of them. Best effort, never raises."""

import re
import subprocess
import sys
from pathlib import Path

from rabta_agent.holds import Power

ASK_S = 5.0
_SUPPLIES = Path("/sys/class/power_supply")


def read_power() -> Power:
    """As it is now; on macOS a program of the system is asked."""
    if sys.platform == "win32":
        return _of_windows()
    return _of_macos() if sys.platform == "darwin" else of_sysfs(_SUPPLIES)


def of_sysfs(root: Path) -> Power:
    """Of Linux (Documentation/ABI/testing/sysfs-class-power), but for batteries of mice and pens (scope Device)."""
    try:
        supplies = [folder for folder in root.iterdir() if _word(folder / "scope") != "Device"]
    except OSError:
        return Power()
    batteries = [folder for folder in supplies if _word(folder / "type") == "Battery"]
    charges = [int(text) for folder in batteries if (text := _word(folder / "capacity")).isdigit()]
    discharging = any(_word(folder / "status") == "Discharging" for folder in batteries)
    plugged = any(_word(folder / "online") == "1" for folder in supplies if _word(folder / "type") in ("Mains", "USB"))
    return Power(on_battery=discharging and not plugged, charge=min(charges, default=None))


def parse_pmset(text: str) -> Power:
    """Of macOS: what `pmset -g batt` prints."""
    found = re.search(r"(\d{1,3})%", text)
    return Power(on_battery="'Battery Power'" in text, charge=int(found[1]) if found else None)


def _of_macos() -> Power:
    try:
        told = subprocess.run(["/usr/bin/pmset", "-g", "batt"], capture_output=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return Power()
    return parse_pmset(told.stdout.decode("utf-8", "replace"))


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


if sys.platform == "win32":
    import ctypes

    class _Status(ctypes.Structure):
        """SYSTEM_POWER_STATUS of winbase.h."""

        _fields_ = [
            ("ac_line", ctypes.c_ubyte),
            ("flag", ctypes.c_ubyte),
            ("percent", ctypes.c_ubyte),
            ("saver", ctypes.c_ubyte),
            ("life", ctypes.c_ulong),
            ("full_life", ctypes.c_ulong),
        ]

    def _of_windows() -> Power:
        status = _Status()
        if not ctypes.windll.kernel32.GetSystemPowerStatus(ctypes.byref(status)):
            return Power()
        return Power(on_battery=status.ac_line == 0, charge=status.percent if status.percent <= 100 else None)

else:

    def _of_windows() -> Power:
        return Power()
