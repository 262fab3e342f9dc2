"""The .deb and the .pyz, made of a small tree in the agent's place; `make deb-test` walks the real ones."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from support.programs import require

PACKAGE = Path(__file__).parents[2] / "deploy" / "package"
SCRIPTS = sorted(path for path in (PACKAGE / "debian").iterdir() if path.suffix != ".in")
AGENT = "import sys\n\n\ndef main() -> int:\n    print(__file__, *sys.argv[1:])\n    return len(sys.argv) > 2\n"


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The builders, which are scripts beside one another."""
    sys.path.insert(0, str(PACKAGE))
    yield {name: import_module(name) for name in ("tree", "deb", "pyz", "unpack")}
    sys.path.remove(str(PACKAGE))


def stub(site_packages: Path) -> Path:
    (site_packages / "rabta_agent").mkdir(parents=True)
    (site_packages / "rabta_agent" / "__init__.py").touch()
    (site_packages / "rabta_agent" / "__main__.py").write_text(AGENT, encoding="utf-8")
    return site_packages


@pytest.fixture(scope="module")
def deb(modules: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("dpkg-deb", "dpkg")
    stage = tmp_path_factory.mktemp("built") / "deb"
    libraries = stub(stage / "opt/rabta-agent/lib" / f"python{modules['tree'].PYTHON}" / "site-packages")
    modules["tree"].compile_all(libraries, "/opt/rabta-agent/lib")
    package = modules["deb"].pack(stage, "1.2.3", "amd64")
    assert isinstance(package, Path)
    return package


def told(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_package_depends_on_the_python_whose_code_it_holds(deb: Path) -> None:
    depends = told("dpkg-deb", "--field", deb, "Depends")
    minor = sys.version_info.minor
    assert f"python3 (>= 3.{minor}), python3 (<< 3.{minor + 1})" in depends
    assert ("1.2.3\n", "amd64\n") == (
        told("dpkg-deb", "-f", deb, "Version"),
        told("dpkg-deb", "-f", deb, "Architecture"),
    )


def test_the_package_brings_an_environment_of_its_own_a_command_and_a_unit(deb: Path) -> None:
    lines = [line.split(maxsplit=5) for line in told("dpkg-deb", "--contents", deb).splitlines()]
    mode_of = {line[5].removeprefix("."): line[0] for line in lines}
    assert {"root/root"} == {line[1] for line in lines}
    assert "-rwxr-xr-x" == mode_of["/opt/rabta-agent/bin/rabta-agent"] == mode_of["/usr/bin/rabta-agent"]
    assert {"/opt/rabta-agent/pyvenv.cfg", "/lib/systemd/system/rabta-agent.service"} <= mode_of.keys()
    byte_code = [name for name in mode_of if re.search(r"rabta_agent/__pycache__/__main__\.\S+\.pyc$", name)]
    assert byte_code, "a service that cannot write would compile everything at each start"
    outside = ("/opt/rabta-agent/", "/usr/bin/rabta-agent", "/usr/share/doc/rabta-agent/", "/lib/systemd/system/")
    assert [] == [name for name in mode_of if not name.endswith("/") and not name.startswith(outside)]


def test_the_packages_unit_runs_the_packages_program(deb: Path, tmp_path: Path) -> None:
    told("dpkg-deb", "--extract", deb, tmp_path)
    unit = (tmp_path / "lib/systemd/system/rabta-agent.service").read_text(encoding="utf-8")
    (program,) = re.findall(r"^ExecStart=(\S+) run$", unit, re.MULTILINE)
    assert (tmp_path / program.removeprefix("/")).is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_packages_scripts_are_plain_shell(script: Path) -> None:
    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert "" == told("sh", "-n", script)


class Pyz:
    """One file, and the cache that it unpacks to."""

    def __init__(self, file: Path, cache: Path) -> None:
        self.file, self.cache = file, cache

    def run(self, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RABTA_UNPACK": str(self.cache)}
        return subprocess.run(
            [python, self.file, *arguments], env=environment, capture_output=True, text=True, check=False
        )


def built(modules: dict[str, ModuleType], folder: Path, **made_for: str) -> Pyz:
    file = folder / "rabta-agent.pyz"
    modules["pyz"].pack(stub(folder / "stage"), file, made_for or {"python": modules["tree"].PYTHON})
    return Pyz(file, folder / "cache")


def test_a_single_file_unpacks_once_and_runs_from_there(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    pyz = built(modules, tmp_path)
    first = pyz.run("status")
    assert (0, "") == (first.returncode, first.stderr)
    (folder,) = pyz.cache.iterdir()
    assert f"{folder}/site-packages/rabta_agent/__main__.py status\n" == first.stdout
    assert 0o700 == folder.stat().st_mode & 0o777
    (folder / "mark").touch()
    assert 0 == pyz.run("status").returncode
    assert (folder / "mark").exists()


def test_an_older_files_folder_goes(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    pyz = built(modules, tmp_path)
    (pyz.cache / "rabta-agent-0123").mkdir(parents=True)
    (pyz.cache / "of-others").mkdir()
    assert 0 == pyz.run("status").returncode
    assert ["of-others"] == [path.name for path in pyz.cache.iterdir() if not path.name.startswith("rabta-agent-")]
    assert not (pyz.cache / "rabta-agent-0123").exists()


def test_leaving_takes_the_unpacked_folder_along_when_it_succeeds(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    pyz = built(modules, tmp_path)
    assert 1 == pyz.run("leave", "fails").returncode
    assert [] != list(pyz.cache.iterdir())
    assert 0 == pyz.run("leave").returncode
    assert [] == list(pyz.cache.iterdir())


def test_a_file_for_another_python_says_so_in_a_line(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    done = built(modules, tmp_path, python="3.2").run("status")
    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "3.2" in done.stderr


def test_a_place_that_cannot_be_written_to_is_a_line(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    pyz = built(modules, tmp_path)
    pyz.cache.touch()
    done = pyz.run("status")
    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "RABTA_UNPACK" in done.stderr


def test_unpacked_files_go_where_each_platform_keeps_what_can_be_made_anew(modules: dict[str, ModuleType]) -> None:
    place, home = modules["unpack"].place, Path("/home/saba")
    assert home / ".cache" == place("linux", {}, home)
    assert Path("/x") == place("linux", {"XDG_CACHE_HOME": "/x"}, home)
    assert home / "Library" / "Caches" == place("darwin", {}, home)
    assert Path("C:/l") == place("win32", {"LOCALAPPDATA": "C:/l"}, home)
    assert Path("/y") == place("linux", {"RABTA_UNPACK": "/y"}, home)
