"""`make pyz`: the agent as one file, for one platform and one minor version of Python (unpack.py says how it runs)."""

import hashlib
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import tree

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that zip knows: one content, one file


def main() -> int:
    stage = tree.BUILD / "pyz"
    shutil.rmtree(stage, ignore_errors=True)
    tree.install(stage)
    machine = os.uname().machine if hasattr(os, "uname") else "x86_64"
    file = tree.BUILD / f"rabta-agent-{tree.version()}-{sys.platform}-{machine}-py{tree.PYTHON}.pyz"
    pack(stage, file, {"python": tree.PYTHON, "platform": sys.platform, "machine": machine})
    sys.stdout.write(f"{file} ({file.stat().st_size / 1e6:.1f} MB)\n")
    return 0


def pack(site_packages: Path, file: Path, made_for: dict[str, str]) -> None:
    """Writes the file from a folder of libraries."""
    digest = hashlib.sha256()
    with file.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in site_packages.rglob("*") if path.is_file()):
                name = f"site-packages/{path.relative_to(site_packages).as_posix()}"
                content = path.read_bytes()
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
                _add(archive, name, content)
            made = json.dumps(made_for | {"digest": digest.hexdigest()[:16]})
            _add(archive, "made.json", made.encode())
            _add(archive, "__main__.py", Path(__file__).with_name("unpack.py").read_bytes())
    file.chmod(0o755)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    sys.exit(main())
