"""What a `rabta-agent.pyz` does first: it unpacks itself, once, and goes on from there.

A .pyz is a zip file, and native code (gRPC, OpenSSL) cannot be loaded out of one. So what the file holds is unpacked
into a folder of the user's cache that is named by its digest, and imported from there; a folder of an older file goes.
After `leave` the folder goes, too. RABTA_UNPACK names another place than the user's cache.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

_FOLDER = "rabta-agent-"


def place(platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """Where unpacked files go."""
    if chosen := environment.get("RABTA_UNPACK"):
        return Path(chosen)
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if platform == "darwin":
        return home / "Library" / "Caches"
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache")


def unpack(archive: Path, digest: str, cache: Path) -> Path:
    """The folder with what the archive holds: there already, or made whole now."""
    folder = cache / f"{_FOLDER}{digest}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{_FOLDER}", dir=cache))  # 0700
        try:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(draft, [name for name in opened.namelist() if name.startswith("site-packages/")])
            with contextlib.suppress(OSError):  # another one that starts now was faster
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    for other in cache.glob(f"{_FOLDER}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)  # on Windows a running one keeps its own
    return folder


def unfit(made_for: Mapping[str, str]) -> str:
    """Why this Python cannot run it; empty: it can."""
    here = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "platform": sys.platform}
    if hasattr(os, "uname"):
        here["machine"] = os.uname().machine
    wrong = [
        f"{key} {made_for[key]} (this is {here[key]})" for key in here if here[key] != made_for.get(key, here[key])
    ]
    return ", ".join(wrong)


def main() -> int:
    archive = Path(sys.argv[0]).absolute()
    with zipfile.ZipFile(archive) as opened:
        made = json.loads(opened.read("made.json"))
    if problem := unfit(made):
        sys.stderr.write(f"rabta-agent: this file is for {problem}\n")
        return 1
    cache = place(sys.platform, os.environ, Path.home())
    try:
        folder = unpack(archive, made["digest"], cache)
    except OSError as wrong:
        sys.stderr.write(
            f"rabta-agent: {cache}: cannot be unpacked to: {wrong.strerror}; RABTA_UNPACK names another place\n"
        )
        return 1
    sys.path[0] = str(folder / "site-packages")
    from rabta_agent.__main__ import main as agent

    code = agent()
    if code == 0 and sys.argv[1:2] == ["leave"]:
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
