"""`make deb`: the agent as a Debian package, with an environment of its own under /opt/rabta-agent.

The package holds native code for one architecture and one minor version of Python, those of the machine that builds
it, and depends on exactly that Python. It brings no package of Python's into the system's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tree

PREFIX = "opt/rabta-agent"
_DEBIAN = Path(__file__).resolve().parent / "debian"
_UNIT = tree.ROOT / "deploy" / "systemd" / "rabta-agent.service"
_CONFIG = "home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
_SCRIPT = """#!/opt/rabta-agent/bin/python3
import sys

from rabta_agent.__main__ import main

sys.exit(main())
"""


def main() -> int:
    os.umask(0o022)
    stage = tree.BUILD / "deb"
    shutil.rmtree(stage, ignore_errors=True)
    site_packages = stage / PREFIX / "lib" / f"python{tree.PYTHON}" / "site-packages"
    tree.install(site_packages)
    tree.compile_all(site_packages, f"/{site_packages.relative_to(stage)}")
    package = pack(stage, tree.version(), _architecture())
    sys.stdout.write(f"{package} ({package.stat().st_size / 1e6:.1f} MB, Python {tree.PYTHON})\n")
    return 0


def pack(stage: Path, version: str, architecture: str) -> Path:
    """Makes a package of a stage that holds the libraries; returns where it is, beside the stage."""
    _environment(stage / PREFIX)
    unit = _UNIT.read_text(encoding="utf-8").replace("/opt/rabta/bin/", f"/{PREFIX}/bin/")
    _write(stage / "lib" / "systemd" / "system" / "rabta-agent.service", unit, 0o644)
    _write(stage / "usr" / "bin" / "rabta-agent", (_DEBIAN / "rabta-agent").read_text(encoding="utf-8"), 0o755)
    licence = (tree.ROOT / "LICENSE").read_text(encoding="utf-8")
    _write(stage / "usr" / "share" / "doc" / "rabta-agent" / "copyright", licence, 0o644)
    words = {
        "version": version,
        "architecture": architecture,
        "size_kib": str(tree.size_kib(stage)),
        "python": tree.PYTHON,
        "next_python": tree.NEXT_PYTHON,
    }
    control = tree.fill((_DEBIAN / "control.in").read_text(encoding="utf-8"), **words)
    _write(stage / "DEBIAN" / "control", control, 0o644)
    for script in ("postinst", "prerm", "postrm"):
        _write(stage / "DEBIAN" / script, (_DEBIAN / script).read_text(encoding="utf-8"), 0o755)
    for folder in (stage, *(path for path in stage.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)  # whatever the umask of who builds it
    package = stage.parent / f"rabta-agent_{version}_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(stage), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return package


def _environment(prefix: Path) -> None:
    """A virtual environment as `venv` would lay it out, at the place where it is going to be."""
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("python3", "python"):
        (prefix / "bin" / name).symlink_to(f"/usr/bin/python{tree.PYTHON}")
    _write(prefix / "bin" / "rabta-agent", _SCRIPT, 0o755)
    _write(prefix / "pyvenv.cfg", _CONFIG.format(python=tree.PYTHON), 0o644)


def _write(file: Path, text: str, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def _architecture() -> str:
    done = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
