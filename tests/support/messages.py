"""Every text of the agent that is marked for translation, as it stands in the code.

As a program (`python -m support.messages`, in `tests/`) it writes the Urdu catalogue anew: the code's texts in their
order, with the translations that there are, and empty ones to be filled in.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import rabta_agent
from rabta_agent.words import parse_catalogue

SOURCE = Path(rabta_agent.__file__).parent
CATALOGUE = SOURCE / "locale" / "ur.po"
_HEAD = """# What a volunteer reads, in Urdu. Read by words.py; written anew by tests/support/messages.py.
msgid ""
msgstr ""
"Language: ur\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"""
MARKERS = {"tr", "mark"}
MARKED_KEYWORD = "meaning"  # of a key of the configuration, which is shown translated
PLACE = re.compile(r"\{[^{}]*\}|%\([a-z_]+\)[a-z]|%[a-z]")


def marked(tree: ast.AST) -> Iterator[ast.Constant]:
    """Literals that are given to a marker."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in MARKERS and node.args:
            yield from _literals(node.args[0])
        if isinstance(node, ast.keyword) and node.arg == MARKED_KEYWORD:
            yield from _literals(node.value)


def _literals(node: ast.expr) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Constant):
        yield node
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@cache
def texts() -> dict[str, str]:
    """Each text, and the file that it stands in."""
    found: dict[str, str] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        for literal in marked(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(literal.value, str):
                found.setdefault(literal.value, str(file.relative_to(SOURCE)))
    return found


def places(text: str) -> list[str]:
    """What is filled into a text."""
    return sorted(PLACE.findall(text))


def write_catalogue(known: dict[str, str], file: Path = CATALOGUE) -> None:
    """Every text of the code, with its translation where one is known."""
    entries = [
        f"#: {place}\nmsgid {_quoted(text)}\nmsgstr {_quoted(known.get(text, ''))}\n" for text, place in texts().items()
    ]
    file.write_text("\n".join([_HEAD, *entries]), encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    write_catalogue(parse_catalogue(CATALOGUE.read_text(encoding="utf-8")))
