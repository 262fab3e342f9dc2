"""What a volunteer reads is in the volunteer's language: all of it, with every value, and safe in either direction."""

import ast
import re
from collections.abc import Iterator

import pytest

from rabta_agent import words
from rabta_agent.words import choose, isolate, listed, lookup, padded, parse_catalogue, tr, use, width
from support.messages import CATALOGUE, SOURCE, marked, places, texts

PROSE = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
WORD = re.compile(r"[A-Za-z]{2,}")
SILENT = {"logger", "log"}  # what is called by these names writes the log, which is English
PRINTERS = {"print", "say"}
UNSEEN = {  # exceptions whose words nobody reads: of steps, and of what is caught where it is made
    "StepError",
}
TRANSLATED = sorted((SOURCE / "cli").glob("*.py"))


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use("en")


def test_every_text_has_a_translation_with_the_same_values() -> None:
    translations = parse_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    assert [] == [text for text in texts() if text not in translations]
    assert [] == [text for text in texts() if places(text) != places(translations[text])]
    assert [] == [text for text in translations if text not in texts()]
    assert [] == [text for text in texts() if text[-1:].isspace() != translations[text][-1:].isspace()]


@pytest.mark.parametrize("file", TRANSLATED, ids=lambda file: file.name)
def test_no_text_of_a_command_bypasses_the_catalogue(file: object) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))  # type: ignore[attr-defined] # a Path
    exempt = {id(literal) for literal in marked(tree)} | set(_docstrings(tree)) | set(_log_words(tree))
    prose = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exempt
    ]
    assert [] == [text for text in prose if PROSE.search(text)]
    assert [] == [text for text in _printed(tree) if WORD.search(text.replace("rabta-agent", "").replace("# home", ""))]


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_complaint_bypasses_the_catalogue(file: object) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))  # type: ignore[attr-defined] # a Path
    exempt = {id(literal) for literal in marked(tree)}
    said = [each for argument in _complaints(tree) for each in ast.walk(argument) if id(each) not in exempt]
    texts_said = [one.value for one in said if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    assert [] == [text for text in texts_said if PROSE.search(text)]


def _complaints(tree: ast.AST) -> Iterator[ast.expr]:
    """What exceptions are made of, and what is kept as `problem` until one is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name.endswith(("Error", "InvalidTarget")) and name not in UNSEEN:
                yield from node.args
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "problem":
            yield node.value


def _printed(tree: ast.AST) -> Iterator[str]:
    """Literals that stand in a print by themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PRINTERS:
            for argument in node.args:
                parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
                yield from (one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _log_words(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in SILENT:
                yield from (id(each) for argument in node.args for each in ast.walk(argument))


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ((), {}, "en"),
        ((), {"LANG": "ur_PK.UTF-8"}, "ur"),
        ((), {"LANG": "ur_PK.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ((), {"LANG": "en_GB", "RABTA_LANG": "ur"}, "ur"),
        ((), {"LANG": "de_DE.UTF-8"}, "en"),
        (("status", "--lang", "ur"), {"RABTA_LANG": "en"}, "ur"),
        (("status", "--lang=ur"), {}, "ur"),
        (("status", "--lang", "klingon"), {}, "en"),
    ],
)
def test_the_language_is_the_flags_or_the_environments(
    arguments: tuple[str, ...], environment: dict[str, str], language: str
) -> None:
    assert language == choose(arguments, environment)


def test_what_is_kept_goes_before_the_system_and_after_what_was_said() -> None:
    assert "ur" == choose((), {"LANG": "en_GB.UTF-8"}, "ur")
    assert "en" == choose((), {"RABTA_LANG": "en"}, "ur")
    assert "en" == choose(("--lang", "en"), {}, "ur")
    assert "ur" == choose((), {"LANG": "ur_PK"}, "klingon")


def test_a_list_runs_as_its_language_does_whatever_it_begins_with() -> None:
    assert "1.1.1.1, b" == listed(["1.1.1.1", "b"])
    use("ur")
    assert "\u200f\u20681.1.1.1\u2069، \u2068ب\u2069" == listed(["1.1.1.1", "ب"])
    assert listed([]) == ""


def test_english_is_as_it_is_written() -> None:
    assert "plan 7" == tr("plan {number}", number=7)
    assert "a {brace} stays" == tr("a {brace} stays")


def test_values_and_latin_words_keep_their_direction_in_urdu(monkeypatch: pytest.MonkeyPatch) -> None:
    use("ur")
    monkeypatch.setattr(words, "_texts", {"start {url}": "چلائیں {url}: rabta-agent run --once"})
    said = tr("start {url}", url="https://x.com/")
    assert "چلائیں \u2068https://x.com/\u2069: \u2066rabta-agent run --once\u2069" == said
    assert 5 == isolate(5)


def test_each_isolate_that_begins_ends() -> None:
    translations = parse_catalogue(CATALOGUE.read_text(encoding="utf-8"))
    use("ur")
    for text in translations:
        shown = lookup(text) if "%" in text else tr(text)
        assert shown.count("\u2066") + shown.count("\u2068") == shown.count("\u2069"), text
        assert places(text) == places(shown), text


def test_a_text_without_a_translation_is_english() -> None:
    use("ur")
    assert "Qxz" in tr("Qxz")


def test_columns_are_counted_as_a_terminal_shows_them() -> None:
    assert (3, 2, 2, 1) == (width("abc"), width("\u2068ab\u2069"), width("漢"), width("é"))
    assert "\u2068ab\u2069  " == padded("\u2068ab\u2069", 4)


def test_a_catalogue_is_read_as_gettext_writes_it() -> None:
    head = '# note\nmsgid ""\nmsgstr "Language: ur\\n"\n'
    text = head + '\nmsgid "a "\n"b"\nmsgstr "x\\n"\n"y"\n\nmsgid "empty"\nmsgstr ""\n'
    assert {"a b": "x\ny"} == parse_catalogue(text)
