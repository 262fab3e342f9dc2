"""How this very program was started, so that what a volunteer is told to type is what works for them."""

import os
import shutil
import sys
from pathlib import Path

NAME = "rabta-agent"
SERVICE_VARIABLE = "RABTA_SERVICE"
"""Set where the machine's own service runs this home's agent, as the Debian package's command does."""
_START_SERVICE = ("systemctl", "start", NAME)
_SCRIPTS = (NAME, f"{NAME}.exe")


def program() -> tuple[str, ...]:
    """A script, a .pyz, or `python -m rabta_agent`, for another program to start."""
    started = Path(sys.argv[0]).absolute()
    if started.suffix == ".pyz":
        return (sys.executable, str(started))
    if started.name in _SCRIPTS:
        return (str(started),)
    return (sys.executable, "-m", "rabta_agent")


def typed(*words: str) -> str:
    """A command of this program, as it is to be typed where it was typed before."""
    given = sys.argv[0]
    if Path(given).suffix == ".pyz":
        return " ".join(("python3", given, *words))
    if Path(given).name not in _SCRIPTS:
        return " ".join(("python3", "-m", "rabta_agent", *words))
    return " ".join((NAME if _is_found(given) else given, *words))


def _is_found(given: str) -> bool:
    """Whether its name alone leads to it."""
    found = shutil.which(NAME)
    return given in _SCRIPTS or (found is not None and Path(found).resolve() == Path(given).resolve())


def is_service() -> bool:
    """Whether the machine's service runs this agent."""
    return bool(os.environ.get(SERVICE_VARIABLE))


def how_to_start() -> str:
    """What makes it run."""
    return " ".join(_START_SERVICE) if is_service() else typed("run")
