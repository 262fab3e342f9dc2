"""System programs that some tests need: what is missing skips a test by its package's name, or fails it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ALERTS = Path(__file__).resolve().parents[2] / "build" / "alerts.txt"
"""Where the stories of alerts leave their table."""


def require(program: str, package: str) -> str:
    """The path of a program. Where it is missing the test is skipped; with RABTA_TEST_ALL=1 it fails."""
    path = shutil.which(program)
    if path is not None:
        return path
    message = f"needs {program}: install the package {package}"
    if os.environ.get("RABTA_TEST_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def require_namespaces(kind: str) -> None:
    """What namespaces of a kind (`net`, `mount`) need of a machine: root, and leave to make them."""
    unshare = require("unshare", "util-linux")
    if os.geteuid() or subprocess.run([unshare, f"--{kind}", "true"], capture_output=True, check=False).returncode:
        message = f"needs root, and leave to make {kind} namespaces"
        if os.environ.get("RABTA_TEST_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
