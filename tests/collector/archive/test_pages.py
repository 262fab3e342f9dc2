"""A page that was printed and kept is held against the archive."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rabta_collector import journal_file
from rabta_collector.archive.pages import Printed
from rabta_collector.archive.sealing import ArchiveError
from rabta_collector.cli import run
from rabta_collector.pages.attachment import event_row, make_attachment
from rabta_collector.record.reading import reading
from rabta_collector.rfc3339 import format_minute
from rabta_collector.seals import Checkpoint, Seals
from support.country import make_events
from support.factories import NOON
from support.house import House
from support.programs import require

EVENTS = make_events()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two days of three are sealed."""
    house = House(tmp_path_factory.mktemp("sealed"))
    house.seal()
    return house


@pytest.fixture
def house(sealed: House, tmp_path: Path) -> House:
    shutil.copytree(sealed.folder, tmp_path / "data")
    return House(tmp_path / "data", measured=False)


def seals(house: House) -> Seals:
    with reading(house.folder / "record.sqlite") as record:
        marks = record.marks(event.id for event in EVENTS)
    newest = (house.root / "chain/2024-02-18.txt").read_bytes()
    return Seals(marks=marks, checkpoint=Checkpoint(day="2024-02-18", sha256=sha256(newest).hexdigest()))


def save(house: House, content: dict[str, Any]) -> Path:
    made = make_attachment("page", NOON, content, seals(house))
    file = house.folder / made.name
    file.write_text(made.text, encoding="utf-8")
    return file


def of_all(house: House) -> Path:
    """The page of a platform."""
    return save(house, {"events": [event_row(event, seals(house)) for event in EVENTS]})


def of_one(house: House) -> Path:
    """The page of an event, with what it rested on."""
    evidence = {"of": EVENTS[0].id, "since": format_minute(EVENTS[0].at)}
    return save(house, {"event": event_row(EVENTS[0], seals(house)), "evidence": evidence})


def problems(house: House, file: Path) -> list[str]:
    return [str(problem) for problem in Printed(file=file, root=house.root).problems()]


def alter(file: Path, change: Callable[[Any], None]) -> Path:
    page = json.loads(file.read_text(encoding="utf-8"))
    change(page)
    file.write_text(json.dumps(page), encoding="utf-8")
    return file


def test_a_page_of_what_is_sealed_says_what_the_archive_says(house: House) -> None:
    page = Printed(file=of_one(house), root=house.root)
    assert [] == list(page.problems())
    assert (1, 0) == (page.sealed, page.open)
    assert page.digest == sha256(page.file.read_bytes()).hexdigest()


def test_what_is_not_sealed_yet_is_found_in_the_record(house: House) -> None:
    file = of_all(house)
    with reading(house.folder / "record.sqlite") as record:
        page = Printed(file=file, root=house.root, record=record.text_of)
        assert [] == list(page.problems())
    assert page.sealed > 0
    assert page.open > 0
    assert len(EVENTS) == page.sealed + page.open
    missing = problems(house, file)
    assert page.open == len(missing)
    assert all("neither in the archive nor in the record" in problem for problem in missing)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda page: page["event"].update(to="down"), "record 1: says otherwise of to"),
        (lambda page: page["event"].update(at="2024-02-17T01:00:00.000Z"), "record 1: says otherwise of at"),
        (lambda page: page["event"].update(isp="jazz"), "record 1: says otherwise of isp"),
        (
            lambda page: page["event"].update(witness=[{"rule": "x", "count": 9}]),
            "record 1: says otherwise of witness",
        ),
        (lambda page: page["evidence"].update(of=7), "record 1: says otherwise of evidence"),
        (lambda page: page.update(evidence=None), "record 1: says otherwise of evidence"),
        (lambda page: page["event"]["record"].update(record=2), "record 2: another line than the one"),
        (lambda page: page["event"]["record"].update(record="2"), "record 2: neither in the archive"),
        (lambda page: page["checkpoint"].update(sha256="00"), "chain/2024-02-18.txt: not the one that the page names"),
        (lambda page: page["checkpoint"].update(day="2024-02-20"), "chain/2024-02-20.txt: removed"),
        (lambda page: page["checkpoint"].update(day="../key"), "chain/../key.txt: removed"),
    ],
)
def test_a_page_that_was_altered_is_named_by_what_was(
    house: House, change: Callable[[Any], None], problem: str
) -> None:
    (found,) = problems(house, alter(of_one(house), change))
    assert found.startswith(problem)


def test_an_archive_that_was_made_anew_is_not_the_one_that_the_page_names(house: House) -> None:
    """By the collector's owner, who has the key, after a page was printed: nothing else shows it."""
    file = of_one(house)
    shutil.rmtree(house.root)
    with closing(journal_file.connect(house.journal)) as journal:
        journal.execute("DELETE FROM entries WHERE id = 2")
    house.seal()
    assert [] == house.problems(public_key=house.signer.public_key)
    assert ["chain/2024-02-18.txt"] == [problem.partition(":")[0] for problem in problems(house, file)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "other"}', "[" * 3000])
def test_a_file_that_is_no_page_s_is_named(house: House, content: str) -> None:
    file = house.folder / "page.json"
    file.write_text(content)
    with pytest.raises(ArchiveError, match=r"page\.json: no data of a page"):
        problems(house, file)
    with pytest.raises(ArchiveError, match="none"):
        problems(house, house.folder / "none")


def test_the_command_checks_page_and_archive(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    file = of_one(house)
    arguments = ["verify", "--archive", str(house.root), "--page", str(file)]
    assert 0 == run(arguments, {})
    said = capsys.readouterr().out
    assert f"{sha256(file.read_bytes()).hexdigest()}  {file}: the SHA-256 that the printed page has to bear" in said
    assert "1 changes of the page in the archive, 0 not sealed yet; 2 checkpoints, " in said
    assert said.endswith(": nothing was altered\n")
    (house.root / "chain/2024-02-18.sig").unlink()
    assert 1 == run(arguments, {})
    assert "chain/2024-02-18.sig: removed" in capsys.readouterr().out


def recipe(house: House, file: Path) -> tuple[bool, str]:
    """That of the README, as it stands there."""
    readme = Path(__file__).parents[3] / "collector" / "README.md"
    script = readme.read_text(encoding="utf-8").split("<!-- page -->\n```sh\n")[1].split("```")[0]
    known = {**os.environ, "page": str(file)}
    done = subprocess.run(["sh", "-c", script], cwd=house.root, env=known, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def test_an_expert_can_check_it_with_sed_grep_and_sha256sum(house: House) -> None:
    require("sha256sum", "coreutils")
    assert (True, "") == recipe(house, of_one(house))
    good, said = recipe(house, of_all(house))
    assert good, said
    assert "record 7: not sealed yet" in said
    other = of_one(house)
    other.write_text(other.read_text(encoding="utf-8").replace(seals(house).marks[EVENTS[0].id].sha256, "0" * 64))
    assert (False, "record 1: another line\n") == recipe(house, other)
    file = of_one(house)
    with (house.root / "chain/2024-02-18.txt").open("ab") as stream:
        stream.write(b"#\n")
    assert (False, "") == recipe(house, file)
