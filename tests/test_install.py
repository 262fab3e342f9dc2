"""A volunteer's installation: the agent's wheel and its dependencies, in an otherwise empty environment.

The environment is filled from what is installed here, so that no package index is asked; what it holds is exactly what
the wheel's metadata asks for, and the agent has to run with that.
"""

import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OURS = {"rabta-proto": ROOT / "proto", "rabta-agent": ROOT / "agent"}


def requirements(name: str) -> list[str]:
    """Names that a distribution asks for on this machine, without its extras."""
    asked = [Requirement(line) for line in distribution(name).requires or []]
    return [
        canonicalize_name(entry.name) for entry in asked if not entry.marker or entry.marker.evaluate({"extra": ""})
    ]


def closure(name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += requirements(current)
    return found


def link(source: Distribution, site_packages: Path) -> None:
    """Puts a distribution's files into another environment."""
    for file in source.files or []:
        if file.is_absolute() or ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site_packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(source.locate_file(file))))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the agent's wheels and what they ask for."""
    home = tmp_path_factory.mktemp("volunteer")
    venv.create(home / "venv", with_pip=False)
    (site_packages,) = (home / "venv").glob("lib/python3*/site-packages")
    for name in closure("rabta-agent") - OURS.keys():
        link(distribution(name), site_packages)
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
    only_collector = closure("rabta-collector") - closure("rabta-agent")
    assert {"aiohttp", "prometheus-client", "jinja2"} <= only_collector
    done = run(
        environment, "python", "-c", "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    )
    installed = {canonicalize_name(name) for name in done.stdout.split()}
    assert "rabta-agent" in installed
    assert set() == installed & only_collector
