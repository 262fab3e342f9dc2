"""A volunteer's installation: the agent's wheel and its dependencies, in an otherwise empty environment.

The environment is filled from what is installed here, so that no package index is asked; what it holds is exactly what
the wheel's metadata asks for, and the agent has to run with that.
"""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from support.volunteer import empty_environment, link, needed

ROOT = Path(__file__).resolve().parent.parent
OURS = {"rabta-proto": ROOT / "proto", "rabta-agent": ROOT / "agent"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the agent's wheels and what they ask for."""
    home = tmp_path_factory.mktemp("volunteer")
    site_packages = empty_environment(home / "venv")
    for name, found in needed("rabta-agent").items():
        if name not in OURS:
            link(found, site_packages)
    for folder in OURS.values():
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(home / "wheels"), folder]
        subprocess.run(command, check=True, capture_output=True)
    wheels = sorted(str(wheel) for wheel in (home / "wheels").glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", str(home / "venv"), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, *wheels], check=True, capture_output=True)
    return home / "venv" / "bin"


def run(environment: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([environment / command[0], *command[1:]], capture_output=True, text=True, check=False)


def test_the_agent_runs_with_what_its_wheel_asks_for(environment: Path) -> None:
    done = run(environment, "rabta-agent", "version")
    assert (0, "") == (done.returncode, done.stderr)
    assert distribution("rabta-agent").version in done.stdout


def test_every_module_of_the_agent_imports_there(environment: Path) -> None:
    script = (
        "import pkgutil, importlib, rabta_agent\n"
        "names = [m.name for m in pkgutil.walk_packages(rabta_agent.__path__, 'rabta_agent.')]\n"
        "[importlib.import_module(n) for n in names if not n.endswith('__main__')]\n"
        "print(len(names))"
    )
    done = run(environment, "python", "-c", script)
    assert (0, "") == (done.returncode, done.stderr)
    assert int(done.stdout) > 10


def test_no_dependency_of_the_collector_comes_with_the_agent(environment: Path) -> None:
    only_collector = needed("rabta-collector").keys() - needed("rabta-agent").keys()
    assert {"aiohttp", "prometheus-client", "jinja2"} <= only_collector
    done = run(
        environment, "python", "-c", "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    )
    installed = {canonicalize_name(name) for name in done.stdout.split()}
    assert "rabta-agent" in installed
    assert set() == installed & only_collector
