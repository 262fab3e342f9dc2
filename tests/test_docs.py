"""What the READMEs promise is what the programs do."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from rabta_collector.admit import Reason
from rabta_collector.limits import Limits

ROOT = Path(__file__).resolve().parent.parent
READMES = sorted(path for path in ROOT.rglob("*.md") if not {".venv", "build"} & set(path.relative_to(ROOT).parts))
PROGRAMS = {"rabta-agent": "rabta_agent", "rabta-collector": "rabta_collector"}


def code(text: str) -> str:
    """The parts of a Markdown text that are set as code."""
    fenced = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join(fenced + inline)


def described(pattern: str) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for path in READMES:
        for match in re.finditer(pattern, code(path.read_text(encoding="utf-8"))):
            found.add(match.groups())
    return found


def commands_of(module: str) -> str:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_command_that_a_readme_names_exists(program: str) -> None:
    named = {command for (command,) in described(rf"{program} ([a-z]+)")}
    offered = set(re.findall(r"[a-z]+", commands_of(PROGRAMS[program])))
    assert named
    assert set() == named - offered


def test_every_make_target_that_a_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {target for (target,) in described(r"\bmake ([a-z-]+)")}
    assert named
    assert set() == {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_readme_leads_somewhere(readme: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme.read_text(encoding="utf-8"))
    assert [] == [link for link in links if not (readme.parent / link).exists()]


def test_the_three_distributions_have_one_version() -> None:
    texts = [(ROOT / name / "pyproject.toml").read_text(encoding="utf-8") for name in ("proto", "agent", "collector")]
    assert 1 == len({tomllib.loads(text)["project"]["version"] for text in texts})


def test_constraints_pin_every_dependency_without_an_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [] == [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)]


def test_every_reason_for_which_something_is_not_taken_is_explained() -> None:
    text = (ROOT / "collector" / "README.md").read_text(encoding="utf-8")
    table = text.split("<!-- reasons -->")[1]
    assert [str(reason) for reason in Reason] == re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)


def test_every_limit_is_explained() -> None:
    text = (ROOT / "collector" / "README.md").read_text(encoding="utf-8")
    assert set() == {entry.name for entry in fields(Limits)} - set(re.findall(r"`([a-z_]+)`", text))
