"""Types the commands of a page, as they stand there."""

import re
import subprocess
from pathlib import Path

AS_ROOT = {"runuser -u rabta -- ": "", " -o rabta -g rabta": ""}


def commands(page: Path, heading: str, which: int, places: dict[str, str]) -> str:
    """A block of the page as a script; what only root can do, and what only systemd does, is left out."""
    section = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    script: str = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[which]
    for old, new in AS_ROOT.items():
        script = script.replace(old, new)
    for old, new in places.items():
        assert old in script, old
        script = script.replace(old, new)
    return "\n".join(line for line in script.splitlines() if not line.startswith("systemctl"))


def type_in(script: str, *, at: Path | None = None, quiet: bool = True) -> str:
    """What it printed. `quiet`: it complains of nothing."""
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False, cwd=at)
    assert done.returncode == 0, done.stderr
    assert not quiet or done.stderr == "", done.stderr
    return done.stdout
