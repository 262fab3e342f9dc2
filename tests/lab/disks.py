"""What machines of a trial begin with: an empty Debian, and what pip would fetch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def say(line: str) -> None:
    print(line, flush=True)


def empty_debian(given: Path | None, place: Path, packages: str) -> Path:
    """A root with these packages and little else: the one that was given, or a new one at this place."""
    if given is not None:
        return given
    say("debootstrap: some minutes ...")
    made = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(place)]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    return place


def wheels_in(folder: Path) -> Path:
    """All that the pages have pip install, for machines that reach no index."""
    pip = (sys.executable, "-m", "pip", "-q")
    parts = ("proto", "collector[nats]", "agent[quic]")
    named = ("--constraint", str(ROOT / "constraints.txt"), *(str(ROOT / part) for part in parts))
    subprocess.run([*pip, "wheel", "-w", str(folder), *named], check=True)
    subprocess.run([*pip, "download", "-d", str(folder), "hatchling"], check=True)
    return folder
