"""The agent and all it needs, as a tree of files: what the .deb and the .pyz carry.

Installed by pip from the wheels in build/wheels alone, so that both hold what was built once, and no index is asked.
"""

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
WHEELS = BUILD / "wheels"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NEXT_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor + 1}"
# What wheels carry and no agent reads: other languages' headers and the packages' own tests.
_UNUSED = ("*.pyx", "*.pxd", "*.pxi", "*.c", "*.h", "*.pyi", "__pycache__", "tests")


def version() -> str:
    """The agent's version, by its wheel."""
    (wheel,) = WHEELS.glob("rabta_agent-*.whl")
    return wheel.name.split("-")[1]


def install(site_packages: Path) -> None:
    """Fills an empty directory."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-compile"]
    wheels = ["--find-links", str(WHEELS), "--target", str(site_packages)]
    subprocess.run([*pip, *wheels, "rabta-agent[quic]"], check=True)
    shutil.rmtree(site_packages / "bin", ignore_errors=True)
    for pattern in _UNUSED:
        for path in list(site_packages.rglob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
    for record in site_packages.glob("*.dist-info/RECORD"):
        record.unlink()  # it lists what is not there any more, and pip is not to touch this tree


def compile_all(folder: Path, installed: str) -> None:
    """Byte code beside each module, which Python takes as it is: a service cannot write its own.

    `installed`: where the folder is going to be, for tracebacks.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    done = compileall.compile_dir(
        folder, quiet=1, stripdir=str(folder), prependdir=installed, invalidation_mode=mode, workers=1
    )
    if not done:
        raise RuntimeError(f"{folder}: not everything compiles")


def size_kib(folder: Path) -> int:
    """Disk that the files take, in KiB."""
    return sum(-(-path.lstat().st_size // 1024) for path in folder.rglob("*") if not path.is_dir())


def fill(template: str, **words: str) -> str:
    """Puts words in the place of `@NAME@`; every name has to be known."""
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1].lower()], template)
