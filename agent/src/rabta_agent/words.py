"""What a volunteer reads, in the volunteer's language: English is written in the code, other languages in `locale/`.

`locale/LANGUAGE.po` is a gettext catalogue (https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html) of
plain entries; it is read as it stands, and only where the language is not English. A text that it does not have is
shown in English. Values stand in a text as `{name}` and are filled in after translation.

Where a language is written from right to left, each value and each Latin word stands in a directional isolate (Unicode
UAX 9): addresses, commands and numbers keep their own order, whatever is around them. Terminals that know nothing of
directions show isolates as nothing.
"""

import json
import pkgutil
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

LANGUAGES = ("en", "ur")
VARIABLE = "RABTA_LANG"
_RIGHT_TO_LEFT = {"ur"}
_RIGHT_TO_LEFT_MARK = "\u200f"
_FIRST_STRONG_ISOLATE, _LEFT_TO_RIGHT_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2066", "\u2069"
_WORD = r"(?:--|`)?[A-Za-z][\w./:@=%#&?|\[\]*,+<>…~`-]*"
_LATIN = re.compile(
    rf"(?<![{{\w]){_WORD}(?: {_WORD})*(?![\w}}])"
)  # words in a row are one isolate, or they change places
_PLACE = re.compile(r"(\{\w+(?::[^}]*)?\})")

_language = "en"
_texts: Mapping[str, str] = {}


def use(language: str) -> None:
    """Everything from here on is said in this language, one of LANGUAGES."""
    global _language, _texts
    _texts = _read(language) if language != "en" else {}
    _language = language


def language() -> str:
    """The language in use."""
    return _language


def choose(arguments: Sequence[str], environment: Mapping[str, str], kept: str = "") -> str:
    """The language by `--lang`, `RABTA_LANG`, what is kept, or the system; a wrong flag is argparse's to say."""
    wanted = [*flagged(arguments, "--lang"), environment.get(VARIABLE, ""), kept]
    wanted += [environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    return next((found for text in wanted if text and (found := text[:2].lower()) in LANGUAGES), "en")


def flagged(arguments: Sequence[str], flag: str) -> list[str]:
    """What a flag is given, before any parser has seen it: `--flag VALUE` first, then `--flag=VALUE`."""
    apart = [value for name, value in pairwise(arguments) if name == flag]
    return apart + [text.partition("=")[2] for text in arguments if text.startswith(f"{flag}=")]


def tr(text: str, /, **values: object) -> str:
    """A text in the language in use, with its values."""
    translated = _texts.get(text, text)
    if _language not in _RIGHT_TO_LEFT:
        return translated.format(**values) if values else translated
    whole = "".join(part if _PLACE.fullmatch(part) else _guard(part) for part in _PLACE.split(translated))
    return whole.format(**{name: isolate(value) for name, value in values.items()}) if values else whole


def lookup(text: str) -> str:
    """The translation alone, for what is filled in by others."""
    return _texts.get(text, text)


def isolate(value: object) -> object:
    """A value that keeps its own direction, where the language in use runs from right to left."""
    if _language not in _RIGHT_TO_LEFT or isinstance(value, int | float) or value == "":
        return value
    return f"{_FIRST_STRONG_ISOLATE}{value}{_END_OF_ISOLATE}"


def listed(parts: Iterable[str]) -> str:
    """Parts of a list, with the language's own comma between them.

    Each keeps its own direction, and the list that of the language, whatever it begins with: a list that begins with an
    address would run from left to right otherwise, Urdu words in it, too.
    """
    if _language not in _RIGHT_TO_LEFT:
        return ", ".join(parts)
    whole = "، ".join(str(isolate(part)) for part in parts)
    return f"{_RIGHT_TO_LEFT_MARK}{whole}" if whole else ""


def _guard(text: str) -> str:
    """Latin words within a text of the other direction."""
    return _LATIN.sub(lambda found: f"{_LEFT_TO_RIGHT_ISOLATE}{found[0]}{_END_OF_ISOLATE}", text)


def width(text: str) -> int:
    """Columns that a text takes on a terminal: marks and isolates take none, wide characters two (UAX 11)."""
    return sum(
        0 if unicodedata.category(letter) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def padded(text: str, columns: int) -> str:
    """A text with spaces after it, so that it takes so many columns."""
    return text + " " * max(0, columns - width(text))


def _read(language: str) -> dict[str, str]:
    content = pkgutil.get_data("rabta_agent", f"locale/{language}.po")
    return parse_catalogue(content.decode("utf-8")) if content else {}


def parse_catalogue(content: str) -> dict[str, str]:
    """Texts and their translations, of a catalogue without plurals and contexts; what has none is left out."""
    texts: dict[str, str] = {}
    entry = {"msgid": "", "msgstr": ""}
    field = ""
    for line in [*content.splitlines(), ""]:
        word, _, rest = line.partition(" ")
        if word in entry:
            field = word
            entry[field] = json.loads(rest)
        elif line.startswith('"'):
            entry[field] += json.loads(line)
        elif not line.strip():
            if entry["msgid"] and entry["msgstr"]:
                texts[entry["msgid"]] = entry["msgstr"]
            entry = {"msgid": "", "msgstr": ""}
    return texts


def mark(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text
